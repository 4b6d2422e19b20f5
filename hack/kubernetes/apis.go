package main

import (
	"cmp"
	"fmt"
	"go/ast"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
)

// api is a version of a kind, and what its own source says of its end.
type api struct {
	group, version, kind string
	removed              string
	replacement          string
	file                 string
	release              release
}

func (a api) key() string { return a.group + "/" + a.version + "/" + a.kind }

// registered are the kinds that a register.go makes known. Versions that are not stable end without notice, some without a mark beside their types.
func registered(f *ast.File) []string {
	var out []string
	ast.Inspect(f, func(n ast.Node) bool {
		c, ok := n.(*ast.CallExpr)
		if !ok || called(c) != "AddKnownTypes" {
			return true
		}
		for _, a := range c.Args {
			if u, ok := a.(*ast.UnaryExpr); ok {
				if l, ok := u.X.(*ast.CompositeLit); ok {
					if kind := typeName(l.Type); !strings.HasSuffix(kind, "List") && !strings.HasSuffix(kind, "Options") {
						out = append(out, kind)
					}
				}
			}
		}
		return true
	})
	return out
}

// lifecycleFile is written by Kubernetes' own generator, from marks beside the types.
const lifecycleFile = "zz_generated.prerelease-lifecycle.go"

// apiTable is every version of an API that has an end, as the newest release says that still has its types.
func apiTable(sources []source) (string, error) {
	found := map[string]api{}
	for i, s := range slices.Backward(sources) {
		for _, folder := range []string{"api", "apiextensions-apiserver/pkg/apis/apiextensions", "kube-aggregator/pkg/apis/apiregistration"} {
			these, err := apis(s, folder)
			if err != nil {
				return "", err
			}
			for k, a := range these {
				if _, known := found[k]; known {
					continue
				}
				// A type that the next release has no more is gone with it, whatever it said of its own end.
				if i+1 < len(sources) && (a.removed == "" || minorOf(a.removed) > sources[i+1].minor) {
					a.removed = sources[i+1].Minor()
				}
				found[k] = a
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, a api) bool { return a.removed == "" })
	list := slices.SortedFunc(maps.Values(found), func(a, b api) int {
		return cmp.Or(cmp.Compare(minorOf(a.removed), minorOf(b.removed)), cmp.Compare(a.group, b.group), cmp.Compare(a.version, b.version), cmp.Compare(a.kind, b.kind))
	})
	var w strings.Builder
	w.WriteString(header)
	w.WriteString("// removedAPIs are the versions of APIs that end, by the release that serves them no more.\nvar removedAPIs = []RemovedAPI{\n")
	for _, a := range list {
		fmt.Fprintf(&w, "\t{Group: %q, Version: %q, Kind: %q, Removed: %q, Replacement: %q, Source: tree + \"%s/staging/src/k8s.io/%s\"},\n",
			a.group, a.version, a.kind, a.removed, a.replacement, a.release, a.file)
	}
	w.WriteString("}\n")
	return w.String(), nil
}

func minorOf(release string) int {
	_, m, _ := strings.Cut(release, ".")
	n, _ := strconv.Atoi(m)
	return n
}

// apis reads the ends of all kinds below a folder.
func apis(s source, folder string) (map[string]api, error) {
	groups := map[string]string{}
	found := map[string]api{}
	var files []struct {
		path string
		f    *ast.File
	}
	err := s.parse(folder, func(p string, f *ast.File) {
		switch path.Base(p) {
		case "register.go":
			if g, ok := constant(f, "GroupName"); ok {
				groups[path.Dir(p)] = g
				for _, kind := range registered(f) {
					a := api{group: g, version: path.Base(path.Dir(p)), kind: kind, file: p, release: s.release}
					found[a.key()] = a
				}
			}
		case lifecycleFile:
			files = append(files, struct {
				path string
				f    *ast.File
			}{p, f})
		}
	})
	if err != nil {
		return nil, err
	}
	for _, l := range files {
		dir := path.Dir(l.path)
		group, ok := groups[dir]
		if !ok {
			group, ok = groups[path.Dir(dir)] // some keep the name one folder up
		}
		if !ok {
			return nil, fmt.Errorf("read %s of %s: no GroupName beside it", l.path, s.release)
		}
		for _, d := range l.f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || len(fn.Body.List) != 1 {
				continue
			}
			ret, ok := fn.Body.List[0].(*ast.ReturnStmt)
			kind := receiver(fn)
			if !ok || strings.HasSuffix(kind, "List") {
				continue
			}
			a := api{group: group, version: path.Base(dir), kind: kind}
			key := a.key()
			if was, ok := found[key]; ok {
				a = was
			}
			a.file, a.release = l.path, s.release
			switch fn.Name.Name {
			case "APILifecycleRemoved":
				a.removed = literal(ret.Results[0]) + "." + literal(ret.Results[1])
			case "APILifecycleReplacement":
				a.replacement = replacement(ret.Results[0])
			}
			found[key] = a
		}
	}
	return found, nil
}

// constant finds a string constant of a file.
func constant(f *ast.File, name string) (string, bool) {
	for _, d := range f.Decls {
		g, ok := d.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range g.Specs {
			v, ok := spec.(*ast.ValueSpec)
			if ok && len(v.Names) == 1 && v.Names[0].Name == name && len(v.Values) == 1 {
				return text(v.Values[0])
			}
		}
	}
	return "", false
}

func receiver(fn *ast.FuncDecl) string {
	if p, ok := fn.Recv.List[0].Type.(*ast.StarExpr); ok {
		if id, ok := p.X.(*ast.Ident); ok {
			return id.Name
		}
	}
	return ""
}

func literal(e ast.Expr) string {
	if l, ok := e.(*ast.BasicLit); ok {
		return l.Value
	}
	return ""
}

// replacement reads schema.GroupVersionKind{...} as GROUP/VERSION KIND.
func replacement(e ast.Expr) string {
	c, ok := e.(*ast.CompositeLit)
	if !ok {
		return ""
	}
	parts := map[string]string{}
	for _, el := range c.Elts {
		if kv, ok := el.(*ast.KeyValueExpr); ok {
			if id, ok := kv.Key.(*ast.Ident); ok {
				parts[id.Name], _ = text(kv.Value)
			}
		}
	}
	return strings.TrimPrefix(parts["Group"]+"/"+parts["Version"]+" "+parts["Kind"], "/")
}
