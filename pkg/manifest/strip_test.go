package manifest

import (
	"strings"
	"testing"
)

func TestStripConfiguration(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	for name, tt := range map[string]struct {
		before, after string
		strip         Strip
	}{
		"an argument of a list": {
			lines("apiServer:", "  extraArgs:", "  - name: audit-log-path # kept", "    value: /x", "  - name: cloud-provider", "    value: external", "kind: ClusterConfiguration"),
			lines("apiServer:", "  extraArgs:", "  - name: audit-log-path # kept", "    value: /x", "kind: ClusterConfiguration"),
			Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"an argument of a map": {
			lines("apiServer:", "  extraArgs:", "    # why", "    audit-log-path: /x", "    cloud_provider: external", "  timeoutForControlPlane: 4m0s"),
			lines("apiServer:", "  extraArgs:", "    # why", "    audit-log-path: /x", "  timeoutForControlPlane: 4m0s"),
			Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"the last argument": {
			lines("apiServer:", "  extraArgs:", "    cloud-provider: external", "  timeoutForControlPlane: 4m0s"),
			lines("apiServer:", "  timeoutForControlPlane: 4m0s"),
			Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"the last argument of a part that has nothing else": {
			lines("scheduler:", "  extraArgs:", "  - name: port", "    value: \"0\"", "kind: ClusterConfiguration"),
			lines("kind: ClusterConfiguration"),
			Strip{Args: map[string][]string{"scheduler": {"port"}}},
		},
		"an argument as configurations before v1beta1 have it": {
			lines("apiServerExtraArgs:", "  storage-backend: etcd2", "  v: \"2\" # kept", "apiVersion: kubeadm.k8s.io/v1alpha3"),
			lines("apiServerExtraArgs:", "  v: \"2\" # kept", "apiVersion: kubeadm.k8s.io/v1alpha3"),
			Strip{Args: map[string][]string{"apiServer": {"storage-backend"}}},
		},
		"the last argument of those": {
			lines("apiServerExtraArgs:", "  storage-backend: etcd2", "apiVersion: kubeadm.k8s.io/v1alpha3"),
			lines("apiVersion: kubeadm.k8s.io/v1alpha3"),
			Strip{Args: map[string][]string{"apiServer": {"storage-backend"}}},
		},
		"an argument that stands twice": {
			lines("scheduler:", "  extraArgs:", "  - name: v", "    value: \"2\"", "  - name: port", "    value: a", "  - name: port", "    value: b"),
			lines("scheduler:", "  extraArgs:", "  - name: v", "    value: \"2\""),
			Strip{Args: map[string][]string{"scheduler": {"port"}}},
		},
		"a gate among others in an argument": {
			lines("scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true,B=false,C=true"),
			lines("scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true,C=true"),
			Strip{Gates: map[string][]string{"scheduler": {"B"}}},
		},
		"gates of a second argument": {
			lines("scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true", "  - name: feature-gates", "    value: B=false,C=true", "  - name: feature-gates", "    value: B=true"),
			lines("scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true", "  - name: feature-gates", "    value: C=true"),
			Strip{Gates: map[string][]string{"scheduler": {"B"}}},
		},
		"every gate of an argument": {
			lines("scheduler:", "  extraArgs:", "    feature-gates: A=true,B=false", "    v: \"2\""),
			lines("scheduler:", "  extraArgs:", "    v: \"2\""),
			Strip{Gates: map[string][]string{"scheduler": {"B", "A"}}},
		},
		"gates of the document": {
			lines("cgroupDriver: systemd", "featureGates:", "  A: true # kept", "  B: false", "kind: KubeletConfiguration"),
			lines("cgroupDriver: systemd", "featureGates:", "  A: true # kept", "kind: KubeletConfiguration"),
			Strip{Gates: map[string][]string{"": {"B"}}},
		},
		"the last gate of the document": {
			lines("featureGates:", "  B: false", "kind: KubeletConfiguration"),
			lines("kind: KubeletConfiguration"),
			Strip{Gates: map[string][]string{"": {"B"}}},
		},
		"what is not there": {
			lines("kind: ClusterConfiguration"), lines("kind: ClusterConfiguration"),
			Strip{Args: map[string][]string{"scheduler": {"port"}}, Gates: map[string][]string{"": {"A"}, "apiServer": {"B"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := StripConfiguration([]byte(tt.before), tt.strip)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != tt.after {
				t.Errorf("got\n%s\nwant\n%s", got, tt.after)
			}
		})
	}
}

// TestStripRefuses what it cannot change where it stands, and changes nothing then.
func TestStripRefuses(t *testing.T) {
	for _, text := range []string{"scheduler: {extraArgs: {port: '0', v: '2'}}\n", "scheduler: [\n"} {
		if got, err := StripConfiguration([]byte(text), Strip{Args: map[string][]string{"scheduler": {"port"}}}); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
