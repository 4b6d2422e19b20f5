package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/sbom"
)

const module = "github.com/kubectl-upgrade/kubectl-upgrade"

// archive makes the archive of a platform and returns its SHA-256 sum.
func (r *release) archive(ctx context.Context, p platform) (string, error) {
	dir, err := os.MkdirTemp("", "dist")
	if err != nil {
		return "", fmt.Errorf("make folder to build in: %w", err)
	}
	defer os.RemoveAll(dir)
	program := filepath.Join(dir, p.program())
	if err := r.build(ctx, p, program); err != nil {
		return "", err
	}
	files, err := r.files(p, program)
	if err != nil {
		return "", err
	}
	path := filepath.Join(r.out, p.archive(r.version))
	if err := write(path, files, time.Unix(r.time, 0).UTC()); err != nil {
		return "", err
	}
	return sumOf(path)
}

func (r *release) build(ctx context.Context, p platform, program string) error {
	stamp := func(name, value string) string { return " -X " + module + "/pkg/buildinfo." + name + "=" + value }
	// What git knows of the folder would be stamped, too: the commit that brings the manifest would change what the manifest has the sum of.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false",
		"-ldflags", "-s -w"+stamp("version", r.version)+stamp("commit", r.commit)+stamp("agentImage", r.agentImage)+stamp("etcdMigrateImage", r.etcdMigrateImage),
		"-o", program, "./cmd/kubectl-upgrade")
	cmd.Env = append(os.Environ(), p.env()...)
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build for %s: %w", p, err)
	}
	return nil
}

// files are what is in the archive.
func (r *release) files(p platform, program string) ([]file, error) {
	parts, err := sbom.Of(program, "kubectl-upgrade", r.version)
	if err != nil {
		return nil, err
	}
	// A license has to be in it, or krew's index takes no plugin.
	files := []file{{name: p.program(), source: program, mode: 0o755}, {name: "LICENSE", source: "LICENSE"}, {name: "kubectl-upgrade.cdx.json", data: parts}}
	if p.OS == "windows" { // there is nothing that shows man pages
		return files, nil
	}
	pages, err := filepath.Glob("docs/man/kubectl-upgrade*.1")
	if err == nil && len(pages) == 0 {
		err = errors.New("none in docs/man")
	}
	if err != nil {
		return nil, fmt.Errorf("find man pages: %w", err)
	}
	slices.Sort(pages)
	for _, page := range pages {
		files = append(files, file{name: "man/man1/" + filepath.Base(page), source: page})
	}
	return files, nil
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("sum archive: %w", err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", fmt.Errorf("sum archive: %w", err)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
