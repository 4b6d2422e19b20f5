package hazard

import (
	"slices"
	"strings"
	"testing"
)

// TestRewrites: what is taken out is found no more, and nothing else was touched.
func TestRewrites(t *testing.T) {
	f := clusterAt("v1.33.0", "v1.34.4")
	f.Cluster.Survey.Configs[0].Text = "apiVersion: kubeadm.k8s.io/v1beta4\napiServer:\n  extraArgs:\n  - name: audit-log-path # ours\n    value: /var/log/audit.log\n  - name: cloud-provider\n    value: external\n" +
		"scheduler:\n  extraArgs:\n  - name: feature-gates\n    value: LegacySidecarContainers=true,Other=true\nfeatureGates:\n  WaitForAllControlPlaneComponents: false\n"
	f.Cluster.Survey.Configs[1].Text = "cgroupDriver: systemd\nfeatureGates:\n  DevicePluginCDIDevices: true\n  Other: true\n"
	all := []string{"flag-kube-apiserver-cloud-provider", "gate-legacysidecarcontainers", "gate-deviceplugincdidevices", "gate-kubeadm-waitforallcontrolplanecomponents-locked"}
	for _, h := range Find(f) {
		if slices.Contains(all, h.ID) && !h.Mechanical {
			t.Errorf("%s is to be mended by hand: %v", h.ID, h.Offenders)
		}
	}
	rewrites := Rewrites(f.Cluster, f.To)
	if len(rewrites) != 2 {
		t.Fatalf("%d configurations are rewritten, want 2", len(rewrites))
	}
	wantAfter := "apiVersion: kubeadm.k8s.io/v1beta4\napiServer:\n  extraArgs:\n  - name: audit-log-path # ours\n    value: /var/log/audit.log\nscheduler:\n  extraArgs:\n  - name: feature-gates\n    value: Other=true\n"
	if rewrites[0].After != wantAfter {
		t.Errorf("got\n%s", rewrites[0].After)
	}
	if d := rewrites[1].Diff(); !strings.Contains(d, "\n-  DevicePluginCDIDevices: true\n") || strings.Contains(d, "\n+  ") {
		t.Errorf("diff\n%s", d)
	}
	f.Cluster = Rewritten(f.Cluster, rewrites)
	for _, id := range all {
		if got := find(f, id); got != nil {
			t.Errorf("%s is still there: %v", id, got)
		}
	}
	if more := Rewrites(f.Cluster, f.To); len(more) != 0 {
		t.Errorf("there is more to rewrite: %+v", more)
	}
}

// TestNotMechanical: what lies on a host, or is written so that it cannot be edited, is for people.
func TestNotMechanical(t *testing.T) {
	for name, text := range map[string]string{
		"in one line": "apiServer: {extraArgs: {audit-log-path: /var/log/audit.log, cloud-provider: external}}\napiVersion: kubeadm.k8s.io/v1beta3\n",
	} {
		f := clusterAt("v1.32.0", "v1.33.0")
		f.Cluster.Survey.Configs[0].Text = text
		i := slices.IndexFunc(Find(f), func(h Found) bool { return h.ID == "flag-kube-apiserver-cloud-provider" })
		if i < 0 || Find(f)[i].Mechanical || len(Rewrites(f.Cluster, f.To)) > 0 {
			t.Errorf("%s: found at %d, rewrites %v", name, i, Rewrites(f.Cluster, f.To))
		}
	}
	f := clusterAt("v1.33.0", "v1.34.0")
	f.Cluster.Nodes[1].Host.KubeletArgs = flagsOf("register-schedulable", "true")
	for _, h := range Find(f) {
		if h.ID == "flag-kubelet-register-schedulable" && h.Mechanical {
			t.Error("the flags of a kubelet's host are not kubeadm's to rewrite")
		}
	}
}
