package hazard

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// across are the releases before and at which something ends. Etcd is known up to 1.37; from there on its rows are silent.
func across(minor string) (before, at string) {
	v := version.MustParse(minor + ".0")
	before = version.Version{Major: 1, Minor: v.Minor - 1}.String()
	return before, v.String()
}

func atKnown(minor string) bool {
	_, at := across(minor)
	v := version.MustParse(at)
	return v.Minor >= 20 && v.Minor <= 37
}

func find(f Facts, id string) []string {
	for _, h := range Find(f) {
		if h.ID == id {
			return h.Offenders
		}
	}
	return nil
}

// TestEveryFlag sets each flag where it can be, and wants it found at its end, and not before.
func TestEveryFlag(t *testing.T) {
	for _, r := range knowledge.RemovedFlags() {
		if !atKnown(r.Removed) || r.Component == kubeProxy {
			continue
		}
		id := "flag-" + r.Component + "-" + r.Name
		before, at := across(r.Removed)
		set := func(f Facts) Facts {
			f.Cluster.Survey.Components = append(f.Cluster.Survey.Components, cluster.Component{Node: "cp-1", Name: r.Component, Flags: []cluster.Flag{{Name: r.Name, Value: "x"}}})
			f.Cluster.Nodes[1].Host.KubeletArgs = flagsOf(r.Name, "x")
			return f
		}
		got := find(set(clusterAt(before, at)), id)
		if len(got) == 0 || !strings.Contains(got[0], "--"+r.Name+"=x") {
			t.Errorf("%s at %s: found %v", id, at, got)
		}
		if got := find(set(clusterAt(before, before)), id); got != nil {
			t.Errorf("%s at %s, which has it: found %v", id, before, got)
		}
	}
}

// TestFlagOfConfiguration: what kubeadm would write is found as well as what runs, in both forms of extraArgs.
func TestFlagOfConfiguration(t *testing.T) {
	for _, text := range []string{
		"apiVersion: kubeadm.k8s.io/v1beta3\napiServer:\n  extraArgs:\n    audit-log-path: /var/log/audit.log\n    cloud-provider: external\n",
		"apiVersion: kubeadm.k8s.io/v1beta4\napiServer:\n  extraArgs:\n  - {name: audit-log-path, value: /var/log/audit.log}\n  - {name: cloud-provider, value: external}\n",
	} {
		f := clusterAt("v1.32.0", "v1.33.0")
		f.Cluster.Survey.Configs[0].Text = text
		got := find(f, "flag-kube-apiserver-cloud-provider")
		if len(got) != 1 || got[0] != "ConfigMap kube-system/kubeadm-config, apiServer.extraArgs: --cloud-provider=external" {
			t.Errorf("found %v in\n%s", got, text)
		}
	}
}

// TestEveryGate sets each gate, and wants it found where it is unknown or locked to the other value, and not before.
func TestEveryGate(t *testing.T) {
	set := func(f Facts, g knowledge.EndedGate, value bool) Facts {
		if g.Component == "kubeadm" {
			f.Cluster.Survey.Configs[0].Text += fmt.Sprintf("featureGates:\n  %s: %t\n", g.Name, value)
			return f
		}
		f.Cluster.Survey.Configs[1].Text += fmt.Sprintf("featureGates:\n  %s: %t\n", g.Name, value)
		f.Cluster.Survey.Components[0].Flags = append(f.Cluster.Survey.Components[0].Flags, cluster.Flag{Name: "feature-gates", Value: fmt.Sprintf("Other=true,%s=%t", g.Name, value)})
		return f
	}
	for _, g := range knowledge.EndedGates() {
		id := "gate-" + strings.ToLower(g.Name)
		if g.Component != "" {
			id = "gate-" + g.Component + "-" + strings.ToLower(g.Name)
		}
		if g.Removed != "" && atKnown(g.Removed) {
			before, at := across(g.Removed)
			// Against what it was locked to, and for what ends with it, there are rows of their own.
			value := g.Value || g.Locked == "" && g.Name != "PublicKeysECDSA" && g.Name != "ServiceTopology"
			if got := find(set(clusterAt(before, at), g, value), id); len(got) == 0 {
				t.Errorf("%s=%t at %s was not found", g.Name, value, at)
			}
			if got := find(set(clusterAt(before, at), g, !g.Value), id+"-locked"); (got != nil) != (g.Locked != "") {
				t.Errorf("%s=%t at %s: found %v against what it was locked to", g.Name, !g.Value, at, got)
			}
			if got := find(set(clusterAt(before, before), g, g.Value), id); got != nil {
				t.Errorf("%s at %s, which knows it: found %v", g.Name, before, got)
			}
		}
		if g.Locked != "" && atKnown(g.Locked) {
			before, at := across(g.Locked)
			if got := find(set(clusterAt(before, at), g, !g.Value), id+"-locked"); len(got) == 0 {
				t.Errorf("%s=%t at %s was not found", g.Name, !g.Value, at)
			}
			if got := find(set(clusterAt(before, at), g, g.Value), id+"-locked"); got != nil {
				t.Errorf("%s=%t at %s, which is what it is locked to: found %v", g.Name, g.Value, at, got)
			}
		}
	}
}

// TestEveryAPI stores, writes and asks for each version that ends.
func TestEveryAPI(t *testing.T) {
	for _, a := range knowledge.RemovedAPIs() {
		if !atKnown(a.Removed) {
			continue
		}
		id := strings.ToLower(strings.TrimPrefix(a.Group+"-", "-") + a.Version + "-" + a.Kind)
		before, at := across(a.Removed)
		use := func(f Facts, preferred bool) Facts {
			s := f.Cluster.Survey
			s.APIs = []cluster.ServedAPI{{Group: a.Group, Version: a.Version, Kind: a.Kind, Resource: "things", Listed: true, Preferred: preferred}}
			s.Requested = []cluster.RequestedAPI{{Group: a.Group, Version: a.Version, Resource: "things", Servers: []string{"10.0.0.1:6443"}}}
			s.Stored = []cluster.StoredAPI{{Group: a.Group, Version: a.Version, Kind: a.Kind, Objects: []string{"shop/one"}, Writers: []cluster.APIWriter{{Object: "shop/two", Manager: "helm", Time: now}}}}
			return f
		}
		f := use(clusterAt(before, at), false)
		for prefix, want := range map[string]string{"api-objects-": "shop/one", "api-written-": "helm", "api-requested-": "10.0.0.1:6443"} {
			if prefix == "api-requested-" && a.Group == flowControl {
				continue
			}
			if got := find(f, prefix+id); len(got) != 1 || !strings.Contains(got[0], want) {
				t.Errorf("%s%s at %s: found %v", prefix, id, at, got)
			}
		}
		if got := find(use(clusterAt(before, at), true), "api-requested-"+id); got != nil {
			t.Errorf("%s is what the server prefers, and asked for all the time: found %v", id, got)
		}
		if got := ids(Find(use(clusterAt(before, before), false))); slices.ContainsFunc(got, func(s string) bool { return strings.HasPrefix(s, "api-") && strings.HasSuffix(s, id) }) {
			t.Errorf("%s at %s, which serves it: found %v", id, before, got)
		}
	}
}

func TestSkips(t *testing.T) {
	for _, good := range [][]string{nil, {"webhook-down"}, {"api-requested-*", "volume-*"}, {"webhook-*"}} {
		if err := CheckSkips(good); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []string{"webhook", "flag-kubelet-*", "single-replica", "[", "cgroup-v1"} {
		if err := CheckSkips([]string{bad}); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", bad)) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	h := All()[slices.IndexFunc(All(), func(h Hazard) bool { return h.ID == "webhook-system-down" })]
	if h.Skipped([]string{"webhook-*"}) {
		t.Error("a pattern skips what is mandatory")
	}
}

func flagsOf(name, value string) []cluster.HostFlag {
	return []cluster.HostFlag{{Flag: cluster.Flag{Name: name, Value: value}, File: "/etc/default/kubelet"}}
}

// TestForEtcd: of an upgrade of etcd only what has to do with it is told.
func TestForEtcd(t *testing.T) {
	f := clusterAt("v1.33.0", "v1.34.0")
	f.Etcd = true
	f.Cluster.Survey.Webhooks[0].Ready = 0
	f.Cluster.Survey.Nodes[1].ClockAhead = 60e9
	f.Cluster.Survey.Services[0].Ready = 0
	if got := ids(Find(f)); !slices.Equal(got, []string{"webhook-system-down", "clock-skew"}) {
		t.Errorf("found %v", got)
	}
}

// TestFlagsThatKubeadmTakesOut: kubeadm has put them there itself, and is what takes them out, where its way leads through the one release that does.
func TestFlagsThatKubeadmTakesOut(t *testing.T) {
	const kubeadms = "/var/lib/kubelet/kubeadm-flags.env"
	tests := []struct {
		name, flag, from, to, file string
		found                      bool
	}{
		{"kubeadm of the target does", "pod-infra-container-image", "v1.34.4", "v1.35.4", kubeadms, false},
		{"the kubelet stops at 1.35", "pod-infra-container-image", "v1.32.0", "v1.36.0", kubeadms, false},
		{"the plan stops at 1.35 for it", "pod-infra-container-image", "v1.34.0", "v1.36.0", kubeadms, false},
		{"somebody else has put it there", "pod-infra-container-image", "v1.34.4", "v1.35.4", "/etc/default/kubelet", true},
		{"its unit has it", "pod-infra-container-image", "v1.34.4", "v1.35.4", "", true},
		{"every minor is gone through", "container-runtime", "v1.25.0", "v1.27.0", kubeadms, false},
		{"kubeadm 1.26 has been there", "container-runtime", "v1.26.0", "v1.27.0", kubeadms, true},
	}
	for _, tt := range tests {
		f := clusterAt(tt.from, tt.to)
		for i := range f.Cluster.Nodes {
			f.Cluster.Nodes[i].Host.KubeletArgs = nil
		}
		f.Cluster.Nodes[1].Host.KubeletArgs = []cluster.HostFlag{{Flag: cluster.Flag{Name: tt.flag, Value: "x"}, File: tt.file}}
		if got := find(f, "flag-kubelet-"+tt.flag); (got != nil) != tt.found {
			t.Errorf("%s: found %v", tt.name, got)
		}
	}
	// The control plane is past the release that does.
	past := clusterAt("v1.34.4", "v1.36.0")
	past.Cluster.Kubeadm.KubernetesVersion = past.To
	past.Cluster.Nodes[1].Host.KubeletArgs = []cluster.HostFlag{{Flag: cluster.Flag{Name: "pod-infra-container-image", Value: "x"}, File: kubeadms}}
	if got := find(past, "flag-kubelet-pod-infra-container-image"); len(got) == 0 {
		t.Errorf("past it: found %v", got)
	}
	// Cut short on a node whose kubelet still runs as it was started.
	f := clusterAt("v1.34.4", "v1.35.4")
	f.Cluster.Kubeadm.KubernetesVersion = version.MustParse("v1.35.4")
	f.Cluster.Nodes[0].Host.KubeletArgs = []cluster.HostFlag{{Flag: cluster.Flag{Name: "pod-infra-container-image", Value: "x"}}}
	if got := find(f, "flag-kubelet-pod-infra-container-image"); got != nil {
		t.Errorf("cut short: found %v", got)
	}
}

// TestCutShort: what an upgrade has taken out of the configuration and not yet out of every manifest does not keep it from going on.
func TestCutShort(t *testing.T) {
	f := clusterAt("v1.32.0", "v1.33.0")
	c := &f.Cluster.Survey.Components[0]
	c.Flags = append(c.Flags, cluster.Flag{Name: "cloud-provider", Value: "external"})
	for _, h := range Find(f) {
		if h.ID == "manifest-only-flag" || h.ID == "flag-kube-apiserver-cloud-provider" && !h.Mechanical {
			t.Errorf("%s: %v", h.ID, h.Offenders)
		}
	}
}

// TestCertificates: only what the control plane works with, and a kubelet that has not renewed its own, are in the way.
func TestCertificates(t *testing.T) {
	tests := []struct {
		path string
		left time.Duration
		want string
	}{
		{"/etc/kubernetes/pki/etcd/server.crt", time.Hour, "certificate-expired"},
		{"/etc/kubernetes/pki/etcd/server.crt", 2 * time.Hour, "certificate-ends"},
		{"/etc/kubernetes/pki/etcd/server.crt", 10 * 24 * time.Hour, "certificate-ends"},
		{"/etc/kubernetes/admin.conf", -time.Hour, "certificate-expired"},
		{"/etc/kubernetes/scheduler.conf", 10 * time.Minute, "certificate-expired"},
		{"/etc/kubernetes/controller-manager.conf", 20 * time.Hour, "certificate-ends"},
		{"/etc/kubernetes/super-admin.conf", -time.Hour, "certificate-ends"},
		{"/etc/kubernetes/kubelet.conf", -time.Hour, "certificate-ends"},
		{"/etc/kubernetes/admin.conf", 90 * 24 * time.Hour, ""},
		{"/etc/kubernetes/pki/backup/apiserver.crt", -time.Hour, "certificate-ends"},
		{"/var/lib/kubelet/pki/kubelet-client-current.pem", time.Hour, ""},
		{"/var/lib/kubelet/pki/kubelet-client-current.pem", -time.Hour, "certificate-expired"},
	}
	for _, tt := range tests {
		f := clusterAt("v1.33.0", "v1.34.4")
		f.Cluster.Nodes[0].Host.Certificates = []cluster.Certificate{{Path: tt.path, NotAfter: now.Add(tt.left)}}
		for _, id := range []string{"certificate-expired", "certificate-ends"} {
			if got := find(f, id); (got != nil) != (id == tt.want) {
				t.Errorf("%s, which ends in %s: %s: %v, want %q", tt.path, tt.left, id, got, tt.want)
			}
		}
	}
}

// TestInTheMiddle: the half of a control plane that is upgraded is newer than the other, and the same command goes on.
func TestInTheMiddle(t *testing.T) {
	f := clusterAt("v1.33.0", "v1.34.4")
	f.Cluster.Kubeadm.KubernetesVersion = f.To
	second := f.Cluster.Nodes[0]
	second.Name = "cp-2"
	f.Cluster.Nodes = append(f.Cluster.Nodes, second)
	f.Cluster.Nodes[0].StaticPods = []cluster.StaticPod{{Component: "kube-apiserver", Version: f.To, Ready: true}, {Component: "kube-scheduler", Version: f.To, Ready: true}}
	f.Cluster.Survey.Nodes[0].Proxy = f.To
	for _, h := range Find(f) {
		if h.Severity != Advice {
			t.Errorf("%s: %v", h.ID, h.Offenders)
		}
	}
}

// TestEtcdThatIsLeftAlone: kubeadm that does not touch etcd cannot take it over minors.
func TestEtcdThatIsLeftAlone(t *testing.T) {
	f := clusterAt("v1.21.0", "v1.22.17")
	f.Cluster.Nodes[0].StaticPods[2].Image = "k8s.gcr.io/etcd:3.3.10"
	f.KeepEtcd = true
	for _, h := range Find(f) {
		if strings.HasPrefix(h.ID, "etcd-") {
			t.Errorf("%s: %v", h.ID, h.Offenders)
		}
	}
}

// TestVersionsOfTheirOwn: what else runs as a part of the control plane has no version of Kubernetes.
func TestVersionsOfTheirOwn(t *testing.T) {
	f := clusterAt("v1.33.0", "v1.34.4")
	f.Cluster.Nodes[0].StaticPods = append(f.Cluster.Nodes[0].StaticPods, cluster.StaticPod{Component: "kube-vip", Version: version.MustParse("v0.8.0"), Ready: true})
	if got := ids(Find(f)); len(got) > 0 {
		t.Errorf("found %v", got)
	}
}

// TestNoteOnTheHost: from 1.34 on, and by a gate before, kubeadm keeps the socket on the host and takes the annotation away.
func TestNoteOnTheHost(t *testing.T) {
	later := clusterAt("v1.34.4", "v1.35.4")
	gated := clusterAt("v1.32.0", "v1.33.0")
	gated.Cluster.Survey.Configs[0].Text += "featureGates: {NodeLocalCRISocket: true}\n"
	for _, f := range []Facts{later, gated} {
		f.Cluster.Survey.Nodes[1].CRISocket = ""
		if got := find(f, "cri-socket-missing"); got != nil {
			t.Errorf("from %s: found %v", f.Cluster.Kubeadm.KubernetesVersion, got)
		}
	}
}

// TestWhatSomebodyHasDecided: a gate that is set against what it is locked to, or for what ends with it, is not taken out in silence. It is mandatory where
// the upgrade could not do so.
func TestWhatSomebodyHasDecided(t *testing.T) {
	const v1beta4 = "apiVersion: kubeadm.k8s.io/v1beta4\napiServer:\n  extraArgs:\n  - name: audit-log-path\n    value: /var/log/audit.log\n"
	tests := []struct {
		name, id, from, to, config string
		onHost                     bool
		want                       Severity // empty where it is not found
		mechanical                 bool
	}{
		{"against the lock", "gate-kubeadm-waitforallcontrolplanecomponents-locked", "v1.33.0", "v1.34.4", v1beta4 + "featureGates:\n  WaitForAllControlPlaneComponents: false\n", false, Skippable, true},
		{"as it is locked", "gate-kubeadm-waitforallcontrolplanecomponents-locked", "v1.33.0", "v1.34.4", v1beta4 + "featureGates:\n  WaitForAllControlPlaneComponents: true\n", false, "", false},
		{"against the lock, past its end", "gate-kubeadm-waitforallcontrolplanecomponents-locked", "v1.33.0", "v1.35.4", v1beta4 + "featureGates:\n  WaitForAllControlPlaneComponents: false\n", false, Skippable, true},
		{"against the lock, written in one line", "gate-kubeadm-waitforallcontrolplanecomponents-locked", "v1.33.0", "v1.34.4", v1beta4 + "featureGates: {WaitForAllControlPlaneComponents: false, Other: true}\n", false, Mandatory, false},
		{"against the lock, on a host", "gate-poddisruptionconditions-locked", "v1.30.0", "v1.31.14", "", true, Mandatory, false},
		{"ECDSA keys", "gate-kubeadm-publickeysecdsa-chosen", "v1.36.3", "v1.37.2", v1beta4 + "featureGates:\n  PublicKeysECDSA: true\n", false, Skippable, true},
		{"ECDSA keys, asked for by the field", "gate-kubeadm-publickeysecdsa-chosen", "v1.36.3", "v1.37.2", v1beta4 + "encryptionAlgorithm: ECDSA-P256\nfeatureGates:\n  PublicKeysECDSA: true\n", false, "", false},
		{"the gate of those, then", "gate-kubeadm-publickeysecdsa", "v1.36.3", "v1.37.2", v1beta4 + "encryptionAlgorithm: ECDSA-P256\nfeatureGates:\n  PublicKeysECDSA: true\n", false, Mandatory, true},
		{"no ECDSA keys", "gate-kubeadm-publickeysecdsa", "v1.36.3", "v1.37.2", v1beta4 + "featureGates:\n  PublicKeysECDSA: false\n", false, Mandatory, true},
		{"topology of services", "gate-servicetopology-chosen", "v1.21.14", "v1.22.17", "apiVersion: kubeadm.k8s.io/v1beta2\napiServer:\n  extraArgs:\n    audit-log-path: /var/log/audit.log\n    feature-gates: ServiceTopology=true\n", false, Skippable, true},
	}
	for _, tt := range tests {
		f := clusterAt(tt.from, tt.to)
		if tt.config != "" {
			f.Cluster.Survey.Configs[0].Text = tt.config
		}
		if tt.onHost {
			f.Cluster.Nodes[1].Host.KubeletArgs = flagsOf("feature-gates", "PodDisruptionConditions=false")
		}
		var got Found
		for _, h := range Find(f) {
			if h.ID == tt.id {
				got = h
			}
		}
		if got.Severity != tt.want || got.Mechanical != tt.mechanical {
			t.Errorf("%s: %s is %q, mended by itself %t: %v; want %q, %t", tt.name, tt.id, got.Severity, got.Mechanical, got.Offenders, tt.want, tt.mechanical)
		}
	}
}

// TestFlagsThatKubeadmLeavesOut: what kubeadm of old releases has written by itself is nothing to tell of. What somebody has set instead is, and so is what
// stands in the configuration.
func TestFlagsThatKubeadmLeavesOut(t *testing.T) {
	for _, tt := range []struct {
		component, flag, value, config string
		found                          bool
	}{
		{"kube-scheduler", "port", "0", "", false},
		{"kube-controller-manager", "port", "0", "", false},
		{"kube-controller-manager", "address", "127.0.0.1", "", false},
		{"kube-apiserver", "insecure-port", "0", "", false},
		{"kube-scheduler", "port", "10251", "", true},
		{"kube-scheduler", "port", "0", "scheduler:\n  extraArgs:\n    port: \"0\"\n", true},
	} {
		f := clusterAt("v1.22.17", "v1.24.17")
		f.Cluster.Survey.Components = append(f.Cluster.Survey.Components, cluster.Component{Node: "cp-1", Name: tt.component, Flags: []cluster.Flag{{Name: tt.flag, Value: tt.value}}})
		f.Cluster.Survey.Configs[0].Text += tt.config
		if got := find(f, "flag-"+tt.component+"-"+tt.flag); (got != nil) != tt.found {
			t.Errorf("%s --%s=%s with %q: found %v", tt.component, tt.flag, tt.value, tt.config, got)
		}
	}
}

// TestHandEdits: what kubeadm does to a manifest that somebody has edited is shown, and he may go on in spite of it.
func TestHandEdits(t *testing.T) {
	f := clusterAt("v1.33.0", "v1.34.4")
	c := &f.Cluster.Survey.Components[0]
	c.Flags[0].Value = "/elsewhere"
	c.Flags = append(c.Flags, cluster.Flag{Name: "profiling", Value: "false"})
	want := "--- static pod kube-apiserver of node cp-1\n+++ static pod kube-apiserver of node cp-1\n@@ -1,3 +1,2 @@\n" +
		"-- --audit-log-path=/elsewhere\n+- --audit-log-path=/var/log/audit.log\n - --secure-port=6443\n-- --profiling=false\n"
	var got []string
	for _, h := range Find(f) {
		got = append(got, h.ID)
		if h.Severity != Skippable || h.Mechanical || h.Diff != want {
			t.Errorf("%s is %s, mended by itself %t:\n%s\nwant\n%s", h.ID, h.Severity, h.Mechanical, h.Diff, want)
		}
	}
	if !slices.Equal(got, []string{"manifest-only-flag", "manifests-differ"}) {
		t.Errorf("found %v", got)
	}
}

// TestEtcdOfTheWay: flags of etcd are judged by each release of it that kubeadm puts in place, and not where it puts none.
func TestEtcdOfTheWay(t *testing.T) {
	for _, tt := range []struct {
		from, to, image, pinned string
		keep                    bool
		want                    string
	}{
		{"v1.33.0", "v1.34.4", "3.5.21-0", "", false, "3.6"},
		{"v1.33.0", "v1.37.2", "3.5.21-0", "", false, "3.6 3.7"},
		{"v1.31.0", "v1.34.4", "3.5.15-0", "", false, "3.5 3.6"},
		{"v1.33.0", "v1.33.13", "3.5.21-0", "", false, "3.5"},
		{"v1.33.0", "v1.34.4", "3.7.0-0", "", false, "3.7"},
		{"v1.33.0", "v1.34.4", "3.5.21-0", "3.5.26-0", false, "3.5"},
		{"v1.33.0", "v1.34.4", "3.5.21-0", "", true, ""},
	} {
		f := clusterAt(tt.from, tt.to)
		f.Cluster.Nodes[0].StaticPods[2].Image = "registry.k8s.io/etcd:" + tt.image
		f.Cluster.Kubeadm.EtcdImageTag, f.KeepEtcd = tt.pinned, tt.keep
		if got := strings.Join(f.etcdMinors(), " "); got != tt.want {
			t.Errorf("from %s to %s, etcd %s, pinned %q, kept %t: %q, want %q", tt.from, tt.to, tt.image, tt.pinned, tt.keep, got, tt.want)
		}
	}
	// As kubeadm writes its manifest, and as 'kubectl upgrade etcd' leaves it, nobody has edited it.
	f := clusterAt("v1.35.0", "v1.37.2")
	var all []cluster.Flag
	for _, name := range kubeadmFlags[etcdPod] {
		all = append(all, cluster.Flag{Name: name, Value: "x"})
	}
	f.Cluster.Survey.Components = append(f.Cluster.Survey.Components, cluster.Component{Node: "cp-1", Name: etcdPod, Flags: all})
	if got := find(f, "manifest-only-flag"); got != nil {
		t.Errorf("found %v", got)
	}
}

// TestCoreDNS: releases that kubeadm can start from, newer ones, and those that are named by digest are not told of.
func TestCoreDNS(t *testing.T) {
	for image, found := range map[string]bool{
		"registry.k8s.io/coredns/coredns:v1.12.1": false, "k8s.gcr.io/coredns:1.6.2": false, "registry.k8s.io/coredns/coredns:v1.99.0": false,
		"registry.example:5000/coredns": false, "registry.example/coredns@sha256:0a9d8c8ddf34347eb59aad9a8784f0710de88d6d112726d11d271f9bc6daca26": false,
		"registry.example/coredns:1.6.2-100": true, "registry.example/coredns:latest": true, "registry.example/coredns:v1.8.2": true,
	} {
		f := clusterAt("v1.33.0", "v1.34.4")
		f.Cluster.Addons[0].Image = image
		if got := find(f, "coredns-unknown"); (got != nil) != found {
			t.Errorf("%s: found %v", image, got)
		}
		f.Cluster.Addons[0].Labelled = false
		if got := find(f, "coredns-unknown"); got != nil {
			t.Errorf("%s, which is not kubeadm's to convert: found %v", image, got)
		}
	}
}

// TestConfined: a pod that may run on few nodes has room where one of them has, be it one whose taint it tolerates, and is told of once.
func TestConfined(t *testing.T) {
	for name, tt := range map[string]struct {
		pod  cluster.Pod
		want []string
	}{
		"room on the other one":       {cluster.Pod{Requests: cluster.Resources{CPU: 1000, Pods: 1}, Only: []string{"w-1", "w-2"}}, nil},
		"on the control plane":        {cluster.Pod{Requests: cluster.Resources{CPU: 1000, Pods: 1}, Only: []string{"cp-1", "w-1"}}, nil},
		"no room on the other one":    {cluster.Pod{Requests: cluster.Resources{CPU: 3500, Pods: 1}, Only: []string{"w-1", "w-2"}}, []string{"pod-confined"}},
		"no room on any":              {cluster.Pod{Requests: cluster.Resources{CPU: 9000, Pods: 1}, Only: []string{"w-1", "w-2"}}, []string{"pod-confined"}},
		"its node alone: told of so":  {cluster.Pod{Requests: cluster.Resources{CPU: 9000, Pods: 1}, Only: []string{"w-1"}, Stuck: "no other node fits"}, nil},
		"nowhere, and not restricted": {cluster.Pod{Requests: cluster.Resources{CPU: 5000, Pods: 1}}, []string{"pod-too-large"}},
	} {
		f := clusterAt("v1.33.0", "v1.34.4")
		f.Cluster.Nodes[0].Allocatable = cluster.Resources{CPU: 4000, Memory: 8 << 30, Pods: 110}
		f.Cluster.Nodes = append(f.Cluster.Nodes, worker("w-3", version.MustParse("v1.33.0")))
		tt.pod.Namespace, tt.pod.Name, tt.pod.Controller = "shop", "db-0", "StatefulSet"
		f.Cluster.Nodes[1].Pods = append(f.Cluster.Nodes[1].Pods, tt.pod)
		var got []string
		for _, id := range ids(Find(f)) {
			if strings.HasPrefix(id, "pod-") {
				got = append(got, id)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: found %v, want %v", name, got, tt.want)
		}
	}
}
