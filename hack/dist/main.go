// Command dist makes the archives of a release of the plugin, with their sums, and the krew manifest that names them.
// The same sources, built with the same Go, give the same bytes wherever and whenever that is done.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	"github.com/spf13/pflag"
	"k8s.io/apimachinery/pkg/util/version"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := dist(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		return 1
	}
	return 0
}

// release is what is made.
type release struct {
	source  // stamped into the programs
	out     string
	version string
	// images that the plugin takes as its defaults
	agentImage, etcdMigrateImage string
	// url is where the archives will be, with VERSION in place of the version.
	url string
}

func dist(ctx context.Context, args []string) error {
	var r release
	flags := pflag.NewFlagSet("dist", pflag.ContinueOnError)
	flags.StringVar(&r.out, "out", "dist/release", "folder for the archives")
	flags.StringVar(&r.version, "version", "", "version of the release, such as v1.2.3 (default: the one that the manifest has)")
	flags.StringVar(&r.agentImage, "agent-image", "", "image of the agent that the plugin takes as its default")
	flags.StringVar(&r.etcdMigrateImage, "etcd-migrate-image", "", "image of etcd-migrate that the plugin takes as its default")
	flags.StringVar(&r.url, "url", releases, "folder that the archives will be downloaded from; VERSION in it stands for the version")
	flags.StringVar(&r.commit, "commit", "", "commit to stamp (default: git is asked)")
	flags.Int64Var(&r.time, "time", 0, "time of all files, in seconds since 1970 (default: that of the commit)")
	manifest := flags.String("manifest", "plugins.yaml", "krew manifest to write")
	only := flags.StringSlice("platform", nil, "platforms to build, such as linux/amd64 (default: all)")
	if err := flags.Parse(args); err != nil {
		return err
	}
	chosen, err := choose(*only)
	if err != nil {
		return err
	}
	if r.version == "" {
		if r.version, err = versionOf(*manifest); err != nil {
			return err
		}
	}
	// krew and the names of files take nothing else.
	if v, err := version.ParseSemantic(r.version); err != nil || "v"+v.String() != r.version {
		return fmt.Errorf("--version: %q is no version such as v1.2.3", r.version)
	}
	if r.commit == "" {
		if r.source, err = fromGit(ctx); err != nil {
			return err
		}
	}
	return r.make(ctx, chosen, *manifest)
}

// make builds everything, and writes the manifest when all is there.
func (r *release) make(ctx context.Context, platforms []platform, manifest string) error {
	if err := os.MkdirAll(r.out, 0o755); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	var sums strings.Builder
	m := newManifest(r.version, r.url)
	for _, p := range platforms {
		fmt.Fprintf(os.Stderr, "build %s for %s\n", r.version, p)
		sum, err := r.archive(ctx, p)
		if err != nil {
			return err
		}
		m.add(p, sum)
		fmt.Fprintf(&sums, "%s  %s\n", sum, p.archive(r.version))
	}
	path := filepath.Join(r.out, "SHA256SUMS")
	if err := os.WriteFile(path, []byte(sums.String()), 0o644); err != nil {
		return fmt.Errorf("write sums: %w", err)
	}
	text, err := m.render()
	if err != nil {
		return err
	}
	if err := os.WriteFile(manifest, text, 0o644); err != nil {
		return fmt.Errorf("write manifest: %w", err)
	}
	fmt.Println(path)
	return nil
}

// versionOf is the version of the release that the manifest is of.
func versionOf(path string) (string, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", errors.New("want --version: there is no manifest to take it from")
	}
	if err != nil {
		return "", fmt.Errorf("read manifest: %w", err)
	}
	m, err := parseManifest(data)
	if err != nil {
		return "", err
	}
	return m.Version, nil
}
