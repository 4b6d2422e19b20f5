package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/etcd/release"
)

// builder makes the programs of one platform.
type builder struct {
	source   string // where modules/ is
	out      string
	platform string // linux-amd64
	anySum   bool
	log      io.Writer
}

// release builds what is not there yet. A program is there when its sum is the one that is known. Those of which none is known go into no image.
func (b *builder) release(ctx context.Context, r release.Release) error {
	anySum := b.anySum || r.SHA256 == nil
	for _, name := range r.Names() {
		path := filepath.Join(b.out, name+"-"+r.Version)
		want := r.SHA256[b.platform][name]
		if have, err := release.Sum(path); err == nil && (have == want || anySum) {
			continue
		}
		fmt.Fprintf(b.log, "build %s %s for %s\n", name, r.Version, b.platform)
		if err := b.program(ctx, r, r.Programs[name], path, want, anySum); err != nil {
			return err
		}
	}
	return nil
}

// program builds beside the path and renames, so that a build that was killed leaves nothing that looks finished.
func (b *builder) program(ctx context.Context, r release.Release, pkg, path, want string, anySum bool) error {
	tmp, err := os.MkdirTemp(b.out, ".build-")
	if err != nil {
		return fmt.Errorf("create build folder: %w", err)
	}
	defer os.RemoveAll(tmp)
	built := filepath.Join(tmp, "program")
	cmd := exec.CommandContext(ctx, "go", "build", "-mod=readonly", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", built, pkg)
	cmd.Dir = filepath.Join(b.source, "modules", r.Version)
	system, arch, _ := strings.Cut(b.platform, "-")
	// What a developer has set for other work must not change what comes out.
	cmd.Env = append(os.Environ(), "GOTOOLCHAIN="+r.Go, "GOOS="+system, "GOARCH="+arch, "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GO111MODULE=on",
		"GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=", "GOFIPS140=off")
	cmd.Stdout, cmd.Stderr = b.log, b.log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s of %s: %w", pkg, r.Version, err)
	}
	have, err := release.Sum(built)
	if err != nil {
		return err
	}
	if have != want && !anySum {
		return fmt.Errorf("build %s of %s: its sha256 is %s, and releases.yaml wants %q for %s", pkg, r.Version, have, want, b.platform)
	}
	if err := os.Rename(built, path); err != nil {
		return fmt.Errorf("put %s in place: %w", filepath.Base(path), err)
	}
	return nil
}
