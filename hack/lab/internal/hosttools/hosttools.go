// Package hosttools sees to the programs that the lab calls on this machine.
package hosttools

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"sort"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/run"
)

// packages names the Debian package of each program.
var packages = map[string]string{
	"debootstrap":    "debootstrap",
	"apt-ftparchive": "apt-utils",
	"dpkg-deb":       "dpkg",
	"gpg":            "gnupg",
	"gpgconf":        "gnupg",
	"gzip":           "gzip",
	"tar":            "tar",
	"dockerd":        "docker.io",
	"iptables":       "iptables",
	"gcc":            "build-essential",
	"mkfs.ext4":      "e2fsprogs",
}

// Build lists what building needs.
var Build = []string{"debootstrap", "apt-ftparchive", "dpkg-deb", "gpg", "gpgconf", "gzip", "tar"}

// C lists what building programs needs that are partly written in C.
var C = []string{"gcc"}

// Disk lists what disks of nodes are made with.
var Disk = []string{"mkfs.ext4"}

// Engine lists what a Docker engine of our own needs.
var Engine = []string{"dockerd", "iptables"}

// Ensure installs the programs that are missing, or says which they are where it cannot.
func Ensure(ctx context.Context, programs []string, log string) error {
	missing := map[string]bool{}
	var names []string
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			missing[packages[p]] = true
			names = append(names, p)
		}
	}
	if len(names) == 0 {
		return nil
	}
	pkgs := make([]string, 0, len(missing))
	for p := range missing {
		pkgs = append(pkgs, p)
	}
	sort.Strings(pkgs)
	if !IsDebian() || os.Geteuid() != 0 {
		return fmt.Errorf("find programs: %s missing (Debian packages: %s); install them, or run as root on Debian",
			strings.Join(names, ", "), strings.Join(pkgs, " "))
	}
	env := []string{"DEBIAN_FRONTEND=noninteractive"}
	if err := run.Do(ctx, run.Cmd{Args: []string{"apt-get", "update"}, Env: env, Log: log}); err != nil {
		return err
	}
	return run.Do(ctx, run.Cmd{Args: append([]string{"apt-get", "install", "-y", "--no-install-recommends"}, pkgs...), Env: env, Log: log})
}

// IsDebian says whether this machine takes Debian packages.
func IsDebian() bool {
	_, err := os.Stat("/etc/debian_version")
	return err == nil
}
