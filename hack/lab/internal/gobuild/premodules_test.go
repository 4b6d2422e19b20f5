package gobuild

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestStagingFoldersBecomeModules(t *testing.T) {
	dir := tree(t, map[string]string{"staging/src/k8s.io/api/doc.go": "package api\n"})
	text, err := premoduleMod(dir, []byte("replace (\n\texample.com/a => example.com/fork v1.2.0\n)\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"module k8s.io/kubernetes\n", "replace example.com/a => example.com/fork v1.2.0\n", "replace k8s.io/api => ./staging/src/k8s.io/api\n"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
	if own, err := os.ReadFile(filepath.Join(dir, "staging/src/k8s.io/api/go.mod")); err != nil || string(own) != "module k8s.io/api\n" {
		t.Errorf("its own go.mod is %q, %v", own, err)
	}
}

func TestOpenAPIPackagesCarryTheTag(t *testing.T) {
	dir := tree(t, map[string]string{
		"pkg/tagged/doc.go":                          "// +k8s:openapi-gen=true\npackage tagged\n",
		"pkg/plain/doc.go":                           "package plain\n",
		"staging/src/k8s.io/api/doc.go":              "// +k8s:openapi-gen=true\npackage api\n",
		"staging/src/k8s.io/sample-apiserver/doc.go": "// +k8s:openapi-gen=true\npackage sample\n",
	})
	got, err := openAPIPackages(dir)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Sorted(slices.Values(append([]string{"k8s.io/api", "k8s.io/kubernetes/pkg/tagged"}, openAPIAlways...)))
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestOldGoTakesOneProxy(t *testing.T) {
	for list, want := range map[string]string{"https://a.example,direct\n": "https://a.example", "off": "off", "https://a.example|https://b.example": "https://a.example"} {
		if got := first(list); got != want {
			t.Errorf("%q: got %q, want %q", list, got, want)
		}
	}
}

func TestEveryOldReleaseHasModulesAndSums(t *testing.T) {
	for _, v := range []string{"v1.12.0", "v1.13.0", "v1.14.0"} {
		if !BeforeModules(v) {
			t.Fatalf("%s: no modules", v)
		}
		for _, ext := range []string{".mod", ".sum"} {
			if data, err := premodules.ReadFile("premodules/" + v + ext); err != nil || len(data) == 0 {
				t.Errorf("%s%s: %d bytes, %v", v, ext, len(data), err)
			}
		}
	}
	if BeforeModules("v1.15.12") || !Old("v1.15.12") || Old("v1.33.13") {
		t.Error("a release is taken for one of another age")
	}
}

func TestStagingIsBroughtAtTheReleasesPatch(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte("module k8s.io/kubernetes\n\nreplace (\n\texample.com/a => example.com/a v1.0.0\n"+
		"\tk8s.io/api => ./staging/src/k8s.io/api\n\tk8s.io/late => ./staging/src/k8s.io/late\n)\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	got := stagingModules(mod, "v1.15.12", map[string]string{"k8s.io/late": "v0.15.9"})
	want := map[string]module.Version{"staging/src/k8s.io/api": {Path: "k8s.io/api", Version: "v0.15.12"}, "staging/src/k8s.io/late": {Path: "k8s.io/late", Version: "v0.15.9"}}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEveryOldReleaseHasAGoOfItsTime(t *testing.T) {
	for version, want := range map[string]string{"v1.12.0": "go1.12.17", "v1.15.12": "go1.12.17", "v1.16.15": "go1.13.15"} {
		if got := goOf(version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestOldEtcdKeepsThePinsOfItsNeighbour(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte("module x\n\ngo 1.21\n\nrequire github.com/coreos/etcd v3.2.32+incompatible\n\n"+
		"replace github.com/coreos/etcd => github.com/coreos/etcd v3.2.32+incompatible\n\nreplace example.com/a => example.com/a v1.0.0\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := oldEtcdMod(mod, "3.2.24", map[string]string{"example.com/codec": "v1.1.1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"github.com/coreos/etcd => github.com/coreos/etcd v3.2.24+incompatible", "example.com/a => example.com/a v1.0.0", "example.com/codec => example.com/codec v1.1.1"} {
		if !strings.Contains(string(text), want) {
			t.Errorf("lacks %q:\n%s", want, text)
		}
	}
}
