package explain

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
)

func TestRowsAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rows() {
		if seen[r.ID] {
			t.Errorf("%s is there twice", r.ID)
		}
		seen[r.ID] = true
		for what, text := range map[string]string{"cause": r.Cause, "fix": r.Fix, "source": r.Source, "from": r.From} {
			if text == "" || strings.TrimSpace(text) != text {
				t.Errorf("%s: its %s is %q", r.ID, what, text)
			}
		}
		if !strings.HasPrefix(r.Source, "https://") {
			if _, err := os.Stat(filepath.Join("..", "..", r.Source)); err != nil {
				t.Errorf("%s: its source is neither an address nor a page: %v", r.ID, err)
			}
		}
		if r.From != "preflight" && strings.Contains(r.ID, "-log-") != (len(r.Lines) > 0) {
			t.Errorf("%s has %d lines", r.ID, len(r.Lines))
		}
	}
}

// TestEveryFindingIsExplained holds the table against the findings that the code can give, both ways.
func TestEveryFindingIsExplained(t *testing.T) {
	inCode := map[string]bool{}
	for _, dir := range []string{"preflight", "knowledge", "upgrade", "plan"} {
		for id := range findings(t, filepath.Join("..", dir)) {
			inCode[id] = true
		}
	}
	if len(inCode) < 60 {
		t.Fatalf("only %d findings were found in the code", len(inCode))
	}
	for _, h := range hazard.All() {
		inCode[h.ID] = true
	}
	rows := map[string]bool{}
	for _, r := range Rows() {
		if r.From == "preflight" {
			rows[r.ID] = true
		}
	}
	for id := range inCode {
		if !rows[id] {
			t.Errorf("finding %s is not explained", id)
		}
	}
	for id := range rows {
		if !inCode[id] {
			t.Errorf("%s is explained, and no finding has that ID", id)
		}
	}
}

// findings collects the IDs of findings, and of the problems that become some, from the code of a package: those of literals, those
// that are assigned, and those that are handed to the helper which makes problems.
func findings(t *testing.T, dir string) map[string]bool {
	t.Helper()
	out := map[string]bool{}
	constants := map[string]string{}
	var files []*ast.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		files = append(files, f)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, name := range v.Names {
					if i < len(v.Values) {
						constants[name.Name] = text(v.Values[i], nil)
					}
				}
			}
			return true
		})
	}
	keep := func(e ast.Expr) {
		if id := text(e, constants); id != "" {
			out[id] = true
		}
	}
	for _, f := range files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.CompositeLit:
				if of := typeName(n.Type); of != "Finding" && of != "Problem" && of != "" {
					return true
				}
				for _, e := range n.Elts {
					if kv, ok := e.(*ast.KeyValueExpr); ok && typeName(kv.Key) == "ID" && hasMessage(n) {
						keep(kv.Value)
					}
				}
			case *ast.AssignStmt:
				for i, l := range n.Lhs {
					if s, ok := l.(*ast.SelectorExpr); ok && s.Sel.Name == "ID" && len(n.Rhs) == len(n.Lhs) && filepath.Base(dir) == "preflight" {
						keep(n.Rhs[i])
					}
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "problem" {
					keep(n.Args[0])
				}
			}
			return true
		})
	}
	return out
}

// hasMessage tells a finding from other things that have an ID.
func hasMessage(n *ast.CompositeLit) bool {
	return slices.ContainsFunc(n.Elts, func(e ast.Expr) bool {
		kv, ok := e.(*ast.KeyValueExpr)
		return ok && (typeName(kv.Key) == "Message" || typeName(kv.Key) == "Severity")
	})
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	case *ast.ArrayType:
		return typeName(e.Elt)
	}
	return ""
}

// text is the string that an expression is, if it says one.
func text(e ast.Expr, constants map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		s, _ := strconv.Unquote(e.Value)
		return s
	case *ast.Ident:
		return constants[e.Name]
	}
	return ""
}

// TestLinesOfRealServers are lines as these programs have written them.
func TestLinesOfRealServers(t *testing.T) {
	for line, want := range map[string]string{
		`{"level":"panic","ts":"2026-01-02T15:04:05.6Z","caller":"etcdserver/apply_v2.go:62","msg":"detected disallowed v2 WAL for stage --v2-deprecation=write-only","method":"SYNC"}`: "etcd-log-v2-wal",
		`{"level":"error","msg":"illegal v2store content","error":"detected disallowed custom content in v2store for stage --v2-deprecation=write-only"}`:                               "etcd-log-v2-content",
		`panic: tocommit(107) is out of range [lastIndex(84)]. Was the raft log corrupted, truncated, or lost?`:                                                                         "etcd-log-tocommit",
		`error verifying flags, flag provided but not defined: -enable-v2. See 'etcd --help'.`:                                                                                          "etcd-log-flag",
		`{"level":"fatal","msg":"discovery failed","error":"database file (/var/lib/etcd/member/snap/db) of the backend is missing"}`:                                                   "etcd-log-backend-missing",
		`E0102 15:04:05.000000 1 run.go:72] "command failed" err="failed to parse kubelet flag: unknown flag: --network-plugin"`:                                                        "kubelet-log-flag",
		`"command failed" err="failed to run Kubelet: validate service connection: validate CRI v1 runtime API for endpoint \"unix:///run/containerd/containerd.sock\": rpc error"`:     "kubelet-log-cri",
		`[upgrade/apply] FATAL: couldn't upgrade control plane. kubeadm has tried to recover everything into the earlier state. Errors faced: timed out waiting for the condition`:      "kubeadm-log-recovered",
		`	[ERROR CoreDNSUnsupportedPlugins]: CoreDNS cannot migrate the following plugins:`:                                                                                             "kubeadm-log-coredns",
		`error [pdb-never] PDB shop/db: it allows no eviction even with all of its 1 pods healthy`:                                                                                      "pdb-never",
		` etcd-3.5-revision`: "etcd-3.5-revision",
	} {
		got := Find(line)
		if len(got) == 0 || got[0].ID != want {
			t.Errorf("%s\nis explained by %v, want %s", line, got, want)
		}
	}
	for _, nothing := range []string{"", "all is well", "[unknown]", "pdb"} {
		if got := Find(nothing); len(got) > 0 {
			t.Errorf("%q is explained by %v", nothing, got)
		}
	}
	if near := Near("pdb"); !slices.Contains(near, "pdb-two") {
		t.Errorf("near pdb are %v", near)
	}
}

// TestEveryLineFindsItsRow: no line is hidden behind another row that says more of it.
func TestEveryLineFindsItsRow(t *testing.T) {
	for _, r := range Rows() {
		for _, l := range r.Lines {
			if got := Find("x " + strings.ReplaceAll(l, "...", "y") + " z"); len(got) == 0 || got[0].ID != r.ID {
				t.Errorf("%q finds %v, want %s first", l, got, r.ID)
			}
		}
	}
}
