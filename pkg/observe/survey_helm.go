package observe

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	// releasesPage is small: a Secret may have a megabyte, and Helm fills it.
	releasesPage = 20
	// releaseLimit is how large a release may be once it is unpacked (bytes). What a chart compresses to is at most a Secret, but a few kilobytes can be
	// made to unpack to a gigabyte.
	releaseLimit = 32 << 20
)

// helmSecret is where Helm keeps a release, https://github.com/helm/helm/blob/v3.19.0/pkg/storage/driver/secrets.go
type helmSecret struct {
	Metadata struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	Data struct {
		Release []byte `json:"release"`
	} `json:"data"`
}

// helm finds the releases whose manifest has objects by versions that end up to a release. Helm reads it again at the next upgrade of the release, and fails when
// the API server does not know one of them. Of what else there is in a release, such as its values, nothing is kept.
func (s *survey) helm(ctx context.Context, upTo version.Version) error {
	ends := s.ending(upTo)
	if len(ends) == 0 {
		return nil // nobody's Secrets have to be read
	}
	var first error
	unread := 0
	err := each(ctx, s, "/api/v1/secrets", "application/json", releasesPage, func(r helmSecret) {
		out := cluster.HelmRelease{Namespace: r.Metadata.Namespace, Name: cmp.Or(r.Metadata.Labels["name"], r.Metadata.Name)}
		manifest, err := helmManifest(r.Data.Release)
		if err != nil {
			if unread++; first == nil {
				first = fmt.Errorf("read release %s/%s: %w", out.Namespace, out.Name, err)
			}
			return
		}
		if out.Objects = manifestObjects(manifest, ends); len(out.Objects) > 0 {
			s.HelmReleases = append(s.HelmReleases, out)
		}
	}, selection{"labelSelector", "owner=helm,status=deployed"}, selection{"fieldSelector", "type=helm.sh/release.v1"})
	if unread > 1 {
		first = fmt.Errorf("%w; and %d more", first, unread-1)
	}
	return errors.Join(err, first)
}

// helmManifest unpacks what a release has made in the cluster: JSON, compressed by gzip and put in base64, by which the API has it once more.
func helmManifest(release []byte) (string, error) {
	packed := make([]byte, base64.StdEncoding.DecodedLen(len(release)))
	n, err := base64.StdEncoding.Decode(packed, release)
	if err != nil {
		return "", err
	}
	unpacked, err := gzip.NewReader(bytes.NewReader(packed[:n]))
	if err != nil {
		return "", err
	}
	limited := &io.LimitedReader{R: unpacked, N: releaseLimit}
	var r struct {
		Manifest string `json:"manifest"`
	}
	if err := json.NewDecoder(limited).Decode(&r); err != nil {
		if limited.N == 0 {
			return "", fmt.Errorf("it unpacks to more than %d MiB", releaseLimit>>20)
		}
		return "", err
	}
	return r.Manifest, nil
}

// manifestObject is an object of a manifest, or a list of them.
type manifestObject struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name string `json:"name"`
	} `json:"metadata"`
	Items []manifestObject `json:"items"`
}

// manifestObjects finds those of a manifest that are of some versions. What is no YAML Helm could not have installed, and is passed by.
func manifestObjects(manifest string, ends []knowledge.RemovedAPI) []cluster.HelmObject {
	var out []cluster.HelmObject
	var see func(o manifestObject)
	see = func(o manifestObject) {
		if slices.ContainsFunc(ends, func(a knowledge.RemovedAPI) bool { return a.GroupVersion() == o.APIVersion && a.Kind == o.Kind }) {
			group, v, ok := strings.Cut(o.APIVersion, "/")
			if !ok {
				group, v = "", o.APIVersion
			}
			out = append(out, cluster.HelmObject{Group: group, Version: v, Kind: o.Kind, Name: o.Metadata.Name})
		}
		for _, i := range o.Items {
			// A list of one kind need not say of each of its objects which it is.
			i.APIVersion, i.Kind = cmp.Or(i.APIVersion, o.APIVersion), cmp.Or(i.Kind, strings.TrimSuffix(o.Kind, "List"))
			see(i)
		}
	}
	for documents := utilyaml.NewYAMLReader(bufio.NewReader(strings.NewReader(manifest))); ; {
		text, err := documents.Read()
		if errors.Is(err, io.EOF) {
			return out
		}
		if err != nil {
			continue
		}
		// To look for a word takes a thousandth of the time that it takes to read YAML, and most charts have none of them.
		if !slices.ContainsFunc(ends, func(a knowledge.RemovedAPI) bool { return bytes.Contains(text, []byte(a.GroupVersion())) }) {
			continue
		}
		var o manifestObject
		if yaml.Unmarshal(text, &o) == nil {
			see(o)
		}
	}
}
