package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"path"
	"strings"
	"text/template"

	"sigs.k8s.io/yaml"
)

// releases is where a release's archives are.
const releases = "https://" + module + "/releases/download/VERSION"

//go:embed plugins.yaml.tmpl
var manifestText string

// manifest is what changes in the krew manifest from release to release.
type manifest struct {
	Version, url string
	Platforms    []download
}

type download struct{ OS, Arch, URI, SHA256, Bin string }

func newManifest(version, url string) *manifest { return &manifest{Version: version, url: url} }

func (m *manifest) add(p platform, sum string) {
	uri := strings.ReplaceAll(m.url, "VERSION", m.Version) + "/" + p.archive(m.Version)
	m.Platforms = append(m.Platforms, download{OS: p.OS, Arch: p.Arch, URI: uri, SHA256: sum, Bin: p.program()})
}

func (m *manifest) render() ([]byte, error) {
	t, err := template.New("plugins.yaml").Option("missingkey=error").Parse(manifestText)
	if err != nil {
		return nil, fmt.Errorf("read template of manifest: %w", err)
	}
	var out bytes.Buffer
	if err := t.Execute(&out, m); err != nil {
		return nil, fmt.Errorf("write manifest: %w", err)
	}
	return out.Bytes(), nil
}

// parseManifest reads what render wrote.
func parseManifest(data []byte) (*manifest, error) {
	var doc struct {
		Spec struct {
			Version   string
			Platforms []struct {
				URI, SHA256, Bin string
				Selector         struct{ MatchLabels struct{ OS, Arch string } }
			}
		}
	}
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("read manifest: %w", err)
	}
	m := newManifest(doc.Spec.Version, "")
	for _, p := range doc.Spec.Platforms {
		l := p.Selector.MatchLabels
		m.Platforms = append(m.Platforms, download{OS: l.OS, Arch: l.Arch, URI: p.URI, SHA256: p.SHA256, Bin: p.Bin})
		m.url = strings.TrimSuffix(p.URI, "/"+path.Base(p.URI))
	}
	return m, nil
}
