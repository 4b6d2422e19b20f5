package main

import (
	"fmt"
	"go/ast"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// gateFolders are the folders in which the feature gates of the components are defined, and those of kubeadm itself.
var gateFolders = map[string][]string{
	"": {"kubernetes/pkg/features", "apiserver/pkg/features", "apiextensions-apiserver/pkg/features", "client-go/features", "component-base", "controller-manager/pkg/features",
		"cloud-provider/controllers"},
	"kubeadm": {"kubernetes/cmd/kubeadm/app/features"},
}

// gate is what one release says of a feature gate: whether it can be set, and if not, what it is.
type gate struct{ locked, value bool }

// gates reads every map whose values are the specifications of feature gates.
func gates(s source, folders []string) (map[string]gate, error) {
	out := map[string]gate{}
	for _, folder := range folders {
		err := s.parse(folder, func(_ string, f *ast.File) {
			ast.Inspect(f, func(n ast.Node) bool {
				c, ok := n.(*ast.CompositeLit)
				if !ok || !isGateMap(c.Type) {
					return true
				}
				for _, e := range c.Elts {
					kv, ok := e.(*ast.KeyValueExpr)
					if !ok {
						continue
					}
					if name := gateName(kv.Key); name != "" {
						out[name] = spec(kv.Value, s.minor)
					}
				}
				return false
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// isGateMap tells map[featuregate.Feature]featuregate.FeatureSpec and its like, and kubeadm's FeatureList.
func isGateMap(t ast.Expr) bool {
	switch t := t.(type) {
	case *ast.MapType:
		v := typeName(t.Value)
		return v == "FeatureSpec" || v == "VersionedSpecs"
	case *ast.Ident:
		return t.Name == "FeatureList"
	}
	return false
}

func typeName(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.Ident:
		return e.Name
	case *ast.SelectorExpr:
		return e.Sel.Name
	}
	return ""
}

// gateName is the name of the constant that stands for a gate, which has the name of the gate everywhere.
func gateName(e ast.Expr) string { return typeName(e) }

// spec reads what is said of a gate. Of several, for a release each, the last up to this release counts.
func spec(e ast.Expr, minor int) gate {
	c, ok := e.(*ast.CompositeLit)
	if !ok {
		return gate{}
	}
	var out gate
	for _, el := range c.Elts {
		switch el := el.(type) {
		case *ast.CompositeLit:
			if g, from := one(el); from <= minor {
				out = g
			}
		case *ast.KeyValueExpr:
			if typeName(el.Key) == "FeatureSpec" {
				return spec(el.Value, minor)
			}
			out, _ = one(c)
		}
	}
	return out
}

// one reads a single specification, and from which minor on it holds.
func one(c *ast.CompositeLit) (g gate, from int) {
	for _, el := range c.Elts {
		kv, ok := el.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		switch typeName(kv.Key) {
		case "Default":
			g.value = typeName(kv.Value) == "true"
		case "LockToDefault":
			g.locked = typeName(kv.Value) == "true"
		case "Version":
			if call, ok := kv.Value.(*ast.CallExpr); ok && len(call.Args) == 1 {
				v, _ := text(call.Args[0])
				_, m, _ := strings.Cut(v, ".")
				from, _ = strconv.Atoi(m)
			}
		}
	}
	return g, from
}

// gateTable is every gate that can be set in one of the releases, and not, or to one value only, in a later one.
func gateTable(sources []source) (string, error) {
	var w strings.Builder
	w.WriteString(header)
	fmt.Fprintf(&w, "// endedGates are the feature gates that ended, or can be set to one value only, from %s to %s.\nvar endedGates = []EndedGate{\n",
		sources[0].Minor(), sources[len(sources)-1].Minor())
	for _, component := range slices.Sorted(maps.Keys(gateFolders)) {
		rows := map[string]*row{}
		var before map[string]gate
		for i, s := range sources {
			now, err := gates(s, gateFolders[component])
			if err != nil {
				return "", err
			}
			if len(now) == 0 {
				return "", fmt.Errorf("read feature gates of %s: none was found", s.release)
			}
			for name, g := range now {
				r := rows[name]
				if r == nil {
					r = &row{}
					rows[name] = r
				}
				r.removed, r.last = "", ""
				if !g.locked {
					r.locked = ""
				} else if r.locked == "" {
					r.locked, r.value, r.lockedBy = s.Minor(), g.value, s.release.String()
				}
			}
			for name := range before {
				if _, ok := now[name]; !ok {
					rows[name].removed, rows[name].last = s.Minor(), sources[i-1].release.String()
				}
			}
			before = now
		}
		for _, name := range slices.Sorted(maps.Keys(rows)) {
			if r := rows[name]; r.removed != "" || r.locked != "" {
				fmt.Fprintf(&w, "\t{Component: %q, Name: %q, Removed: %q, Last: %q, Locked: %q, Value: %t, LockedBy: %q},\n", component, name, r.removed, r.last, r.locked, r.value, r.lockedBy)
			}
		}
	}
	w.WriteString("}\n")
	return w.String(), nil
}

// row is a gate over the releases.
type row struct {
	removed, last    string
	locked, lockedBy string
	value            bool
}
