package topology

import (
	"fmt"
	"regexp"
)

// Ways to run etcd. There is a member on every control-plane node.
const (
	// EtcdStacked is a static pod of kubeadm's.
	EtcdStacked = "stacked"
	// EtcdService is a unit of systemd.
	EtcdService = "service"
	// EtcdProcess is a process that somebody started, and that no service manager knows.
	EtcdProcess = "process"
)

// Etcd says which etcd runs and who runs it.
type Etcd struct {
	Run string `json:"run"`
	// Version is that of etcd, without v. Empty means the one that kubeadm picks, which only stacked etcd can do.
	Version string `json:"version,omitempty"`
	// Images are further versions of which the registry serves an image, as kubeadm names it.
	Images []string `json:"images,omitempty"`
	// TLS has a service or a process ask its clients and its peers for certificates, of an authority of its own. Stacked etcd always does.
	TLS bool `json:"tls,omitempty"`
	// Args are flags of etcd beyond those that every member gets.
	Args map[string]string `json:"args,omitempty"`
	// DiskMiB gives the data of each member a disk of its own of so many MiB, that can be filled without harm to others.
	DiskMiB int64 `json:"diskMiB,omitempty"`
	// InMemory keeps the data of each member, and the audit log beside it, in the memory of this machine, where no other node's writes hold up its own.
	InMemory bool `json:"inMemory,omitempty"`
}

// External says that etcd is not kubeadm's to run.
func (e Etcd) External() bool { return e.Run != EtcdStacked }

// Tag is the tag of the image of a version.
func Tag(version string) string { return version + "-0" }

// LocalTag is the tag that kubeadm is told to run stacked; empty leaves the choice to it.
func (e Etcd) LocalTag() string {
	if e.Version == "" || e.External() {
		return ""
	}
	return Tag(e.Version)
}

// ImageTags are the tags of the images beside those that the kubeadm of some release picks: that of LocalTag, and the offered ones.
func (e Etcd) ImageTags() []string {
	var out []string
	if tag := e.LocalTag(); tag != "" {
		out = append(out, tag)
	}
	for _, v := range e.Images {
		out = append(out, Tag(v))
	}
	return out
}

var (
	etcdVersion = regexp.MustCompile(`^[0-9]+\.[0-9]+\.[0-9]+$`)
	flagName    = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)
	flagValue   = regexp.MustCompile(`^[-A-Za-z0-9_.,:/=]+$`)
)

func (e Etcd) check() error {
	switch {
	case e.Run != EtcdStacked && e.Run != EtcdService && e.Run != EtcdProcess:
		return fmt.Errorf("etcd.run %q is none of %s, %s, %s", e.Run, EtcdStacked, EtcdService, EtcdProcess)
	case e.External() && e.Version == "":
		return fmt.Errorf("etcd.run %s needs etcd.version: only kubeadm picks one", e.Run)
	case !e.External() && e.TLS:
		return fmt.Errorf("etcd.tls is not to be said of stacked etcd: kubeadm sees to it")
	case e.Version != "" && !etcdVersion.MatchString(e.Version):
		return fmt.Errorf("etcd.version %q is not of the form 3.5.1", e.Version)
	}
	// A log of etcd alone takes 64 MiB ahead, and the disk takes room on this machine.
	if e.DiskMiB != 0 && (e.DiskMiB < 256 || e.DiskMiB > 4096) {
		return fmt.Errorf("etcd.diskMiB %d is not between 256 and 4096", e.DiskMiB)
	}
	if e.DiskMiB != 0 && e.InMemory {
		return fmt.Errorf("etcd.diskMiB and etcd.inMemory exclude each other")
	}
	for _, v := range e.Images {
		if !etcdVersion.MatchString(v) {
			return fmt.Errorf("etcd.images: %q is not of the form 3.5.1", v)
		}
	}
	return checkFlags("etcd.args", e.Args)
}

// checkFlags wants names without dashes before them, and values that no file of a node has to quote.
func checkFlags(what string, args map[string]string) error {
	for name, value := range args {
		if !flagName.MatchString(name) || !flagValue.MatchString(value) {
			return fmt.Errorf("%s: %q: %q is no flag", what, name, value)
		}
	}
	return nil
}
