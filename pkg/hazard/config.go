package hazard

import (
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const source = "https://github.com/kubernetes/kubernetes/"

var configRows = []Hazard{
	{ID: "kubeadm-config-version", Stays: true, Severity: Mandatory, Source: source + "blob/v1.37.2/cmd/kubeadm/app/apis/kubeadm/scheme/scheme.go",
		Title:    "kubeadm of the first release on the way cannot read its own configuration",
		Evidence: "ConfigMap kube-system/kubeadm-config is of %s, which kubeadm does not read from %s on", Fix: "convert it with a kubeadm that still reads it: kubeadm config migrate",
		find: configVersion},
	{ID: "kubeadm-config-unreadable", Severity: Mandatory, Source: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-reconfigure/",
		Title: "kubeadm's configuration is not as kubeadm writes it", Evidence: "ConfigMap kube-system/kubeadm-config: its ClusterConfiguration %s",
		Fix: "mend it: kubectl -n kube-system edit configmap kubeadm-config",
		find: func(f Facts) []Offender {
			c, ok := f.config("ClusterConfiguration")
			if !ok {
				return nil
			}
			var in clusterConfiguration
			if err := yaml.Unmarshal([]byte(c.Text), &in); err != nil {
				return []Offender{{"cannot be read: " + err.Error()}}
			}
			return nil
		}},
	{ID: "kubelet-config-missing", Severity: Mandatory, Source: source + "pull/105741",
		Title: "there is no configuration for kubelets, of which kubeadm makes that of each node", Evidence: "ConfigMap kube-system/%s is not there",
		Fix: "make it with kubeadm of the running release: kubeadm init phase upload-config kubelet",
		find: func(f Facts) []Offender {
			if _, ok := f.config("ClusterConfiguration"); !ok {
				return nil // nothing was read
			}
			if _, ok := f.config("kubelet"); ok {
				return nil
			}
			return []Offender{{"kubelet-config"}}
		}},
	{ID: "proxy-mode-userspace", Since: "1.26", Stays: true, Severity: Mandatory, Source: source + "pull/112133",
		Title: "kube-proxy has no mode userspace from 1.26 on, and does not start with it", Evidence: "ConfigMap kube-system/kube-proxy: mode: %s",
		Fix: `set mode to "" or "iptables" in it`, find: proxyMode("userspace")},
	{ID: "proxy-mode-ipvs", Since: "1.35", Stays: true, Severity: Advice, Source: "https://github.com/kubernetes/enhancements/issues/5495",
		Title: "kube-proxy's mode ipvs is deprecated from 1.35 on, is to be off from 1.40 on and gone with 1.43", Evidence: "ConfigMap kube-system/kube-proxy: mode: %s",
		Fix: `plan the change to "nftables" or "iptables"; a node needs a restart of its kube-proxy, and no upgrade, for it`, find: proxyMode("ipvs")},
	{ID: "cgroup-v1", Since: "1.35", Stays: true, Severity: Mandatory, Source: source + "pull/134744",
		Title:    "the kubelet of 1.35 does not start on a host with cgroup v1, unless it is told to",
		Evidence: "node %q has cgroup v1", Fix: "boot the hosts with cgroup v2, or set failCgroupV1: false in ConfigMap kube-system/kubelet-config and use --kubeadm-ignore-preflight-errors=SystemVerification",
		find: cgroupV1},
	{ID: "admission-removed", Severity: Mandatory, Stays: true, Source: source + "blob/v1.30.14/pkg/kubeapiserver/options/plugins.go",
		Title: "an admission plugin that is asked for is gone: the API server does not start", Evidence: "%s: --%s=%s names %s, which is gone in %s",
		Fix: "take it out of the list", find: admission},
	{ID: "cloud-provider-in-tree", Since: "1.29", Stays: true, Severity: Mandatory, Source: source + "blob/v1.29.6/pkg/kubeapiserver/options/cloudprovider.go",
		Title:    "the cloud providers that were part of Kubernetes are off from 1.29 on and gone with 1.31: components that are told to use one do not start",
		Evidence: "%s: --cloud-provider=%s", Fix: "change to the cloud's own controller manager and --cloud-provider=external first",
		find: cloudProvider},
	{ID: "kubelet-swap-unlimited", Since: "1.30", Stays: true, Severity: Mandatory, Source: source + "pull/122745",
		Title:    "the kubelet of 1.30 does not take memorySwap.swapBehavior UnlimitedSwap: it does not start",
		Evidence: "ConfigMap kube-system/%s has swapBehavior: %s", Fix: "set it to LimitedSwap, or to NoSwap, in the ConfigMap (kubectl -n kube-system edit configmap) and in /var/lib/kubelet/config.yaml of every node",
		find: unlimitedSwap},
	{ID: "storage-backend-etcd2", Since: "1.13", Severity: Mandatory, Source: source + "pull/69310",
		Title:    "the API server of 1.13 does not know the v2 API of etcd, by which this one keeps its objects: it does not start",
		Evidence: "%s: --storage-backend=%s", Fix: "take the objects to the v3 API first: kubectl upgrade etcd --to 3.2 --allow-downtime",
		find: oldBackend},
	{ID: "manifest-only-flag", Severity: Skippable, Source: "https://github.com/kubernetes/kubeadm/issues/2157",
		Title:    "a static pod has flags that kubeadm's configuration does not have: kubeadm writes the manifest anew without them",
		Evidence: "static pod %s of node %q: --%s=%s is not in %s.extraArgs", Fix: "put them into extraArgs (kubectl -n kube-system edit configmap kubeadm-config), or let them go",
		find: handWritten, diff: handEdits},
	{ID: "manifests-differ", Severity: Skippable, Source: "https://github.com/kubernetes/kubeadm/issues/2157",
		Title:    "a static pod has another value for a flag than kubeadm's configuration: kubeadm writes the manifest anew with the one of its configuration",
		Evidence: "static pod %s of node %q: --%s=%s, and %s.extraArgs has %s", Fix: "put the value that is meant into extraArgs, or let it become the one that is configured",
		find: otherValue, diff: handEdits},
	{ID: "coredns-unknown", Since: "1.16", Stays: true, Severity: Skippable, Source: source + "issues/84326",
		Title:    "kubeadm does not know this release of CoreDNS and cannot convert its Corefile: its own preflight fails with CoreDNSMigration",
		Evidence: "Deployment kube-system/coredns runs %s, which is none of the releases that kubeadm can start from (" + knowledge.CoreDNSSource + ")",
		Fix:      "give the image the tag of the release that it is made of; or let it stay as it is, with --kubeadm-ignore-preflight-errors=CoreDNSUnsupportedPlugins,CoreDNSMigration as well",
		find:     unknownCoreDNS},
	{ID: "corefile-plugin-gone", Since: "1.16", Stays: true, Severity: Advice, Source: "https://github.com/coredns/deployment/blob/master/kubernetes/CoreDNS-k8s_version.md",
		Title: "the Corefile uses what CoreDNS has no more: kubeadm changes it where CoreDNS is its own, another one does not start with it", Evidence: "ConfigMap kube-system/coredns uses %s", Fix: "where CoreDNS is not kubeadm's, replace it: proxy by forward, federation by nothing",
		find: corefile},
}

// configVersions are the versions of kubeadm's configuration that end, and the first minor that does not read them.
var configVersions = map[string]string{
	"kubeadm.k8s.io/v1alpha1": "1.13", "kubeadm.k8s.io/v1alpha2": "1.13", "kubeadm.k8s.io/v1alpha3": "1.15",
	"kubeadm.k8s.io/v1beta1": "1.22", "kubeadm.k8s.io/v1beta2": "1.27", "kubeadm.k8s.io/v1beta3": "1.37",
}

// configVersion judges the first step alone: each kubeadm writes the configuration anew in its own version.
func configVersion(f Facts) []Offender {
	c, ok := f.kubeadm()
	if !ok {
		return nil
	}
	end := configVersions[c.APIVersion]
	next := controlPlane(f.Cluster)
	if !next.SameMinor(f.To) {
		next.Minor++
	}
	if !knowledge.Ended(end, next) {
		return nil
	}
	return []Offender{{c.APIVersion, end}}
}

func proxyMode(mode string) func(Facts) []Offender {
	return func(f Facts) []Offender {
		c, ok := f.config("config.conf")
		var in struct {
			Mode string `json:"mode"`
		}
		if !ok || yaml.Unmarshal([]byte(c.Text), &in) != nil || in.Mode != mode {
			return nil
		}
		return []Offender{{mode}}
	}
}

// cgroupV1 judges the hosts that were asked, unless the kubelets are told to put up with it.
func cgroupV1(f Facts) []Offender {
	if c, ok := f.config("kubelet"); ok {
		var in struct {
			FailCgroupV1 *bool `json:"failCgroupV1"`
		}
		if yaml.Unmarshal([]byte(c.Text), &in) == nil && in.FailCgroupV1 != nil && !*in.FailCgroupV1 {
			return nil
		}
	}
	var out []Offender
	for _, n := range f.Cluster.Nodes {
		if n.Host != nil && n.Host.CgroupVersion == 1 && f.moves(n) {
			out = append(out, Offender{n.Name})
		}
	}
	return out
}

// cloudProvider leaves those alone that are told to go on with it, as long as they can be.
func cloudProvider(f Facts) []Offender {
	if f.To.Minor < 31 && slices.ContainsFunc(f.gateSettings(), func(s setting) bool { return s.name == "DisableCloudProviders" && s.value == "false" }) {
		return nil
	}
	var out []Offender
	for _, s := range f.flagSettings() {
		if s.name == "cloud-provider" && s.value != "" && s.value != "external" {
			out = append(out, Offender{s.where, s.value})
		}
	}
	return out
}

func oldBackend(f Facts) []Offender {
	var out []Offender
	for _, s := range f.flagSettings() {
		if s.component == "kube-apiserver" && s.name == "storage-backend" && s.value == knowledge.Etcd2 {
			out = append(out, Offender{s.where, s.value})
		}
	}
	return out
}

// admissionGone are admission plugins and the first minor without them.
var admissionGone = map[string]string{
	"Initializers": "1.14", "PodPreset": "1.20", "DenyEscalatingExec": "1.21", "DenyExecOnPrivileged": "1.21",
	"PodSecurityPolicy": "1.25", "SecurityContextDeny": "1.30", "PersistentVolumeLabel": "1.31", "JobValidation": "1.37", "PodGroupWorkloadExists": "1.37",
}

func admission(f Facts) []Offender {
	var out []Offender
	for _, s := range f.flagSettings() {
		if s.component != "kube-apiserver" || s.name != "enable-admission-plugins" && s.name != "disable-admission-plugins" && s.name != "admission-control" {
			continue
		}
		for plugin := range strings.SplitSeq(s.value, ",") {
			if end := admissionGone[strings.TrimSpace(plugin)]; knowledge.Ended(end, f.To) {
				out = append(out, Offender{s.where, s.name, s.value, plugin, end})
			}
		}
	}
	return out
}

// kubeadmFlags are those that kubeadm writes by itself, from 1.12 to 1.37: cmd/kubeadm/app/phases/controlplane/manifests.go.
var kubeadmFlags = map[string][]string{
	"kube-apiserver": {"advertise-address", "allow-privileged", "anonymous-auth", "authentication-token-webhook", "authorization-config", "authorization-mode",
		"client-ca-file", "disable-admission-plugins", "egress-selector-config-file", "enable-admission-plugins", "enable-bootstrap-token-auth", "endpoint-reconciler-type", "etcd-cafile", "etcd-certfile", "etcd-keyfile",
		"etcd-servers", "feature-gates", "insecure-port", "kubelet-certificate-authority", "kubelet-client-certificate", "kubelet-client-key",
		"kubelet-preferred-address-types", "proxy-client-cert-file", "proxy-client-key-file", "requestheader-allowed-names", "requestheader-client-ca-file",
		"requestheader-extra-headers-prefix", "requestheader-group-headers", "requestheader-username-headers", "secure-port", "service-account-issuer",
		"service-account-key-file", "service-account-signing-key-file", "service-cluster-ip-range", "tls-cert-file", "tls-private-key-file"},
	"kube-controller-manager": {"address", "allocate-node-cidrs", "authentication-kubeconfig", "authorization-kubeconfig", "bind-address", "client-ca-file", "cluster-cidr", "cluster-name",
		"cluster-signing-cert-file", "cluster-signing-key-file", "controllers", "experimental-cluster-signing-duration", "cluster-signing-duration", "feature-gates", "kubeconfig", "leader-elect", "node-cidr-mask-size", "node-cidr-mask-size-ipv4",
		"node-cidr-mask-size-ipv6", "port", "requestheader-client-ca-file", "root-ca-file", "service-account-private-key-file", "service-cluster-ip-range",
		"use-service-account-credentials"},
	"kube-scheduler": {"address", "authentication-kubeconfig", "authorization-kubeconfig", "bind-address", "feature-gates", "kubeconfig", "leader-elect", "port"},
	// cmd/kubeadm/app/phases/etcd/local.go
	etcdPod: {"advertise-client-urls", "cert-file", "client-cert-auth", "data-dir", "experimental-initial-corrupt-check", "experimental-watch-progress-notify-interval",
		"feature-gates", "initial-advertise-peer-urls", "initial-cluster", "initial-cluster-state", "key-file", "listen-client-urls", "listen-metrics-urls", "listen-peer-urls",
		"name", "peer-cert-file", "peer-client-cert-auth", "peer-key-file", "peer-trusted-ca-file", "snapshot-count", "trusted-ca-file", "watch-progress-notify-interval"},
}

// eachOfKubeadm goes through the flags of the static pods that kubeadm writes, beside what its configuration has for them.
func eachOfKubeadm(f Facts, see func(c cluster.Component, key string, g cluster.Flag, configured []string)) {
	conf, ok := f.kubeadm()
	if !ok {
		return
	}
	written := sections
	if len(f.etcdMinors()) > 0 {
		written = append(slices.Clone(sections), section{"etcd.local", etcdPod})
	}
	for _, c := range f.Cluster.Survey.Components {
		i := slices.IndexFunc(written, func(s section) bool { return s.component == c.Name })
		if i < 0 {
			continue
		}
		for _, g := range c.Flags {
			var have []string
			for _, a := range conf.args(c.Name) {
				if strings.ReplaceAll(a.Name, "_", "-") == g.Name {
					have = append(have, a.Value)
				}
			}
			see(c, written[i].key, g, have)
		}
	}
}

// goneFrom tells whether the target does not know a flag.
func (f Facts) goneFrom(component, flag string) bool {
	if minors := f.etcdMinors(); component == etcdPod && len(minors) > 0 {
		_, known := knowledge.FlagIn(minors[len(minors)-1], flag)
		return !known
	}
	return slices.ContainsFunc(removedFlags, func(r knowledge.RemovedFlag) bool {
		return r.Component == component && r.Name == flag && knowledge.Ended(r.Removed, f.To)
	})
}

// corefile finds plugins that kubeadm replaces by itself from 1.16 on.
func corefile(f Facts) []Offender {
	c, ok := f.config("Corefile")
	if !ok {
		return nil
	}
	var out []Offender
	for line := range strings.Lines(c.Text) {
		words := strings.Fields(line)
		if len(words) > 0 && slices.Contains([]string{"proxy", "federation"}, words[0]) {
			out = append(out, Offender{words[0]})
		}
	}
	return out
}

// unknownCoreDNS judges the tag of what has kubeadm's label, as kubeadm does. Of an image by its digest kubeadm finds the release in another way.
func unknownCoreDNS(f Facts) []Offender {
	for _, a := range f.Cluster.Addons {
		i := strings.LastIndexByte(a.Image, ':')
		if a.Name != "coredns" || !a.Labelled || strings.Contains(a.Image, "@") || i < strings.LastIndexByte(a.Image, '/') {
			continue
		}
		if v, err := version.Parse(a.Image[i+1:]); err != nil || !knowledge.CoreDNSKnown(v) {
			return []Offender{{a.Image}}
		}
	}
	return nil
}

func unlimitedSwap(f Facts) []Offender {
	c, ok := f.config("kubelet")
	var k struct {
		MemorySwap struct {
			SwapBehavior string `json:"swapBehavior"`
		} `json:"memorySwap"`
	}
	if !ok || yaml.Unmarshal([]byte(c.Text), &k) != nil || k.MemorySwap.SwapBehavior != "UnlimitedSwap" {
		return nil
	}
	return []Offender{{c.ConfigMap, k.MemorySwap.SwapBehavior}}
}
