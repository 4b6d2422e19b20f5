package gobuild

import (
	"strings"
	"testing"

	"golang.org/x/mod/modfile"
	"golang.org/x/mod/module"
)

func TestRender(t *testing.T) {
	mod, err := modfile.Parse("go.mod", []byte(`module k8s.io/kubernetes

go 1.24.0

require (
	example.com/a v1.2.0
	k8s.io/api v0.0.0
)

replace (
	example.com/b => example.com/fork v1.0.0
	example.com/c => ../c
	k8s.io/api => ./staging/src/k8s.io/api
)
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	got, err := render(module.Version{Path: "k8s.io/kubernetes", Version: "v1.33.13"}, mod, []module.Version{{Path: "example.com/a", Version: "v1.3.0"}}, map[string]string{"k8s.io/late": "v0.33.9"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"go 1.24.0\n", "godebug default=go1.24\n", "require k8s.io/kubernetes v1.33.13\n", "require example.com/a v1.3.0\n",
		"replace k8s.io/late => k8s.io/late v0.33.9\n", "replace k8s.io/api => k8s.io/api v0.33.13\n", "replace example.com/b => example.com/fork v1.0.0\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("lacks %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "example.com/c") {
		t.Errorf("repeats a replacement by path:\n%s", got)
	}
}
