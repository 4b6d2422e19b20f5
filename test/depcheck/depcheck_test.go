package depcheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/kubectl-upgrade/kubectl-upgrade/"

// layers are the packages from bottom to top. A package may import those of lower layers only, not its neighbours.
var layers = [][]string{
	{"pkg/version", "pkg/event", "pkg/buildinfo"},
	{"pkg/cluster", "pkg/knowledge"},
	{"pkg/hostaction", "pkg/manifest"}, // the actions are values: a plan is made of them, and of the texts that they put in place
	{"pkg/hazard"},
	{"pkg/plan", "pkg/preflight"},
	{"pkg/explain"}, // up to here: pure
	{"pkg/bundle/...", "pkg/snapfile"},
	{"pkg/kube", "pkg/record", "pkg/host/...", "pkg/migrate/..."},
	{"pkg/agent", "pkg/node", "pkg/probe"},
	{"pkg/observe"},
	{"pkg/step"},
	{"pkg/engine"},
	{"pkg/ui", "pkg/report", "pkg/upgrade"},
	{"pkg/cli"},
	{"cmd/...", "hack/...", "test/..."},
}

// pure are the packages without a client, a host or a clock. What they import of this project has to be pure too.
var pure = []string{"pkg/version", "pkg/event", "pkg/cluster", "pkg/knowledge", "pkg/manifest", "pkg/hazard", "pkg/plan", "pkg/preflight", "pkg/explain"}

// impure are the imports, and what lies below them, that a pure package cannot have.
var impure = []string{"k8s.io/client-go", "os", "net", "syscall"}

// unlinked are, by command, the packages that must not become part of it, and why.
var unlinked = []struct{ command, pkg, why string }{
	{"cmd/kubectl-upgrade", "go.etcd.io/etcd/server/v3", "the plugin would carry a whole server; work on data directories belongs to etcd-migrate"},
	{"cmd/kubectl-upgrade", "go.etcd.io/etcd/etcdutl/v3", "the plugin would carry a whole server; work on data directories belongs to etcd-migrate"},
	{"cmd/etcd-migrate", "k8s.io/client-go", "it works on one directory, where often no API server runs"},
	{"cmd/host-agent", "go.etcd.io/etcd/server/v3", "what it has to do with data directories etcd-migrate does for it, beside it on the host"},
	{"cmd/host-agent", "github.com/google/go-containerregistry", "it takes files in and makes no bundles"},
	{"cmd/host-agent", "k8s.io/kubectl", "the agent holds no API credentials and must not be able to use any"},
	{"cmd/host-agent", "k8s.io/client-go/kubernetes", "the agent holds no API credentials and must not be able to use any"},
}

// listed is what "go list -deps" says of a package.
type listed struct {
	ImportPath string
	Standard   bool
	Imports    []string
	Deps       []string
}

// watch opens every source file. The go command keeps a test's result until a file changes that the test itself opened,
// and knows nothing of what "go list" reads.
func watch(t *testing.T) {
	t.Helper()
	for _, root := range []string{"cmd", "hack", "pkg", "test"} {
		err := filepath.WalkDir(filepath.Join("..", "..", root), func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.IsDir() && filepath.Ext(path) != ".go" {
				return err
			}
			f, err := os.Open(path)
			if err != nil {
				return err
			}
			return f.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// list returns this module's packages by their path in it.
func list(t *testing.T) map[string]listed {
	t.Helper()
	watch(t)
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-json=ImportPath,Standard,Imports,Deps", module+"...")
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, &stderr)
	}
	pkgs := map[string]listed{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if name, ours := strings.CutPrefix(p.ImportPath, module); ours {
			pkgs[name] = p
		}
	}
	if len(pkgs) < 10 {
		t.Fatalf("go list found %d packages of this module, which cannot be all", len(pkgs))
	}
	return pkgs
}

// below tells whether a path is root or lies below it.
func below(path, root string) bool { return path == root || strings.HasPrefix(path, root+"/") }

// layer finds the layer of a package, or -1.
func layer(name string) (int, string) {
	for i, l := range layers {
		for _, entry := range l {
			root, tree := strings.CutSuffix(entry, "/...")
			if name == root || tree && below(name, root) {
				return i, entry
			}
		}
	}
	return -1, ""
}

func TestImportsGoOneWay(t *testing.T) {
	for name, p := range list(t) {
		own, entry := layer(name)
		if own < 0 {
			t.Errorf("%s has no place in the order of packages: give it one in layers", name)
			continue
		}
		for _, path := range p.Imports {
			imported, ours := strings.CutPrefix(path, module)
			if !ours {
				continue
			}
			other, otherEntry := layer(imported)
			// A tree of packages is one place in the order.
			if other >= own && entry != otherEntry {
				t.Errorf("%s imports %s, which is not below it in the order of packages", name, imported)
			}
		}
	}
}

func TestPurePackages(t *testing.T) {
	pkgs := list(t)
	for _, start := range pure {
		seen := map[string]bool{}
		var visit func(name string, path []string)
		visit = func(name string, path []string) {
			if seen[name] {
				return
			}
			seen[name] = true
			path = append(path, name)
			for _, i := range pkgs[name].Imports {
				if ours, ok := strings.CutPrefix(i, module); ok {
					visit(ours, path)
					continue
				}
				if k := slices.IndexFunc(impure, func(r string) bool { return below(i, r) }); k >= 0 {
					t.Errorf("%s has to be pure, but imports %s", strings.Join(path, " imports "), i)
				}
			}
		}
		if _, ok := pkgs[start]; !ok {
			t.Errorf("%s does not exist", start)
		}
		visit(start, nil)
	}
}

func TestCommandsDoNotLink(t *testing.T) {
	pkgs := list(t)
	for _, u := range unlinked {
		p, ok := pkgs[u.command]
		if !ok {
			t.Errorf("%s does not exist", u.command)
		}
		for _, d := range p.Deps {
			if below(d, u.pkg) {
				t.Errorf("%s links %s: %s (go mod why -m, or go list -deps, tells the way)", u.command, d, u.why)
				break
			}
		}
	}
}

// Only pkg/migrate may know etcd's server: what is true of one release's packages is not of the next one's.
func TestOnlyMigrateKnowsServers(t *testing.T) {
	for name, p := range list(t) {
		for _, path := range p.Imports {
			if (below(path, "go.etcd.io/etcd/server/v3") || below(path, "go.etcd.io/etcd/etcdutl/v3")) && !below(name, "pkg/migrate") {
				t.Errorf("%s imports %s", name, path)
			}
		}
	}
}

func TestBelow(t *testing.T) {
	for _, c := range []struct {
		path, root string
		want       bool
	}{
		{"os", "os", true}, {"os/exec", "os", true}, {"oss", "os", false}, {"k8s.io/client-go-x", "k8s.io/client-go", false},
	} {
		if got := below(c.path, c.root); got != c.want {
			t.Errorf("below(%q, %q) = %t", c.path, c.root, got)
		}
	}
}
