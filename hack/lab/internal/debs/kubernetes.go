package debs

import (
	"path/filepath"
	"strings"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/aptrepo"
)

// Upstream's unit starts the kubelet over and over: until kubeadm has written its configuration, it cannot run.
const kubeletUnit = `[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=/usr/bin/kubelet
Restart=always
StartLimitInterval=0
RestartSec=10

[Install]
WantedBy=multi-user.target
`

const kubeadmDropIn = `# How kubeadm starts the kubelet: files it writes, then flags the administrator adds in /etc/default/kubelet.
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet
ExecStart=
ExecStart=/usr/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
`

// The scripts enable the unit at the first installation and never start or restart it: that is kubeadm's or the
// administrator's to do.
var kubeletScripts = map[string]string{
	"postinst": `#!/bin/sh
set -e
if [ "$1" = configure ]; then
	deb-systemd-helper unmask kubelet.service >/dev/null || true
	if deb-systemd-helper --quiet was-enabled kubelet.service; then
		deb-systemd-helper enable kubelet.service >/dev/null || true
	else
		deb-systemd-helper update-state kubelet.service >/dev/null || true
	fi
fi
`,
	"prerm": `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	deb-systemd-invoke stop kubelet.service >/dev/null || true
fi
`,
	"postrm": `#!/bin/sh
set -e
if [ "$1" = remove ] && [ -d /run/systemd/system ]; then
	systemctl --system daemon-reload >/dev/null || true
fi
if [ "$1" = purge ] && command -v deb-systemd-helper >/dev/null; then
	deb-systemd-helper purge kubelet.service >/dev/null || true
	deb-systemd-helper unmask kubelet.service >/dev/null || true
fi
`,
}

// Kubernetes lists the packages of one release, with binaries from the folder bin.
func Kubernetes(version, bin string) []Package {
	return []Package{kubelet(version, bin), kubeadm(version, bin), kubectl(version, bin)}
}

// revised is the version of a package: that of what is in it, and the revision that the repository of a release gives.
func revised(version, release string) string {
	return strings.TrimPrefix(version, "v") + aptrepo.LayoutOf(release).Revision
}

func kubelet(v, bin string) Package {
	p := Package{
		Name: "kubelet", Version: revised(v, v), Summary: "Node agent for Kubernetes clusters",
		Depends:   []string{"kubernetes-cni (>= 1.2.0)", "mount", "util-linux"},
		Recommend: []string{"iptables (>= 1.8.4)"},
		Binaries:  map[string]string{"usr/bin/kubelet": filepath.Join(bin, "kubelet")},
		Files: map[string]File{
			"usr/lib/systemd/system/kubelet.service": {0o644, kubeletUnit},
			"etc/default/kubelet":                    {0o644, "KUBELET_EXTRA_ARGS=\n"},
			"var/lib/kubelet/.kubelet-keep":          {0o644, ""},
			"etc/kubernetes/manifests/.kubelet-keep": {0o644, ""},
		},
		Conffiles: []string{"/etc/default/kubelet"},
		Scripts:   kubeletScripts,
	}
	if old(v) {
		p.Depends = []string{"conntrack", "ebtables", "ethtool", "iproute2", "iptables (>= 1.4.21)", "kubernetes-cni (>= 0.6.0)", "mount", "socat", "util-linux"}
		p.Recommend = nil
		// kubeadm of that time joins no node with any file there.
		delete(p.Files, "etc/kubernetes/manifests/.kubelet-keep")
	}
	return p
}

// old says that a release's packages are those of up to 1.16, as far as the lab goes.
func old(version string) bool { return semver.Compare(version, "v1.17.0") < 0 }

func kubeadm(v, bin string) Package {
	var depends []string
	// Up to 1.31 kubeadm pulled the others in; since 1.32 it stands alone.
	switch {
	case old(v):
		depends = []string{"kubelet (>= 1.6.0)", "kubectl (>= 1.6.0)", "kubernetes-cni (>= 0.6.0)", "cri-tools (>= 1.11.0)"}
	case semver.Compare(v, "v1.30.0") < 0:
		depends = []string{"kubelet (>= 1.19.0)", "kubectl (>= 1.19.0)", "kubernetes-cni (>= 1.2.0)", "cri-tools (>= 1.28.0)"}
	case semver.Compare(v, "v1.32.0") < 0:
		depends = []string{"cri-tools (>= 1.30.0)"}
	}
	return Package{
		Name: "kubeadm", Version: revised(v, v), Summary: "Command-line utility for administering a Kubernetes cluster", Depends: depends,
		Binaries: map[string]string{"usr/bin/kubeadm": filepath.Join(bin, "kubeadm")},
		Files:    map[string]File{"usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf": {0o644, kubeadmDropIn}},
	}
}

func kubectl(v, bin string) Package {
	return Package{
		Name: "kubectl", Version: revised(v, v), Summary: "Command-line utility for interacting with a Kubernetes cluster",
		Binaries: map[string]string{"usr/bin/kubectl": filepath.Join(bin, "kubectl")},
	}
}

// KubernetesCNI is the package of the CNI plugins found in bin, for a release of Kubernetes.
func KubernetesCNI(release, version, bin string, plugins []string) Package {
	p := Package{
		Name: "kubernetes-cni", Version: revised(version, release), Summary: "Binaries required to provision kubernetes container networking",
		Binaries: map[string]string{},
		Files:    map[string]File{"etc/cni/net.d/.kubernetes-cni-keep": {0o644, ""}},
	}
	for _, name := range plugins {
		p.Binaries["opt/cni/bin/"+name] = filepath.Join(bin, name)
	}
	return p
}

// CRITools is the package of the lab's own crictl, for a release of Kubernetes.
func CRITools(release, version, bin string) Package {
	return Package{
		Name: "cri-tools", Version: revised(version, release), Summary: "Command-line utility for interacting with a container runtime",
		Binaries: map[string]string{"usr/bin/crictl": filepath.Join(bin, "crictl")},
	}
}
