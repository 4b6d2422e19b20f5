// Package rootfs makes the root file system of a node: Debian by debootstrap, and a few files on top.
package rootfs

import (
	"archive/tar"
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/store"
)

//go:embed files
var files embed.FS

// packages is what a kubeadm node has before Kubernetes comes to it; haproxy serves the load balancer container,
// which is made from the same file system.
var packages = []string{"systemd", "systemd-sysv", "dbus", "iproute2", "iptables", "ebtables", "containerd", "runc", "conntrack", "ethtool", "socat",
	"ca-certificates", "procps", "kmod", "mount", "curl", "gpgv", "haproxy"}

// layout places the embedded files.
var layout = []struct {
	from, to string
	mode     int64
}{
	{"lab-entry", "usr/local/sbin/lab-entry", 0o755},
	{"lab-boot", "usr/local/sbin/lab-boot", 0o755},
	{"lab-boot.service", "etc/systemd/system/lab-boot.service", 0o644},
}

// texts are further small files.
var texts = map[string]string{
	// Nothing on a node may ask Debian's mirrors: what a test installs comes from the lab.
	"etc/apt/sources.list": "# Packages come from the lab only.\n",
	// A lab node is thrown away; waiting for the disk after each file would be for nothing.
	"etc/dpkg/dpkg.cfg.d/lab": "force-unsafe-io\n",
	"etc/crictl.yaml":         "runtime-endpoint: unix:///run/containerd/containerd.sock\nimage-endpoint: unix:///run/containerd/containerd.sock\n",
	"etc/machine-id":          "",
}

// links are units switched on or off.
var links = map[string]string{
	"etc/systemd/system/multi-user.target.wants/lab-boot.service": "/etc/systemd/system/lab-boot.service",
	"etc/systemd/system/haproxy.service":                          "/dev/null",
	"etc/systemd/system/getty.target":                             "/dev/null",
	"etc/systemd/system/systemd-udevd.service":                    "/dev/null",
	"etc/systemd/system/systemd-logind.service":                   "/dev/null",
	"etc/systemd/system/apt-daily.timer":                          "/dev/null",
	"etc/systemd/system/apt-daily-upgrade.timer":                  "/dev/null",
}

// Base returns the tar of the bare Debian system.
func Base(ctx context.Context, cache, suite, mirror, log string) (string, error) {
	id := hash(suite, strings.Join(packages, ","))
	out := filepath.Join(cache, "rootfs", suite+"-"+id+".tar")
	return out, store.OnceFile(out, func(tmp string) error {
		tree := filepath.Join(filepath.Dir(tmp), "tree")
		args := []string{"debootstrap", "--variant=minbase", "--include=" + strings.Join(packages, ","), suite, tree}
		if mirror != "" {
			args = append(args, mirror)
		}
		if err := run.Do(ctx, run.Cmd{Args: args, Log: log}); err != nil {
			return err
		}
		return run.Do(ctx, run.Cmd{Args: []string{"tar", "-C", tree, "--numeric-owner", "--exclude=./var/cache/apt/archives/*.deb",
			"--exclude=./var/cache/apt/*.bin", "--exclude=./var/lib/apt/lists/*_*", "--exclude=./dev/*", "--exclude=./proc/*", "--exclude=./usr/share/doc/*", "-cf", tmp, "."}, Log: log})
	})
}

// Containerd renders the runtime's configuration.
func Containerd(pause string) (string, error) {
	data, err := files.ReadFile("files/containerd.toml")
	return strings.ReplaceAll(string(data), "@PAUSE@", pause), err
}

// Image loads the node image into the engine and returns its name, which carries a hash of its recipe.
func Image(ctx context.Context, base, log string) (string, error) {
	id, err := imageID(base)
	if err != nil {
		return "", err
	}
	image := "kubectl-upgrade-lab/node:" + id
	if docker.HasImage(ctx, image) {
		return image, nil
	}
	r, w := io.Pipe()
	go func() { w.CloseWithError(overlay(base, w)) }()
	return image, docker.Import(ctx, r, image, log, `CMD ["/usr/local/sbin/lab-entry"]`)
}

func imageID(base string) (string, error) {
	parts := []string{filepath.Base(base)}
	for _, l := range layout {
		data, err := files.ReadFile("files/" + l.from)
		if err != nil {
			return "", fmt.Errorf("hash node recipe: %w", err)
		}
		parts = append(parts, l.to, string(data))
	}
	return hash(append(parts, fmt.Sprint(texts), fmt.Sprint(links))...), nil
}

// overlay copies the base and puts the lab's files in place of the base's.
func overlay(base string, to io.Writer) error {
	f, err := os.Open(base)
	if err != nil {
		return fmt.Errorf("open base file system: %w", err)
	}
	defer f.Close()
	own := map[string]bool{}
	for _, l := range layout {
		own[l.to] = true
	}
	for k := range texts {
		own[k] = true
	}
	for k := range links {
		own[k] = true
	}
	in, out := tar.NewReader(f), tar.NewWriter(to)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read base file system: %w", err)
		}
		if own[strings.TrimPrefix(h.Name, "./")] {
			continue
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	if err := add(out); err != nil {
		return fmt.Errorf("add lab files: %w", err)
	}
	return out.Close()
}

func add(out *tar.Writer) error {
	write := func(name, text string, mode int64) error {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: mode, Size: int64(len(text))}); err != nil {
			return err
		}
		_, err := io.WriteString(out, text)
		return err
	}
	for _, l := range layout {
		data, err := files.ReadFile("files/" + l.from)
		if err != nil {
			return err
		}
		if err := write(l.to, string(data), l.mode); err != nil {
			return err
		}
	}
	for name, text := range texts {
		if err := write(name, text, 0o644); err != nil {
			return err
		}
	}
	for name, target := range links {
		if err := out.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target, Mode: 0o777}); err != nil {
			return err
		}
	}
	return nil
}

func hash(parts ...string) string {
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(parts, "\x00"))))[:12]
}
