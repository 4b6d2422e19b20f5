package cri

import "testing"

func TestEndpoints(t *testing.T) {
	for env, want := range map[string]string{
		`KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///run/containerd/containerd.sock --pod-infra-container-image=p"`: "unix:///run/containerd/containerd.sock",
		`KUBELET_KUBEADM_ARGS="--container-runtime=remote --container-runtime-endpoint=/run/crio/crio.sock"`:                       "unix:///run/crio/crio.sock",
	} {
		if got := asURL(EndpointFlagIn(env)); got != want {
			t.Errorf("%s: %s", env, got)
		}
	}
	if EndpointFlagIn(`KUBELET_KUBEADM_ARGS="--cgroup-driver=systemd"`) != "" {
		t.Error("an endpoint out of nothing")
	}
}
