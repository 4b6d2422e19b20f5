package observe

import (
	"context"
	"encoding/json"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	schedule "k8s.io/component-helpers/scheduling/corev1"
	"k8s.io/component-helpers/scheduling/corev1/nodeaffinity"
	"k8s.io/klog/v2"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
)

// placement answers where else a pod could run, by the scheduler's own rules for taints, selectors and volumes. Rules that
// depend on other pods, such as anti-affinity, are left out: those pods move as well.
type placement struct {
	nodes []corev1.Node
	// volumes are the bound persistent volumes that only some nodes reach, by namespace/claim.
	volumes map[string]*corev1.PersistentVolume
	// kinds are those of the bound persistent volumes, by namespace/claim.
	kinds map[string]string
	// confined are the answers of only, by what they depend on: many pods have the same.
	confined map[string][]string
}

// fill reads what the answers depend on.
func (p *placement) fill(ctx context.Context, c *kube.Client, all []corev1.Node) error {
	p.nodes, p.volumes, p.kinds = all, map[string]*corev1.PersistentVolume{}, map[string]string{}
	list, err := c.CoreV1().PersistentVolumes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list persistent volumes: %w", err)
	}
	for i, v := range list.Items {
		if v.Spec.ClaimRef != nil {
			p.kinds[v.Spec.ClaimRef.Namespace+"/"+v.Spec.ClaimRef.Name] = volumeKind(v.Spec.PersistentVolumeSource)
		}
		if v.Spec.ClaimRef != nil && v.Spec.NodeAffinity != nil && v.Spec.NodeAffinity.Required != nil {
			p.volumes[v.Spec.ClaimRef.Namespace+"/"+v.Spec.ClaimRef.Name] = &list.Items[i]
		}
	}
	return nil
}

// stuck says why a pod can run on no other node; empty when it can.
func (p *placement) stuck(pod corev1.Pod) string {
	volume := ""
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.Name == pod.Spec.NodeName || n.Spec.Unschedulable && !nodes.CordonedByUs(n) {
			continue
		}
		if _, kept := schedule.FindMatchingUntoleratedTaint(klog.Background(), n.Spec.Taints, pod.Spec.Tolerations, keepsOff, false); kept {
			continue
		}
		if fits, err := nodeaffinity.GetRequiredNodeAffinity(&pod).Match(n); err != nil || !fits {
			continue
		}
		if claim := p.unreachable(pod, n); claim != "" {
			volume = claim
			continue
		}
		return ""
	}
	if volume != "" {
		return "no other node reaches its volume " + volume
	}
	return "no other node fits its node selector, affinity and tolerations"
}

// only names the nodes that a pod may run on by its own node selector, required affinity and volumes; nil where these exclude none.
func (p *placement) only(pod corev1.Pod) []string {
	want := struct {
		Selector    map[string]string
		Affinity    *corev1.NodeSelector
		Tolerations []corev1.Toleration
		Volumes     []string
	}{Selector: pod.Spec.NodeSelector, Tolerations: pod.Spec.Tolerations}
	if a := pod.Spec.Affinity; a != nil && a.NodeAffinity != nil {
		want.Affinity = a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution
	}
	for _, v := range pod.Spec.Volumes {
		if c := v.PersistentVolumeClaim; c != nil && p.volumes[pod.Namespace+"/"+c.ClaimName] != nil {
			want.Volumes = append(want.Volumes, pod.Namespace+"/"+c.ClaimName)
		}
	}
	if len(want.Selector)+len(want.Volumes) == 0 && want.Affinity == nil {
		return nil
	}
	key, err := json.Marshal(want)
	if err != nil {
		return nil // of what came as JSON it cannot be
	}
	out, known := p.confined[string(key)]
	if known {
		return out
	}
	open := 0
	for i := range p.nodes {
		n := &p.nodes[i]
		if n.Spec.Unschedulable && !nodes.CordonedByUs(n) {
			continue
		}
		if _, kept := schedule.FindMatchingUntoleratedTaint(klog.Background(), n.Spec.Taints, pod.Spec.Tolerations, keepsOff, false); kept {
			continue
		}
		open++
		if fits, err := nodeaffinity.GetRequiredNodeAffinity(&pod).Match(n); err == nil && fits && p.unreachable(pod, n) == "" {
			add(&out, n.Name)
		}
	}
	if len(out) == open {
		out = nil
	}
	if p.confined == nil {
		p.confined = map[string][]string{}
	}
	p.confined[string(key)] = out
	return out
}

// unreachable names a claim of the pod's whose volume cannot be had on the node.
func (p *placement) unreachable(pod corev1.Pod, n *corev1.Node) string {
	for _, v := range pod.Spec.Volumes {
		if v.PersistentVolumeClaim == nil {
			continue
		}
		volume := p.volumes[pod.Namespace+"/"+v.PersistentVolumeClaim.ClaimName]
		if volume == nil {
			continue
		}
		s, err := nodeaffinity.NewNodeSelector(volume.Spec.NodeAffinity.Required)
		if err != nil || !s.Match(n) {
			return v.PersistentVolumeClaim.ClaimName
		}
	}
	return ""
}

// keepsOff tells the taints that forbid; PreferNoSchedule only advises.
func keepsOff(t *corev1.Taint) bool {
	return t.Effect == corev1.TaintEffectNoSchedule || t.Effect == corev1.TaintEffectNoExecute
}
