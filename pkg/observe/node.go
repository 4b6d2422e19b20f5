package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// controlPlaneLabels mark a control-plane node: kubeadm set the first one until 1.23 and the second one from 1.20 on (KEP-2067).
var controlPlaneLabels = []string{"node-role.kubernetes.io/master", "node-role.kubernetes.io/control-plane"}

// node reads one node and the pods on it.
func node(n corev1.Node, pods []corev1.Pod, budgets []budget, where *placement) cluster.Node {
	out := cluster.Node{
		Name: n.Name, UID: string(n.UID), Role: role(n),
		Unschedulable:    n.Spec.Unschedulable,
		CordonedByUs:     nodes.CordonedByUs(&n),
		Marked:           nodes.Marked(&n),
		ContainerRuntime: n.Status.NodeInfo.ContainerRuntimeVersion,
		Allocatable:      resources(n.Status.Allocatable),
	}
	for _, t := range n.Spec.Taints {
		// The cordon has a taint of its own, which goes with it.
		out.Tainted = out.Tainted || keepsOff(&t) && t.Key != corev1.TaintNodeUnschedulable
	}
	out.Ready, out.NotReadyCause = nodes.Ready(&n)
	// A kubelet that reports nonsense leaves the version unknown; preflight then refuses the node.
	out.KubeletVersion, _ = version.Parse(n.Status.NodeInfo.KubeletVersion)
	for _, a := range n.Status.Addresses {
		if a.Address != "" && !slices.Contains(out.Addresses, a.Address) {
			out.Addresses = append(out.Addresses, a.Address)
		}
		if a.Type == corev1.NodeInternalIP && out.InternalIP == "" {
			out.InternalIP = a.Address
		}
	}
	for _, p := range pods {
		if !ended(p) {
			out.Requested = out.Requested.Add(requests(p))
		}
		switch {
		case nodes.IsMirror(&p):
			if s, ok := staticPod(p); ok {
				out.StaticPods = append(out.StaticPods, s)
			}
		case drained(p):
			out.Pods = append(out.Pods, pod(p, budgets, where))
		}
	}
	return out
}

// ControlPlanes lists the names of the control-plane nodes.
func ControlPlanes(ctx context.Context, c *kube.Client) ([]string, error) {
	list, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	var out []string
	for _, n := range list.Items {
		if role(n) == cluster.ControlPlane {
			out = append(out, n.Name)
		}
	}
	return out, nil
}

func role(n corev1.Node) cluster.Role {
	for _, l := range controlPlaneLabels {
		if _, ok := n.Labels[l]; ok {
			return cluster.ControlPlane
		}
	}
	return cluster.Worker
}

// staticPod reads a mirror pod of kubeadm's, told by the labels that kubeadm gives its components.
func staticPod(p corev1.Pod) (cluster.StaticPod, bool) {
	component := p.Labels["component"]
	if p.Namespace != metav1.NamespaceSystem || p.Labels["tier"] != "control-plane" || component == "" {
		return cluster.StaticPod{}, false
	}
	s := cluster.StaticPod{Component: component, Image: p.Spec.Containers[0].Image, Ready: nodes.PodReady(&p)}
	if component != "etcd" {
		s.Version, _ = version.Parse(Tag(s.Image))
	}
	for _, a := range slices.Concat(p.Spec.Containers[0].Command, p.Spec.Containers[0].Args) {
		if servers, ok := strings.CutPrefix(a, "--etcd-servers="); ok && servers != "" {
			s.EtcdServers = strings.Split(servers, ",")
		}
	}
	return s, true
}

// Tag gives the tag of an image reference, without a digest.
func Tag(image string) string {
	image, _, _ = strings.Cut(image, "@")
	i := strings.LastIndex(image, ":")
	if i < 0 || strings.Contains(image[i:], "/") {
		return ""
	}
	return image[i+1:]
}

// drained tells whether a drain deals with the pod: DaemonSet pods, mirror pods and finished ones are passed by.
func drained(p corev1.Pod) bool {
	if ended(p) || p.Namespace == agent.Namespace {
		return false
	}
	owner := metav1.GetControllerOf(&p)
	return owner == nil || owner.Kind != "DaemonSet"
}

func ended(p corev1.Pod) bool {
	return p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed
}

func pod(p corev1.Pod, budgets []budget, where *placement) cluster.Pod {
	out := cluster.Pod{Namespace: p.Namespace, Name: p.Name, Requests: requests(p)}
	if where != nil {
		out.Stuck, out.Only = where.stuck(p), where.only(p)
	}
	if owner := metav1.GetControllerOf(&p); owner != nil {
		out.Controller = owner.Kind
	}
	for _, v := range p.Spec.Volumes {
		out.EmptyDir = out.EmptyDir || v.EmptyDir != nil
	}
	for _, b := range budgets {
		if b.matches(p) {
			out.Budgets = append(out.Budgets, b.Name)
		}
	}
	return out
}
