// Package workdir names the places of the agent on the host. They are the same in the agent's pod, which has the directory mounted at the same path.
package workdir

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/coreos/go-systemd/v22/unit"
)

// Default is where the agent keeps everything that it writes outside of package manager and Kubernetes.
const Default Dir = "/var/lib/kubectl-upgrade"

// Dir is the agent's directory on the host.
type Dir string

// Bin holds the installed agents, one per checksum.
func (d Dir) Bin() string { return filepath.Join(string(d), "bin") }

// Runs holds one directory per request.
func (d Dir) Runs() string { return filepath.Join(string(d), "run") }

// Run is the directory of one request.
func (d Dir) Run(id string) string { return filepath.Join(d.Runs(), Escape(id)) }

// Changes is the lock that makes actions that change the host run one at a time.
func (d Dir) Changes() string { return filepath.Join(string(d), "changes.lock") }

// Holds is the record of package holds that are to be restored.
func (d Dir) Holds() string { return filepath.Join(string(d), "holds.json") }

// Apt is the private package manager state for a minor.
func (d Dir) Apt(minor string) string { return filepath.Join(string(d), "apt", minor) }

// Bundle is where files of a bundle are put, by the digest of its manifest.
func (d Dir) Bundle(digest string) string {
	return filepath.Join(string(d), "bundle", Escape(strings.TrimPrefix(digest, "sha256:")))
}

// Backup holds the first version of every file of the host that was edited.
func (d Dir) Backup() string { return filepath.Join(string(d), "backup") }

// Kubeadm is where kubeadm of a version is unpacked; it holds usr/bin/kubeadm.
func (d Dir) Kubeadm(version string) string { return filepath.Join(string(d), "kubeadm", version) }

// Etcd holds etcd-migrate and the programs of the etcd releases that it brings along, such as etcd-3.6.16.
func (d Dir) Etcd() string { return filepath.Join(string(d), "etcd") }

// Offered is where a file lies that the agent's pod may read; its name is a checksum.
func (d Dir) Offered(name string) string { return filepath.Join(string(d), "offered", name) }

// EtcdKept holds what replaced members of etcd were run by before. It lies beside the directory, which is removed at the end of a run.
func (d Dir) EtcdKept() string { return string(d) + "-etcd" }

// UnitPrefix starts the name of every unit of ours.
const UnitPrefix = "kubectl-upgrade-"

// Unit is the name of the transient unit of a request.
func Unit(id string) string { return UnitPrefix + Escape(id) + ".service" }

// IDOfUnit gives the request that a unit of ours was started for.
func IDOfUnit(name string) (string, bool) {
	s, ok := strings.CutPrefix(name, UnitPrefix)
	if !ok {
		return "", false
	}
	s, ok = strings.CutSuffix(s, ".service")
	return unit.UnitNameUnescape(s), ok
}

// Escape writes an ID as systemd-escape does, so that two IDs never share a unit or a directory.
func Escape(id string) string { return unit.UnitNameEscape(id) }

var idPattern = regexp.MustCompile(`^[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*$`)

// maxUnitName is UNIT_NAME_MAX of systemd, src/basic/unit-name.h.
const maxUnitName = 255

// CheckID refuses IDs that cannot name a unit.
func CheckID(id string) error {
	if !idPattern.MatchString(id) {
		return fmt.Errorf("check request ID %q: want letters, digits, '.', '-' and '_' in parts separated by '/'", id)
	}
	if n := len(Unit(id)); n > maxUnitName {
		return fmt.Errorf("check request ID %q: the unit name is %d characters long, systemd takes %d", id, n, maxUnitName)
	}
	return nil
}

// Make creates the directories that everything else needs. Others may list the directory itself,
// because apt reads its private lists as the user _apt; the requests are root's alone.
func (d Dir) Make() error {
	for dir, mode := range map[string]os.FileMode{string(d): 0o755, d.Bin(): 0o755, d.Runs(): 0o700} {
		if err := os.MkdirAll(dir, mode); err != nil {
			return fmt.Errorf("make work directory: %w", err)
		}
	}
	return nil
}
