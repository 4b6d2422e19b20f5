package observe

import (
	"encoding/base64"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

func FuzzHelmManifest(f *testing.F) {
	f.Add([]byte{})
	release, err := base64.StdEncoding.DecodeString("H4sIAAAAAAAC/6tWykvMTVWyUlAqT01S0lFQyk3My0xLLS4BCenq6sbkJRZkhqUWFWfm51kplBnG5GVn5qVYKQSnFpVlJqfG5IH0lEHkgVoMawFB0r7xUQAAAA==")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(release)
	f.Fuzz(func(t *testing.T, packed []byte) {
		if text, err := helmManifest([]byte(base64.StdEncoding.EncodeToString(packed))); err != nil && text != "" {
			t.Errorf("%v, and %q", err, text)
		}
	})
}

func FuzzManifestObjects(f *testing.F) {
	ends := []knowledge.RemovedAPI{{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget"}}
	f.Add("---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n---\napiVersion: v1\nkind: List\nitems: [{apiVersion: policy/v1beta1, kind: PodDisruptionBudget}]\n")
	f.Fuzz(func(t *testing.T, manifest string) {
		for _, o := range manifestObjects(manifest, ends) {
			if o.Group != "policy" || o.Version != "v1beta1" || o.Kind != "PodDisruptionBudget" {
				t.Errorf("%+v ends with nothing", o)
			}
		}
	})
}
