package gobuild

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// generateOpenAPI writes k8s.io/kubernetes/pkg/generated/openapi, which the API server imports and releases older than
// modules leave to their makefiles.
func (g *oldToolchain) generateOpenAPI(ctx context.Context, tree string) error {
	packages, err := openAPIPackages(tree)
	if err != nil {
		return err
	}
	bin, err := os.MkdirTemp("", "openapi-gen-")
	if err != nil {
		return fmt.Errorf("create folder for openapi-gen: %w", err)
	}
	defer os.RemoveAll(bin)
	tool := filepath.Join(bin, "openapi-gen")
	if err := g.run(ctx, tree, "CGO_ENABLED=0", "build", "-o", tool, "k8s.io/kube-openapi/cmd/openapi-gen"); err != nil {
		return err
	}
	header := filepath.Join(bin, "header")
	if err := os.WriteFile(header, nil, 0o644); err != nil {
		return fmt.Errorf("write header: %w", err)
	}
	// It reports breaches of rules for the authors of APIs, which are of no concern here.
	args := []string{tool, "--logtostderr", "-i", strings.Join(packages, ","), "-o", bin, "-p", "openapi", "-O", "zz_generated.openapi", "-h", header, "-r", filepath.Join(bin, "report")}
	if err := run.Do(ctx, run.Cmd{Args: args, Dir: tree, Env: append(g.env, "CGO_ENABLED=0"), Log: g.log}); err != nil {
		return err
	}
	const name = "zz_generated.openapi.go"
	text, err := os.ReadFile(filepath.Join(bin, "openapi", name))
	if err != nil {
		return fmt.Errorf("read generated code: %w", err)
	}
	if err := os.WriteFile(filepath.Join(tree, "pkg", "generated", "openapi", name), text, 0o644); err != nil {
		return fmt.Errorf("write generated code: %w", err)
	}
	return nil
}

// Packages whose types are described although not all of them carry the tag.
var openAPIAlways = []string{"k8s.io/apimachinery/pkg/api/resource", "k8s.io/apimachinery/pkg/runtime", "k8s.io/apimachinery/pkg/util/intstr", "k8s.io/apimachinery/pkg/version"}

// Folders with tagged packages that no command serves.
var openAPINever = []string{"/sample-", "/cloudprovider/", "/code-generator/", "/node-api/", "/csi-api/"}

// openAPIPackages finds the packages that ask to be described by carrying a tag.
func openAPIPackages(tree string) ([]string, error) {
	const staging = "staging/src/"
	found := map[string]bool{}
	for _, p := range openAPIAlways {
		found[p] = true
	}
	err := filepath.WalkDir(tree, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(p) != ".go" {
			return err
		}
		rel, err := filepath.Rel(tree, filepath.Dir(p))
		if err != nil {
			return err
		}
		for _, never := range openAPINever {
			if strings.Contains("/"+rel+"/", never) {
				return nil
			}
		}
		data, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		// The tag counts at the start of a comment only; generators mention it elsewhere.
		if !bytes.Contains(data, []byte("// +k8s:openapi-gen=")) {
			return nil
		}
		if in, ok := strings.CutPrefix(rel, staging); ok {
			found[in] = true
		} else {
			found["k8s.io/kubernetes/"+rel] = true
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("find packages with an API: %w", err)
	}
	out := make([]string, 0, len(found))
	for p := range found {
		out = append(out, p)
	}
	sort.Strings(out)
	return out, nil
}
