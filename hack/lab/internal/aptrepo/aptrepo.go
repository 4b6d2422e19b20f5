// Package aptrepo assembles signed repositories: a flat one for each Kubernetes minor, and one for all minors that are older
// than those.
package aptrepo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

// Keyring is the place of the signing key on a node, as the Kubernetes documentation has it.
const Keyring = "/etc/apt/keyrings/kubernetes-apt-keyring.gpg"

// Build makes a repository out of debs, with indices and signatures, and returns its folder.
func Build(ctx context.Context, key *Key, cache string, l Layout, debs []string, log string) (string, error) {
	// The packages' own folders carry hashes of their recipes.
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(debs, "\n"))))[:12]
	out := filepath.Join(cache, "repos", l.Name+"-"+id)
	return out, store.Once(out, func(tmp string) error {
		pool, index, release := l.pool(runtime.GOARCH), l.index(runtime.GOARCH), l.release()
		for _, d := range debs {
			if err := store.Link(d, filepath.Join(tmp, pool, filepath.Base(d))); err != nil {
				return err
			}
		}
		packages, err := run.Output(ctx, run.Cmd{Args: []string{"apt-ftparchive", "packages", pool}, Dir: tmp})
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Join(tmp, index), 0o755); err != nil {
			return fmt.Errorf("create index folder: %w", err)
		}
		if err := os.WriteFile(filepath.Join(tmp, index, "Packages"), []byte(packages), 0o644); err != nil {
			return fmt.Errorf("write package index: %w", err)
		}
		if err := run.Do(ctx, run.Cmd{Args: []string{"gzip", "-k9n", "Packages"}, Dir: filepath.Join(tmp, index), Log: log}); err != nil {
			return err
		}
		args := []string{"apt-ftparchive"}
		for k, v := range l.fields() {
			args = append(args, "-o", "APT::FTPArchive::Release::"+k+"="+v)
		}
		text, err := run.Output(ctx, run.Cmd{Args: append(args, "release", "."), Dir: filepath.Join(tmp, release)})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, release, "Release"), []byte(text), 0o644); err != nil {
			return fmt.Errorf("write release file: %w", err)
		}
		return key.sign(ctx, filepath.Join(tmp, release), log)
	})
}

// Key is a throw-away OpenPGP key in the cache.
type Key struct{ home string }

const keyName = "kubectl-upgrade lab <lab@lab.invalid>"

// LoadKey makes the key once.
func LoadKey(ctx context.Context, cache, log string) (*Key, error) {
	home := filepath.Join(cache, "gpg")
	err := store.Once(home, func(tmp string) error {
		if err := os.Chmod(tmp, 0o700); err != nil {
			return fmt.Errorf("close %s to others: %w", tmp, err)
		}
		k := &Key{tmp}
		defer k.stopAgent()
		if err := run.Do(ctx, k.gpg(log, "--passphrase", "", "--quick-gen-key", keyName, "rsa3072", "sign", "never")); err != nil {
			return err
		}
		for name, args := range map[string][]string{"public.gpg": {"--export"}, "Release.key": {"--armor", "--export"}} {
			if err := run.Do(ctx, k.gpg(log, append([]string{"--output", filepath.Join(tmp, name)}, args...)...)); err != nil {
				return err
			}
		}
		return nil
	})
	return &Key{home}, err
}

// Binary is the path of the public key in the form apt's signed-by takes.
func (k *Key) Binary() string { return filepath.Join(k.home, "public.gpg") }

func (k *Key) gpg(log string, args ...string) run.Cmd {
	return run.Cmd{Args: append([]string{"gpg", "--homedir", k.home, "--batch", "--yes", "--no-tty", "--quiet", "--pinentry-mode", "loopback"}, args...), Log: log}
}

// stopAgent ends the agent that gpg leaves behind for this key folder, and only that one.
func (k *Key) stopAgent() {
	_ = run.Do(context.Background(), run.Cmd{Args: []string{"gpgconf", "--homedir", k.home, "--kill", "all"}})
}

func (k *Key) sign(ctx context.Context, dir, log string) error {
	defer k.stopAgent()
	release := filepath.Join(dir, "Release")
	for _, args := range [][]string{
		{"--output", filepath.Join(dir, "InRelease"), "--clearsign", release},
		{"--output", release + ".gpg", "--armor", "--detach-sign", release},
	} {
		if err := run.Do(ctx, k.gpg(log, args...)); err != nil {
			return err
		}
	}
	return store.Copy(filepath.Join(k.home, "Release.key"), filepath.Join(dir, "Release.key"))
}
