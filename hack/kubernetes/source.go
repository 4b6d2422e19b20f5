package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// release is one release of Kubernetes. Others are patches of modules that are not to be had of the release's own.
type release struct {
	major, minor, patch int
	others              map[string]int
}

func (r release) String() string { return fmt.Sprintf("v%d.%d.%d", r.major, r.minor, r.patch) }

// Minor is the release as tables name it.
func (r release) Minor() string { return fmt.Sprintf("%d.%d", r.major, r.minor) }

// staged are the modules besides k8s.io/kubernetes in which there is something to read. They are released with it, as v0.
var staged = []string{"api", "apiextensions-apiserver", "apiserver", "client-go", "cloud-provider", "component-base", "controller-manager", "kube-aggregator"}

// source is where the modules of one release lie.
type source struct {
	release
	dirs map[string]string
}

// fetch has the go command download a release's modules, or find them in its cache.
func fetch(ctx context.Context, r release) (source, error) {
	wanted := []string{"k8s.io/kubernetes@" + r.String()}
	for _, m := range staged {
		patch, other := r.others[m]
		if !other {
			patch = r.patch
		}
		wanted = append(wanted, fmt.Sprintf("k8s.io/%s@v0.%d.%d", m, r.minor, patch))
	}
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, "go", append([]string{"mod", "download", "-json"}, wanted...)...)
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	s := source{r, map[string]string{}}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var m struct{ Path, Dir, Error string }
		err := d.Decode(&m)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return s, fmt.Errorf("download %s: %w", r, err)
		}
		if m.Error != "" {
			return s, fmt.Errorf("download %s: %s", m.Path, m.Error)
		}
		s.dirs[strings.TrimPrefix(m.Path, "k8s.io/")] = m.Dir
	}
	if len(s.dirs) != len(wanted) {
		return s, fmt.Errorf("download %s: %w: %s", r, errors.Join(runErr, errors.New("not every module is there")), stderr.String())
	}
	return s, nil
}

// parse reads the Go files of a folder and those below it, as MODULE/FOLDER, without tests. A folder that a release does not have is no error.
func (s source) parse(folder string, visit func(path string, f *ast.File)) error {
	module, below, _ := strings.Cut(folder, "/")
	root := filepath.Join(s.dirs[module], below)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(s.dirs[module], path)
		if err == nil {
			visit(filepath.Join(module, rel), f)
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read %s of %s: %w", folder, s.release, err)
	}
	return nil
}

// text is the value of a string literal.
func text(e ast.Expr) (string, bool) {
	l, ok := e.(*ast.BasicLit)
	if !ok || l.Kind != token.STRING || len(l.Value) < 2 {
		return "", false
	}
	return l.Value[1 : len(l.Value)-1], true
}
