package manifest

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestPutBack takes settings out of what kubeadm writes and puts them back: what it says is the same again.
func TestPutBack(t *testing.T) {
	lines := func(l ...string) string { return strings.Join(l, "\n") + "\n" }
	for name, tt := range map[string]struct {
		before string
		strip  Strip
		// after is what has come of it; empty where it is the very text of before.
		after string
	}{
		"the last argument of a list": {
			before: lines("apiServer:", "  extraArgs:", "  - name: audit-log-path # kept", "    value: /x", "  - name: cloud-provider", "    value: \"external\"", "apiVersion: kubeadm.k8s.io/v1beta4"),
			strip:  Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"an argument of a map, behind the others": {
			before: lines("apiServer:", "  extraArgs:", "    cloud-provider: external", "    # why", "    audit-log-path: /x", "  timeoutForControlPlane: 4m0s", "apiVersion: kubeadm.k8s.io/v1beta3"),
			after:  lines("apiServer:", "  extraArgs:", "    # why", "    audit-log-path: /x", "    cloud-provider: \"external\"", "  timeoutForControlPlane: 4m0s", "apiVersion: kubeadm.k8s.io/v1beta3"),
			strip:  Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"the only argument of a map": {
			before: lines("apiServer:", "  extraArgs:", "    cloud-provider: external", "  timeoutForControlPlane: 4m0s", "apiVersion: kubeadm.k8s.io/v1beta3"),
			after:  lines("apiServer:", "  timeoutForControlPlane: 4m0s", "  extraArgs:", "    cloud-provider: \"external\"", "apiVersion: kubeadm.k8s.io/v1beta3"),
			strip:  Strip{Args: map[string][]string{"apiServer": {"cloud-provider"}}},
		},
		"the only argument of a part that went with it": {
			before: lines("apiVersion: kubeadm.k8s.io/v1beta4", "kind: ClusterConfiguration", "scheduler:", "  extraArgs:", "  - name: port", "    value: \"0\""),
			strip:  Strip{Args: map[string][]string{"scheduler": {"port"}}},
		},
		"an argument that stands twice": {
			before: lines("apiVersion: kubeadm.k8s.io/v1beta4", "scheduler:", "  extraArgs:", "  - name: v", "    value: \"2\"", "  - name: port", "    value: \"a\"", "  - name: port", "    value: \"b\""),
			strip:  Strip{Args: map[string][]string{"scheduler": {"port"}}},
		},
		"gates of two arguments": {
			before: lines("apiVersion: kubeadm.k8s.io/v1beta4", "scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true,B=false", "  - name: feature-gates", "    value: C=true,D=false"),
			after:  lines("apiVersion: kubeadm.k8s.io/v1beta4", "scheduler:", "  extraArgs:", "  - name: feature-gates", "    value: A=true,B=false,D=false", "  - name: feature-gates", "    value: C=true"),
			strip:  Strip{Gates: map[string][]string{"scheduler": {"B", "D"}}},
		},
		"every gate of an argument": {
			before: lines("apiVersion: kubeadm.k8s.io/v1beta3", "scheduler:", "  extraArgs:", "    v: \"2\"", "    feature-gates: \"A=true,B=false\""),
			strip:  Strip{Gates: map[string][]string{"scheduler": {"A", "B"}}},
		},
		"gates of the document": {
			before: lines("cgroupDriver: systemd", "featureGates:", "  A: true # kept", "  B: false", "kind: KubeletConfiguration"),
			strip:  Strip{Gates: map[string][]string{"": {"B"}}},
		},
		"the last gate of the document": {
			before: lines("kind: KubeletConfiguration", "featureGates:", "  B: false"),
			strip:  Strip{Gates: map[string][]string{"": {"B"}}},
		},
		"lines that end as on Windows": {
			before: "kind: KubeletConfiguration\r\nfeatureGates:\r\n  B: false\r\n",
			strip:  Strip{Gates: map[string][]string{"": {"B"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			taken, err := Taken([]byte(tt.before), tt.strip)
			if err != nil {
				t.Fatal(err)
			}
			stripped, err := StripConfiguration([]byte(tt.before), tt.strip)
			if err != nil {
				t.Fatal(err)
			}
			got, err := PutBack(stripped, taken)
			if err != nil {
				t.Fatal(err)
			}
			if want := map[bool]string{true: tt.before, false: tt.after}[tt.after == ""]; string(got) != want {
				t.Errorf("got\n%s\nwant\n%s", got, want)
			}
			if missing, err := Missing(got, taken); err != nil || len(missing) > 0 {
				t.Errorf("%v are missing, %v", missing, err)
			}
			if again, err := PutBack(got, taken); err != nil || string(again) != string(got) {
				t.Errorf("a second time it becomes\n%s\n%v", again, err)
			}
		})
	}
}

// TestPutBackIntoNothing: kubeadm writes parts that have nothing as "scheduler: {}".
func TestPutBackIntoNothing(t *testing.T) {
	settings := []Setting{{Section: "scheduler", Name: "port", Value: "0"}, {Section: "scheduler", Name: "A", Value: "true", Gate: true}, {Name: "B", Value: "false", Gate: true}}
	for _, version := range []string{"v1beta3", "v1beta4"} {
		text := "apiVersion: kubeadm.k8s.io/" + version + "\nfeatureGates: {}\nscheduler: {}\ncontrollerManager: {}\n"
		got, err := PutBack([]byte(text), settings)
		if err != nil {
			t.Fatal(err)
		}
		taken, err := Taken(got, Strip{Args: map[string][]string{"scheduler": {"port"}}, Gates: map[string][]string{"scheduler": {"A"}, "": {"B"}}})
		if err != nil || !slices.Contains(taken, settings[0]) || !slices.Contains(taken, settings[1]) || !slices.Contains(taken, settings[2]) {
			t.Errorf("%s has %v, %v:\n%s", version, taken, err, got)
		}
		var tree map[string]any
		if err := yaml.Unmarshal(got, &tree); err != nil || !reflect.DeepEqual(tree["controllerManager"], map[string]any{}) {
			t.Errorf("%v, %v", tree, err)
		}
	}
}

// TestPutBackLeaves what somebody has set meanwhile, and refuses what it cannot change where it stands.
func TestPutBackLeaves(t *testing.T) {
	text := "apiVersion: kubeadm.k8s.io/v1beta3\nscheduler:\n  extraArgs:\n    port: \"1\"\n"
	if got, err := PutBack([]byte(text), []Setting{{Section: "scheduler", Name: "port", Value: "0"}}); err != nil || string(got) != text {
		t.Errorf("became\n%s\n%v", got, err)
	}
	for _, text := range []string{"scheduler: {extraArgs: {v: '2'}}\n", "scheduler: {a: b}\n", "scheduler: [\n"} {
		if got, err := PutBack([]byte(text), []Setting{{Section: "scheduler", Name: "port", Value: "0"}}); err == nil {
			t.Errorf("%q became %q", text, got)
		}
	}
}
