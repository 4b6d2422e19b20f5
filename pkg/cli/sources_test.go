package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/upgrade"
)

// emptyBundle is a folder with a manifest.
func emptyBundle(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text, err := (&bundle.Manifest{}).Encode()
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, bundle.ManifestName), text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestSources(t *testing.T) {
	dir, empty := emptyBundle(t), t.TempDir()
	for _, c := range []struct {
		packages, images string
		// want is what images are then from, or the error.
		want  string
		agent string
	}{
		{dir, dir, "folder", "agent:v1"},
		{"", "registry.example:5000/k8s/", "registry.example:5000/k8s", "agent:v1"},
		{"", "localhost", "localhost", "agent:v1"},
		{dir, "oci://registry.example/upgrade:v1", "carried", "registry.example/upgrade:v1"},
		{"oci://registry.example/upgrade:v1", "oci://registry.example/upgrade:v2", "the same image", ""},
		{"oci://Registry/Upper:v1", "", "--packages-from", ""},
		{"registry.example/k8s", "", "--packages-from: \"registry.example/k8s\" is neither", ""},
		{empty, "", "there is no bundle.json", ""},
		{"./does-not-exist", "", "does-not-exist", ""},
		{"", "bundel", "is no folder, and no registry", ""},
	} {
		f := upgradeFlags{packagesFrom: c.packages, imagesFrom: c.images}
		o := upgrade.Options{}
		o.Agent.Image = "agent:v1"
		err := f.sources(&o, false)
		if c.agent == "" {
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q and %q: %v, want it to say %q", c.packages, c.images, err, c.want)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q and %q: %v", c.packages, c.images, err)
			continue
		}
		got := o.ImagesFrom.Location
		switch {
		case o.ImagesFrom.Folder != nil:
			got = "folder"
		case o.ImagesFrom.Carried:
			got = "carried"
		}
		if got != c.want || o.Agent.Image != c.agent {
			t.Errorf("%q and %q: %s, agent %s", c.packages, c.images, got, o.Agent.Image)
		}
	}
	f, o := upgradeFlags{packagesFrom: "oci://registry.example/upgrade:v1"}, upgrade.Options{}
	o.Agent.Image = "agent:v1"
	if err := f.sources(&o, true); err == nil || !strings.Contains(err.Error(), "--agent-image") {
		t.Errorf("an agent of another image: %v", err)
	}
}

func TestBundleWantsItsFlags(t *testing.T) {
	for want, args := range map[string][]string{
		"--to is required":          {},
		"--debs or --binaries":      {"--to", "v1.34.2"},
		"either --output":           {"--to", "v1.34.2", "--debs", "x"},
		"want either":               {"--to", "v1.34.2", "--debs", "x", "--output", "y", "--push", "z"},
		"--via: v1.35.0":            {"--to", "v1.34.2", "--debs", "x", "--output", "y", "--via", "v1.35.0"},
		"--from: v1.34.2":           {"--to", "v1.34.2", "--debs", "x", "--output", "y", "--from", "v1.34.2"},
		"look for packages in /no/": {"--to", "v1.34.2", "--debs", "/no/such/folder", "--output", filepath.Join(t.TempDir(), "y")},
	} {
		out, _, err := run(t, append([]string{"bundle"}, args...)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" {
			t.Errorf("%v: %v, want it to say %q", args, err, want)
		}
	}
}
