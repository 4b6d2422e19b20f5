package observe

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// criSocket is where kubeadm notes the container runtime's socket, up to 1.33.
const criSocket = "kubeadm.alpha.kubernetes.io/cri-socket"

// looks reads what nodes say of themselves.
func looks(list []corev1.Node, pods map[string][]corev1.Pod) []cluster.NodeLook {
	out := make([]cluster.NodeLook, 0, len(list))
	for _, n := range list {
		l := cluster.NodeLook{Name: n.Name, CRISocket: n.Annotations[criSocket],
			Runtime: n.Status.NodeInfo.ContainerRuntimeVersion, Kernel: n.Status.NodeInfo.KernelVersion}
		for k := range n.Labels {
			if strings.HasPrefix(k, "node-role.kubernetes.io/") {
				l.Labels = append(l.Labels, k)
			}
		}
		slices.Sort(l.Labels)
		for _, t := range n.Spec.Taints {
			l.Taints = append(l.Taints, t.Key)
		}
		for _, c := range n.Status.Conditions {
			if c.Type != corev1.NodeReady && c.Status == corev1.ConditionTrue && strings.HasSuffix(string(c.Type), "Pressure") {
				l.Pressures = append(l.Pressures, string(c.Type))
			}
		}
		for _, p := range pods[n.Name] {
			if p.Namespace == metav1.NamespaceSystem && p.Labels["k8s-app"] == "kube-proxy" && len(p.Spec.Containers) > 0 {
				l.Proxy, _ = version.Parse(Tag(p.Spec.Containers[0].Image))
			}
		}
		out = append(out, l)
	}
	return out
}

// Kubelets renew their lease four times before it ends, by their own clock (k8s.io/component-helpers/apimachinery/lease).
const (
	renewals = 4
	// ahead and behind are how far a clock has to be off before it is told of: the API server tells whole seconds, and a busy kubelet is late.
	ahead  = 5 * time.Second
	behind = 20 * time.Second
)

// clocks compares the clocks of the kubelets with the API server's.
func (s *survey) clocks(ctx context.Context) error {
	leases := map[string]lease{}
	list := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) {
		return s.client.CoordinationV1().Leases(corev1.NamespaceNodeLease).List(ctx, o)
	}))
	err := list.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		if l, ok := o.(*coordinationv1.Lease); ok && l.Spec.RenewTime != nil {
			lasts := 40 * time.Second
			if s := l.Spec.LeaseDurationSeconds; s != nil {
				lasts = time.Duration(*s) * time.Second
			}
			leases[l.Name] = lease{l.Spec.RenewTime.Time, lasts / renewals}
		}
		return nil
	})
	if apierrors.IsNotFound(err) {
		return nil // before 1.14
	}
	if err != nil {
		return fmt.Errorf("list leases of nodes: %w", err)
	}
	now, err := s.client.Now(ctx)
	if err != nil {
		return err
	}
	for i := range s.Nodes {
		if l, ok := leases[s.Nodes[i].Name]; ok {
			s.Nodes[i].ClockAhead = off(l.renewed.Sub(now), l.every)
		}
	}
	return nil
}

// lease is when a kubelet has renewed its lease, by its own clock, and how often it does.
type lease struct {
	renewed time.Time
	every   time.Duration
}

// off is how far a clock is off, given how old the last renewal looks; zero where it may be right.
func off(d, every time.Duration) time.Duration {
	switch {
	case d > ahead:
		return d.Round(time.Second)
	case -d > every+behind:
		return (d + every).Round(time.Second)
	}
	return 0
}
