package preflight

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// eachHost judges every node whose host was asked.
func eachHost(in Input, judge func(n cluster.Node, h *cluster.Host, rs []HostReport) []Finding) []Finding {
	var out []Finding
	for _, n := range in.Cluster.Nodes {
		if n.Host != nil {
			out = append(out, judge(n, n.Host, in.Hosts[n.Name])...)
		}
	}
	return out
}

// eachReport judges every answer of every host.
func eachReport(in Input, judge func(n cluster.Node, r HostReport) []Finding) []Finding {
	return eachHost(in, func(n cluster.Node, _ *cluster.Host, rs []HostReport) []Finding {
		var out []Finding
		for _, r := range rs {
			out = append(out, judge(n, r)...)
		}
		return out
	})
}

func packageManager(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, _ []HostReport) []Finding {
		if h.PackageManager == "files" {
			if in.BundledPackages {
				return nil
			}
			return []Finding{{ID: "not-a-package", Severity: Error, Object: node(n),
				Message: "kubeadm and kubelet were put there by hand: no repository has others for it",
				Fix:     "bring them with --packages-from: kubectl upgrade bundle --binaries"}}
		}
		if h.PackageManager != "apt" {
			return []Finding{{ID: "package-manager", Severity: Error, Object: node(n),
				Message: fmt.Sprintf("%s has no apt, and no kubeadm and kubelet that were put there by hand: this release upgrades no other hosts", h.OS.Name),
				Fix:     "upgrade such a worker by hand, and leave it out with --selector; such a control-plane node keeps the cluster from being upgraded"}}
		}
		for _, name := range []string{"kubeadm", "kubelet"} {
			if _, ok := h.Package(name); !ok {
				return []Finding{{ID: "not-a-package", Severity: Error, Object: node(n),
					Message: name + " was not installed from a package", Fix: "install kubeadm and kubelet from packages first"}}
			}
		}
		return nil
	})
}

func sources(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, _ []HostReport) []Finding {
		if h.PackageManager == "apt" && len(h.Sources) == 0 && !in.BundledPackages {
			return []Finding{{ID: "no-package-source", Severity: Error, Object: node(n),
				Message: "none of apt's sources serves Kubernetes packages", Fix: "add the repository of the target's minor to /etc/apt/sources.list.d, or bring the packages with --packages-from"}}
		}
		return nil
	})
}

// pins respects an administrator who fixed a version: apt would step over the pin when told a version by name.
func pins(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, rs []HostReport) []Finding {
		var out []Finding
		for _, p := range h.Pins {
			if allows(p, rs) {
				continue
			}
			out = append(out, Finding{ID: "package-pinned", Severity: Error, Object: node(n),
				Message: fmt.Sprintf("package %s is pinned to %q with priority %d in %s", p.Package, p.Pin, p.Priority, p.File),
				Fix:     "somebody wanted this version: ask, then remove or change the pin"})
		}
		return out
	})
}

// allows tells whether a pin wants the very versions that the way leads through.
func allows(p cluster.Pin, rs []HostReport) bool {
	glob, ok := strings.CutPrefix(p.Pin, "version ")
	if !ok || p.Priority <= 0 {
		return false
	}
	for _, r := range rs {
		for _, v := range r.Resolution.Versions {
			if match, err := path.Match(strings.TrimSpace(glob), v); err != nil || !match {
				return false
			}
		}
	}
	return len(rs) > 0
}

const lockedFix = "wait until it has ended; stop unattended upgrades for the time of the upgrade"

func packageLock(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, _ []HostReport) []Finding {
		if h.PackageLock == nil {
			return nil
		}
		return []Finding{{ID: "apt-locked", Severity: Error, Object: node(n),
			Message: fmt.Sprintf("apt is locked by process %d (%s)", h.PackageLock.PID, h.PackageLock.Name), Fix: lockedFix}}
	})
}

func kubeletActive(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, _ []HostReport) []Finding {
		if h.KubeletActive {
			return nil
		}
		return []Finding{{ID: "kubelet-unit", Severity: Error, Object: node(n), Message: "the kubelet does not run as the systemd unit kubelet.service",
			Fix: "see on the host: systemctl status kubelet"}}
	})
}

// resolution reports what the package manager said when it was asked for the target.
func resolution(in Input) []Finding {
	return eachReport(in, func(n cluster.Node, r HostReport) []Finding {
		if r.ResolutionError == "" {
			return nil
		}
		f := Finding{ID: "packages", Severity: Error, Object: node(n), Message: r.ResolutionError,
			Fix: "see on the host what apt says: apt-get check; apt-get --simulate install kubeadm kubelet"}
		switch r.ResolutionCode {
		case hostaction.CodePackageNotFound:
			f.ID, f.Fix = "package-not-found", "choose a version that the repository offers"
			if in.BundledPackages {
				f.Fix = "make a bundle that has it: kubectl upgrade bundle --to " + r.Version.String()
			}
		case hostaction.CodeRepositoryFailed:
			f.ID, f.Fix = "repository-failed", "make the repository of the target's minor reachable from the node; check its key"
		case hostaction.CodePackageLocked:
			f.ID, f.Fix = "apt-locked", lockedFix
		}
		return []Finding{f}
	})
}

// noDragging refuses a transaction for kubeadm that would move the kubelet before its node is drained.
func noDragging(in Input) []Finding {
	return eachReport(in, func(n cluster.Node, r HostReport) []Finding {
		var out []Finding
		for _, c := range r.Resolution.Kubeadm {
			if c.Name == "kubelet" || c.Name == "kubectl" {
				out = append(out, Finding{ID: "drags-kubelet", Severity: Error, Object: node(n),
					Message: fmt.Sprintf("installing kubeadm would %s %s from %s to %s before the node is drained", c.Action, c.Name, c.From, c.To),
					Fix:     "choose a kubeadm whose dependencies allow the kubelet that is there, or correct the repository's packages"})
			}
		}
		for _, c := range slices.Concat(r.Resolution.Kubeadm, r.Resolution.Rest) {
			if c.Action == "remove" {
				out = append(out, Finding{ID: "removes-package", Severity: Error, Object: node(n),
					Message: fmt.Sprintf("the installation would remove package %s", c.Name),
					Fix:     "see what conflicts, on the host: apt-get --simulate install kubeadm kubelet; then remove the package yourself, or choose another version"})
			}
		}
		return out
	})
}

func images(in Input) []Finding {
	return eachReport(in, func(n cluster.Node, r HostReport) []Finding {
		if r.ImageError == "" {
			return nil
		}
		if in.BundledImages {
			return []Finding{{ID: "image-not-in-bundle", Severity: Error, Object: node(n), Message: r.ImageError,
				Fix: "make a bundle with the images of every release on the way: kubectl upgrade bundle --images-archive"}}
		}
		return []Finding{{ID: "image-not-pullable", Severity: Error, Object: node(n), Message: r.ImageError,
			Fix: "make the image available in the registry that the node's container runtime asks"}}
	})
}

// spare is what is left free on a file system beyond what a step is known to need (bytes): logs and other processes go on writing.
const spare = 64 << 20

// imageSpace is what the images of one Kubernetes version take, unpacked (bytes): about 100 MiB for each of the
// API server, controller manager, scheduler and proxy, 150 MiB for etcd, 80 MiB for CoreDNS.
const imageSpace = 700 << 20

func disks(in Input) []Finding {
	return eachHost(in, func(n cluster.Node, h *cluster.Host, rs []HostReport) []Finding {
		var downloads, packages, images, sent uint64
		for _, r := range rs {
			sent += r.ImageBytes
			if n.KubeletVersion == r.Version {
				continue
			}
			downloads += r.Resolution.DownloadBytes
			for _, f := range r.Resolution.Files {
				sent += uint64(max(f.Size, 0))
			}
			// Each version replaces the one before.
			packages = max(packages, r.Resolution.InstallBytes)
			images += imageSpace
		}
		var out []Finding
		for _, d := range h.Disks {
			var need uint64
			var what string
			switch d.Path {
			case "/var/cache/apt/archives":
				need, what = downloads, "package downloads"
			case "/usr":
				need, what = packages, "packages"
			case "/var/lib/containerd":
				need, what = images, "images"
			case "/var/lib/kubectl-upgrade":
				if sent == 0 {
					continue
				}
				need, what = sent, "files from the bundle"
			case "/etc/kubernetes":
				need, what = 0, "manifests and their backups"
			default:
				continue
			}
			if d.Free < need+spare {
				out = append(out, Finding{ID: "disk-full", Severity: Error, Object: node(n),
					Message: fmt.Sprintf("%s has %s free; %s need %s", d.Path, mib(d.Free), what, mib(need+spare)), Fix: "make room there"})
			}
		}
		return out
	})
}

func mib(b uint64) string { return fmt.Sprintf("%d MiB", b>>20) }
