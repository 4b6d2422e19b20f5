package observe

import (
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func testNode(name string, taints ...corev1.Taint) corev1.Node {
	return corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}, Spec: corev1.NodeSpec{Taints: taints}}
}

func selector(host string) *corev1.NodeSelector {
	return &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{
		{Key: "kubernetes.io/hostname", Operator: corev1.NodeSelectorOpIn, Values: []string{host}},
	}}}}
}

func TestStuck(t *testing.T) {
	controlPlane := corev1.Taint{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}
	claim := []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-0"}}}}
	tests := map[string]struct {
		spec  corev1.PodSpec
		nodes []corev1.Node
		want  string
	}{
		"another worker":          {corev1.PodSpec{}, []corev1.Node{testNode("w-1"), testNode("w-2")}, ""},
		"no other worker":         {corev1.PodSpec{}, []corev1.Node{testNode("w-1"), testNode("cp-1", controlPlane)}, "no other node"},
		"tolerated taint":         {corev1.PodSpec{Tolerations: []corev1.Toleration{{Operator: corev1.TolerationOpExists}}}, []corev1.Node{testNode("w-1"), testNode("cp-1", controlPlane)}, ""},
		"our own mark":            {corev1.PodSpec{}, []corev1.Node{testNode("w-1"), testNode("w-2", corev1.Taint{Key: "kubectl-upgrade.io/to-be-drained", Effect: corev1.TaintEffectPreferNoSchedule})}, ""},
		"node selector":           {corev1.PodSpec{NodeSelector: map[string]string{"kubernetes.io/hostname": "w-1"}}, []corev1.Node{testNode("w-1"), testNode("w-2")}, "no other node"},
		"volume that stays":       {corev1.PodSpec{Volumes: claim}, []corev1.Node{testNode("w-1"), testNode("w-2")}, "volume data-0"},
		"volume that others have": {corev1.PodSpec{Volumes: []corev1.Volume{{Name: "x"}}}, []corev1.Node{testNode("w-1"), testNode("w-2")}, ""},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			where := placement{nodes: tt.nodes, volumes: map[string]*corev1.PersistentVolume{
				"shop/data-0": {Spec: corev1.PersistentVolumeSpec{NodeAffinity: &corev1.VolumeNodeAffinity{Required: selector("w-1")}}},
			}}
			tt.spec.NodeName = "w-1"
			got := where.stuck(corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "db-0"}, Spec: tt.spec})
			if (got == "") != (tt.want == "") || !strings.Contains(got, tt.want) {
				t.Errorf("stuck: %q, want %q", got, tt.want)
			}
		})
	}
}

// TestOnly: what confines a pod is told by the nodes that are left to it; what excludes none is nothing. The nodes are built by hand, as the scheduler sees them.
func TestOnly(t *testing.T) {
	zone := func(n corev1.Node, name string) corev1.Node {
		n.Labels["topology.kubernetes.io/zone"], n.Labels["kubernetes.io/os"] = name, "linux"
		return n
	}
	controlPlane := corev1.Taint{Key: "node-role.kubernetes.io/control-plane", Effect: corev1.TaintEffectNoSchedule}
	all := []corev1.Node{zone(testNode("w-1"), "a"), zone(testNode("w-2"), "b"), zone(testNode("w-3"), "a"), zone(testNode("cp-1", controlPlane), "a")}
	in := func(key string, values ...string) *corev1.NodeSelector {
		return &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{MatchExpressions: []corev1.NodeSelectorRequirement{{Key: key, Operator: corev1.NodeSelectorOpIn, Values: values}}}}}
	}
	where := placement{nodes: all, volumes: map[string]*corev1.PersistentVolume{
		"shop/data-0": {Spec: corev1.PersistentVolumeSpec{NodeAffinity: &corev1.VolumeNodeAffinity{Required: in("topology.kubernetes.io/zone", "a")}}},
	}}
	claim := []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-0"}}}}
	other := []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-1"}}}}
	tolerates := []corev1.Toleration{{Operator: corev1.TolerationOpExists}}
	for name, tt := range map[string]struct {
		spec corev1.PodSpec
		want string
	}{
		"nothing":                       {corev1.PodSpec{}, ""},
		"what every node has":           {corev1.PodSpec{NodeSelector: map[string]string{"kubernetes.io/os": "linux"}}, ""},
		"a volume of a zone":            {corev1.PodSpec{Volumes: claim}, "w-1 w-3"},
		"a volume of a zone, tolerated": {corev1.PodSpec{Volumes: claim, Tolerations: tolerates}, "cp-1 w-1 w-3"},
		"a volume of any":               {corev1.PodSpec{Volumes: other}, ""},
		"a selector":                    {corev1.PodSpec{NodeSelector: map[string]string{"kubernetes.io/hostname": "w-2"}}, "w-2"},
		"affinity": {corev1.PodSpec{Affinity: &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
			RequiredDuringSchedulingIgnoredDuringExecution: in("kubernetes.io/hostname", "w-1", "w-2")}}}, "w-1 w-2"},
	} {
		for range 2 { // the second time from memory
			if got := strings.Join(where.only(corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop"}, Spec: tt.spec}), " "); got != tt.want {
				t.Errorf("%s: %q, want %q", name, got, tt.want)
			}
		}
	}
}
