package cluster

import (
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// PackageNames are the five packages that belong together; their hold state is recorded and restored as one.
// kubeadm comes first: it is the one that moves before the others.
var PackageNames = []string{"kubeadm", "kubelet", "kubectl", "kubernetes-cni", "cri-tools"}

// Host is what the agent found on one machine by looking, without changing anything.
type Host struct {
	OS     OSRelease `json:"os"`
	Arch   string    `json:"arch"`
	Kernel string    `json:"kernel,omitempty"`
	// Systemd is the version of the host's systemd, such as 252.
	Systemd int `json:"systemd,omitempty"`
	// CgroupVersion is 1 or 2.
	CgroupVersion int `json:"cgroupVersion,omitempty"`
	// PackageManager is "apt"; "files" where kubeadm and kubelet were put by hand; or empty where it is none that we know.
	PackageManager string `json:"packageManager,omitempty"`
	// Packages are those of PackageNames that are installed. Programs that were put by hand are described as packages of their version.
	Packages []Package `json:"packages,omitempty"`
	// Sources are the package sources that serve Kubernetes packages, wherever they are written.
	Sources []PackageSource `json:"sources,omitempty"`
	// Pins are the administrator's preferences that name one of PackageNames.
	Pins []Pin `json:"pins,omitempty"`
	// PackageLock names the process that holds the package manager's lock; nil when it is free.
	PackageLock *Process `json:"packageLock,omitempty"`
	Disks       []Disk   `json:"disks,omitempty"`
	// Kubeadm is what the installed binary says of itself: the package may have been put there by other means.
	Kubeadm version.Version `json:"kubeadm"`
	// KubeletActive tells whether systemd has kubelet.service active.
	KubeletActive bool `json:"kubeletActive"`
	// CRISocket is where the container runtime listens, as a URL.
	CRISocket string `json:"criSocket,omitempty"`
	// HeldBefore is the record of holds that an interrupted package step left behind; nil when there is none.
	HeldBefore []string `json:"heldBefore,omitempty"`
	// Upgrades are the last upgrades of kubeadm, kubelet and kubectl, as the package manager's log has them.
	Upgrades []PackageUpgrade `json:"upgrades,omitempty"`
	// Backups are the files of the kubelet's that kubeadm has kept before it replaced them, oldest first.
	Backups []Backup `json:"backups,omitempty"`
	// Running are the actions of ours that change the host and run now.
	Running []string `json:"running,omitempty"`
	HostRisks
}

// OSRelease is the part of /etc/os-release that decides how packages are handled.
type OSRelease struct {
	ID        string `json:"id"`
	VersionID string `json:"versionID,omitempty"`
	Name      string `json:"name,omitempty"`
}

// Package is one installed package.
type Package struct {
	Name string `json:"name"`
	// Version is the package manager's own full version, such as "1.34.2-1.1".
	Version string `json:"version"`
	Held    bool   `json:"held"`
	// State is the package manager's word for a package that is not quite installed, such as "half-configured"; else empty.
	State string `json:"state,omitempty"`
}

// PackageUpgrade is a package that went to a newer version; the versions are the package manager's own.
type PackageUpgrade struct {
	Name string    `json:"name"`
	From string    `json:"from"`
	To   string    `json:"to"`
	At   time.Time `json:"at"`
}

// Backup is a file that was kept, and since when.
type Backup struct {
	Path string    `json:"path"`
	At   time.Time `json:"at"`
}

// PackageSource is one entry of a file that makes apt fetch Kubernetes packages.
type PackageSource struct {
	File string `json:"file"`
	// Style is "one-line" or "deb822".
	Style string `json:"style"`
	URL   string `json:"url"`
	// Minor is the Kubernetes minor that the URL names, such as "1.34"; empty for a repository of all minors.
	Minor string `json:"minor,omitempty"`
	// Key is the file of the keys by which apt trusts it, and KeyEnds when the last of them ends; empty where that is not known, or never.
	Key     string    `json:"key,omitempty"`
	KeyEnds time.Time `json:"keyEnds,omitzero"`
}

// Pin is a preference of the administrator's that fixes a package's version.
type Pin struct {
	File     string `json:"file"`
	Package  string `json:"package"`
	Pin      string `json:"pin"`
	Priority int    `json:"priority"`
}

// Process is a process of the host.
type Process struct {
	PID  int    `json:"pid"`
	Name string `json:"name"`
}

// Disk is the space of the file system that holds Path, in bytes.
type Disk struct {
	Path  string `json:"path"`
	Free  uint64 `json:"free"`
	Total uint64 `json:"total"`
}

// Upgrade finds the last upgrade of a package.
func (h *Host) Upgrade(name string) (PackageUpgrade, bool) {
	i := slices.IndexFunc(h.Upgrades, func(u PackageUpgrade) bool { return u.Name == name })
	if i < 0 {
		return PackageUpgrade{}, false
	}
	return h.Upgrades[i], true
}

// Package finds an installed package by name.
func (h *Host) Package(name string) (Package, bool) {
	i := slices.IndexFunc(h.Packages, func(p Package) bool { return p.Name == name })
	if i < 0 {
		return Package{}, false
	}
	return h.Packages[i], true
}
