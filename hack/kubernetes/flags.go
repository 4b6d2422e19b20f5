package main

import (
	"fmt"
	"go/ast"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// common are the folders whose flags every component has.
var common = []string{"component-base"}

// components are the folders in which a component's flags are defined.
var components = map[string][]string{
	"kube-apiserver": {"kubernetes/cmd/kube-apiserver/app", "kubernetes/pkg/kubeapiserver/options", "kubernetes/pkg/controlplane/apiserver/options",
		"apiserver/pkg/server/options"},
	"kube-controller-manager": {"kubernetes/cmd/kube-controller-manager/app", "controller-manager", "cloud-provider", "apiserver/pkg/server/options"},
	"kube-scheduler":          {"kubernetes/cmd/kube-scheduler/app", "apiserver/pkg/server/options"},
	"kubelet":                 {"kubernetes/cmd/kubelet/app", "kubernetes/pkg/kubelet/config", "kubernetes/pkg/kubelet/cadvisor"},
	"kube-proxy":              {"kubernetes/cmd/kube-proxy/app"},
}

// unused are files of the library for servers whose flags no component has had since 1.24.
var unused = map[string]bool{"deprecated_insecure_serving.go": true}

// defines are the methods of flag sets by which a flag comes to be; registers are the kubelet's own for those of cAdvisor.
var defines = regexp.MustCompile(`^((String|Bool|Int|Int32|Int64|Uint|Uint32|Uint64|Float32|Float64|Duration|IP|IPNet)(Slice|Array)?)?(Var|VarP)$`)

var registers = regexp.MustCompile(`^(register|registerDeprecated|pflagRegister)$`)

var flagName = regexp.MustCompile(`^[a-z][a-z0-9_.-]*$`)

// flags are the names of a component's flags in one release. Words that stand anywhere in its folders are in words: a flag of such a name may
// come to be in a way that was not recognized, and is not called removed.
func flags(s source, component string) (names, words map[string]bool, err error) {
	names, words = map[string]bool{}, map[string]bool{}
	for _, folder := range slices.Concat(common, components[component]) {
		err := s.parse(folder, func(path string, f *ast.File) {
			if unused[filepath.Base(path)] {
				return
			}
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.BasicLit:
					if t, ok := text(n); ok && flagName.MatchString(t) {
						words[dashed(t)] = true
					}
				case *ast.CallExpr:
					if name := called(n); !defines.MatchString(name) && (component != "kubelet" || !registers.MatchString(name)) {
						return true
					}
					for _, a := range n.Args[:min(3, len(n.Args))] {
						if t, ok := text(a); ok && flagName.MatchString(t) {
							names[dashed(t)] = true
							break
						}
					}
				}
				return true
			})
		})
		if err != nil {
			return nil, nil, err
		}
	}
	return names, words, nil
}

// dashed is a name as the components take it: they read underscores as dashes.
func dashed(name string) string { return strings.ReplaceAll(name, "_", "-") }

func called(c *ast.CallExpr) string {
	switch f := c.Fun.(type) {
	case *ast.SelectorExpr:
		return f.Sel.Name
	case *ast.Ident:
		return f.Name
	}
	return ""
}

// flagTable is every flag that one of the releases has and the next has not.
func flagTable(sources []source) (string, error) {
	var w strings.Builder
	w.WriteString(header)
	fmt.Fprintf(&w, "// removedFlags are the flags that a component took in one release and takes no more in the next, from %s to %s.\nvar removedFlags = []RemovedFlag{\n",
		sources[0].Minor(), sources[len(sources)-1].Minor())
	for _, c := range slices.Sorted(maps.Keys(components)) {
		var before map[string]bool
		for i, s := range sources {
			names, words, err := flags(s, c)
			if err != nil {
				return "", err
			}
			if len(names) < 20 {
				return "", fmt.Errorf("read flags of %s %s: %d were found, which cannot be all", c, s.release, len(names))
			}
			for _, n := range slices.Sorted(maps.Keys(before)) {
				if !words[n] {
					fmt.Fprintf(&w, "\t{Component: %q, Name: %q, Removed: %q, Last: %q},\n", c, n, s.Minor(), sources[i-1].release)
				}
			}
			before = names
		}
	}
	w.WriteString("}\n")
	return w.String(), nil
}
