// Package aptrepo assembles signed flat repositories, one for each Kubernetes minor.
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

// Host is the name under which nodes reach the repositories.
const Host = "pkgs.k8s.io"

// Path is the place of a minor's repository below the web root: v1.33 -> core:/stable:/v1.33/deb.
func Path(minor string) string { return "core:/stable:/" + minor + "/deb" }

// URL is where a node finds a minor's repository.
func URL(minor string) string { return "http://" + Host + "/" + Path(minor) + "/" }

// Keyring is the place of the signing key on a node, as the Kubernetes documentation has it.
const Keyring = "/etc/apt/keyrings/kubernetes-apt-keyring.gpg"

// ListSource is the one-line form of a node's apt source.
func ListSource(minor string) string {
	return fmt.Sprintf("deb [signed-by=%s] %s /\n", Keyring, URL(minor))
}

// Deb822Source is the stanza form of a node's apt source.
func Deb822Source(minor string) string {
	return fmt.Sprintf("Types: deb\nURIs: %s\nSuites: /\nSigned-By: %s\n", URL(minor), Keyring)
}

// Build makes the repository of a minor out of debs, with indices and signatures, and returns its folder.
func Build(ctx context.Context, key *Key, cache, minor string, debs []string, log string) (string, error) {
	// The packages' own folders carry hashes of their recipes.
	id := fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(debs, "\n"))))[:12]
	out := filepath.Join(cache, "repos", minor+"-"+id)
	return out, store.Once(out, func(tmp string) error {
		for _, d := range debs {
			if err := store.Link(d, filepath.Join(tmp, runtime.GOARCH, filepath.Base(d))); err != nil {
				return err
			}
		}
		packages, err := run.Output(ctx, run.Cmd{Args: []string{"apt-ftparchive", "packages", "."}, Dir: tmp})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, "Packages"), []byte(packages), 0o644); err != nil {
			return fmt.Errorf("write package index: %w", err)
		}
		if err := run.Do(ctx, run.Cmd{Args: []string{"gzip", "-k9n", "Packages"}, Dir: tmp, Log: log}); err != nil {
			return err
		}
		args := []string{"apt-ftparchive"}
		for k, v := range map[string]string{"Origin": "obs://build.opensuse.org/isv:kubernetes:core:stable:" + minor + "/deb", "Label": "isv:kubernetes:core:stable:" + minor, "Architectures": "amd64 arm64"} {
			args = append(args, "-o", "APT::FTPArchive::Release::"+k+"="+v)
		}
		release, err := run.Output(ctx, run.Cmd{Args: append(args, "release", "."), Dir: tmp})
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(tmp, "Release"), []byte(release), 0o644); err != nil {
			return fmt.Errorf("write release file: %w", err)
		}
		return key.sign(ctx, tmp, log)
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

// Sources returns the apt source of a node in the wanted style.
func Sources(style, minor string) (string, error) {
	switch style {
	case "list":
		return ListSource(minor), nil
	case "deb822":
		return Deb822Source(minor), nil
	}
	return "", fmt.Errorf("render apt source: style %q is unknown", strings.TrimSpace(style))
}
