package debs

import (
	"strings"
	"testing"
)

func TestDependenciesFollowTheRelease(t *testing.T) {
	for version, want := range map[string]string{
		"v1.14.0":  "Depends: cri-tools (>= 1.11.0), kubectl (>= 1.6.0), kubelet (>= 1.6.0), kubernetes-cni (>= 0.6.0)",
		"v1.16.15": "Depends: cri-tools (>= 1.11.0), kubectl (>= 1.6.0), kubelet (>= 1.6.0), kubernetes-cni (>= 0.6.0)",
		"v1.29.9":  "Depends: cri-tools (>= 1.28.0), kubectl (>= 1.19.0), kubelet (>= 1.19.0), kubernetes-cni (>= 1.2.0)",
		"v1.31.1":  "Depends: cri-tools (>= 1.30.0)",
		"v1.33.13": "",
	} {
		for _, p := range Kubernetes(version, "/bin") {
			if p.Name != "kubeadm" {
				continue
			}
			control := p.control()
			if want == "" && strings.Contains(control, "Depends") || !strings.Contains(control, want) {
				t.Errorf("%s:\n%s", version, control)
			}
			if !strings.Contains(control, "Version: "+revised(version, version)+"\n") {
				t.Errorf("%s: %s", version, control)
			}
		}
	}
}

func TestRevisionIsThatOfTheRepository(t *testing.T) {
	for version, want := range map[string]string{"v1.14.0": "1.14.0-00", "v1.33.13": "1.33.13-1.1"} {
		if got := revised(version, version); got != want {
			t.Errorf("%s: got %s, want %s", version, got, want)
		}
	}
}

func TestKubeletNeverRestartsItself(t *testing.T) {
	for name, script := range kubeletScripts {
		for _, bad := range []string{"restart", " start "} {
			if strings.Contains(script, bad) {
				t.Errorf("%s says %q", name, bad)
			}
		}
	}
}
