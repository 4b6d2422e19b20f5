package observe

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// helmRelease packs a manifest as Helm does.
func helmRelease(t *testing.T, manifest string) []byte {
	t.Helper()
	text, err := json.Marshal(map[string]any{"name": "web", "info": map[string]any{"status": "deployed"}, "chart": map[string]any{"values": map[string]any{"a": 1}},
		"config": map[string]any{"password": "secret"}, "manifest": manifest, "version": 3})
	if err != nil {
		t.Fatal(err)
	}
	return packed(t, text)
}

func packed(t *testing.T, text []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return []byte(base64.StdEncoding.EncodeToString(b.Bytes()))
}

const (
	// endingManifest has an object by a version that ends with 1.37, as Helm separates them.
	endingManifest = "---\n# Source: web/templates/class.yaml\napiVersion: storage.k8s.io/v1beta1\nkind: VolumeAttributesClass\nmetadata:\n  name: fast\ndriverName: d.example.invalid\n" +
		"---\n# Source: web/templates/service.yaml\napiVersion: v1\nkind: Service\nmetadata:\n  name: web\n"
	stayingManifest = "---\n# Source: web/templates/deployment.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  annotations:\n    was: storage.k8s.io/v1beta1 VolumeAttributesClass\n"
)

// plantHelm puts releases on an API server, more than one page of them, one of which has what ends, beside Secrets that are none of Helm's business now.
func plantHelm(ctx context.Context, t *testing.T, client *kube.Client) {
	t.Helper()
	make := func(name, status string, kind corev1.SecretType, release []byte) {
		t.Helper()
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "sh.helm.release.v1." + name + ".v3", Labels: map[string]string{"owner": "helm", "name": name, "status": status, "version": "3"}},
			Type: kind, Data: map[string][]byte{"release": release}}
		if _, err := client.CoreV1().Secrets("default").Create(ctx, secret, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	const helm = corev1.SecretType("helm.sh/release.v1")
	for i := range releasesPage + 5 {
		make(fmt.Sprintf("stays-%02d", i), "deployed", helm, helmRelease(t, stayingManifest))
	}
	make("web", "deployed", helm, helmRelease(t, endingManifest))
	make("was", "superseded", helm, helmRelease(t, endingManifest))
	make("other", "deployed", corev1.SecretTypeOpaque, helmRelease(t, endingManifest))
}

// checkHelm wants the one release found, and named by the row.
func checkHelm(t *testing.T, in *cluster.Cluster, to version.Version) {
	t.Helper()
	want := []cluster.HelmRelease{{Namespace: "default", Name: "web", Objects: []cluster.HelmObject{{Group: "storage.k8s.io", Version: "v1beta1", Kind: "VolumeAttributesClass", Name: "fast"}}}}
	if d := cmp.Diff(want, in.Survey.HelmReleases); d != "" {
		t.Errorf("releases of Helm: %s", d)
	}
	found := hazard.Find(hazard.Facts{Cluster: in, To: to})
	i := slices.IndexFunc(found, func(h hazard.Found) bool { return h.ID == "helm-release-removed-api" })
	if i < 0 || !slices.Equal(found[i].Offenders, []string{"release default/web has storage.k8s.io/v1beta1 VolumeAttributesClass (fast), which ends with 1.37"}) {
		t.Errorf("found %+v", found)
	}
}

// checkHelmForbidden: who may list no Secrets is told that releases were not looked at.
func checkHelmForbidden(ctx context.Context, t *testing.T, config *rest.Config, in *cluster.Cluster, upTo version.Version) {
	t.Helper()
	client := asReader(t, config)
	s := &survey{client: client, Survey: &cluster.Survey{APIs: in.Survey.APIs}}
	err := s.all(ctx, []part{{"releases of Helm", func(ctx context.Context) error { return s.helm(ctx, upTo) }, false}})
	if err != nil || len(s.HelmReleases) > 0 || len(s.Unread) != 1 || s.Unread[0].What != "releases of Helm" || !strings.Contains(s.Unread[0].Cause, `User "reader" cannot list resource "secrets"`) {
		t.Errorf("found %+v, not read %+v, %v", s.HelmReleases, s.Unread, err)
	}
	// Where nothing ends on the way, no Secret is asked for.
	s = &survey{client: client, Survey: &cluster.Survey{APIs: in.Survey.APIs}}
	if err := s.helm(ctx, version.MustParse("v1.20.0")); err != nil {
		t.Errorf("without anything that ends: %v", err)
	}
}

func TestManifestObjects(t *testing.T) {
	ends := []knowledge.RemovedAPI{{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget"}, {Group: "rbac.authorization.k8s.io", Version: "v1beta1", Kind: "Role"}}
	budget := func(name string) cluster.HelmObject {
		return cluster.HelmObject{Group: "policy", Version: "v1beta1", Kind: "PodDisruptionBudget", Name: name}
	}
	for name, tt := range map[string]struct {
		manifest string
		want     []cluster.HelmObject
	}{
		"nothing": {"", nil},
		"one of several": {"---\napiVersion: v1\nkind: Service\nmetadata: {name: a}\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n--- # more\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {name: c}\n",
			[]cluster.HelmObject{budget("b")}},
		"quoted":                     {"apiVersion: \"policy/v1beta1\"\nkind: 'PodDisruptionBudget'\nmetadata:\n  name: b\n", []cluster.HelmObject{budget("b")}},
		"JSON":                       {`{"apiVersion":"policy/v1beta1","kind":"PodDisruptionBudget","metadata":{"name":"b"}}`, []cluster.HelmObject{budget("b")}},
		"another kind of the group":  {"apiVersion: policy/v1beta1\nkind: PodSecurityPolicy\nmetadata: {name: b}\n", nil},
		"only named in another":      {"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: b}\ndata:\n  x: |\n    apiVersion: policy/v1beta1\n    kind: PodDisruptionBudget\n", nil},
		"a list":                     {"apiVersion: v1\nkind: List\nitems:\n- apiVersion: policy/v1beta1\n  kind: PodDisruptionBudget\n  metadata: {name: b}\n- apiVersion: v1\n  kind: Service\n", []cluster.HelmObject{budget("b")}},
		"a list of one kind":         {"apiVersion: rbac.authorization.k8s.io/v1beta1\nkind: RoleList\nitems:\n- metadata: {name: r}\n", []cluster.HelmObject{{Group: "rbac.authorization.k8s.io", Version: "v1beta1", Kind: "Role", Name: "r"}}},
		"no YAML beside it":          {"policy/v1beta1: [\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n", []cluster.HelmObject{budget("b")}},
		"no separator, but nearly":   {"a: 1\n---policy\n---\napiVersion: policy/v1beta1\nkind: PodDisruptionBudget\nmetadata: {name: b}\n", []cluster.HelmObject{budget("b")}},
		"a custom resource, by name": {"apiVersion: example.invalid/v1\nkind: PodDisruptionBudget\nspec: {is: policy/v1beta1}\n", nil},
	} {
		if d := cmp.Diff(tt.want, manifestObjects(tt.manifest, ends)); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
}

func TestHelmManifest(t *testing.T) {
	if got, err := helmManifest(helmRelease(t, "a: 1\n")); err != nil || got != "a: 1\n" {
		t.Errorf("got %q, %v", got, err)
	}
	bomb := packed(t, append([]byte(`{"manifest":"`), bytes.Repeat([]byte(" "), releaseLimit+1)...))
	for name, tt := range map[string]struct {
		release []byte
		want    string
	}{
		"empty":       {nil, ""},
		"not base64":  {[]byte("!"), "base64"},
		"not gzip":    {[]byte(base64.StdEncoding.EncodeToString([]byte(`{"manifest":"a: 1"}`))), "gzip"},
		"not JSON":    {packed(t, []byte("a: 1")), "invalid character"},
		"cut short":   {packed(t, []byte(`{"manifest":"a`)), "EOF"},
		"unpacks big": {bomb, "32 MiB"},
	} {
		if got, err := helmManifest(tt.release); err == nil || got != "" || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
	}
	if len(bomb) > 64<<10 {
		t.Errorf("what unpacks to %d bytes has %d: it would not show that there is a limit", releaseLimit, len(bomb))
	}
}
