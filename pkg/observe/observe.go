// Package observe reads a live cluster into a cluster.Cluster value. It only gets and lists; it changes nothing.
package observe

import (
	"context"
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/pager"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// ErrNotKubeadm says that the cluster was not made by kubeadm, which is all that this tool upgrades.
var ErrNotKubeadm = errors.New("this is not a kubeadm cluster: there is no ConfigMap kube-system/kubeadm-config, which kubeadm writes at init")

// Cluster reads what runs where and how it is. What only the hosts know is left nil.
func Cluster(ctx context.Context, c *kube.Client) (*cluster.Cluster, error) {
	return read(ctx, c, nil)
}

// ForPlan reads in addition what only a plan asks for: who leads, and where else each pod could run.
func ForPlan(ctx context.Context, c *kube.Client) (*cluster.Cluster, error) {
	out, err := read(ctx, c, &placement{})
	if err != nil {
		return nil, err
	}
	out.Leaders.Scheduler = leader(ctx, c, "kube-scheduler")
	out.Leaders.ControllerManager = leader(ctx, c, "kube-controller-manager")
	return out, nil
}

func read(ctx context.Context, c *kube.Client, where *placement) (*cluster.Cluster, error) {
	out := &cluster.Cluster{Context: c.Context, Server: c.Config.Host}
	info, err := c.Discovery().ServerVersion()
	if err != nil {
		return nil, fmt.Errorf("read server version: %w", err)
	}
	if out.Version, err = version.Parse(info.GitVersion); err != nil {
		return nil, fmt.Errorf("read server version: %w", err)
	}
	system, err := c.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return nil, fmt.Errorf("get namespace %q: %w", metav1.NamespaceSystem, err)
	}
	out.UID = string(system.UID)
	if out.Kubeadm, err = kubeadmConfig(ctx, c); err != nil {
		return nil, err
	}
	nodes, err := c.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	pods, err := allPods(ctx, c)
	if err != nil {
		return nil, err
	}
	budgets, err := budgets(ctx, c)
	if err != nil {
		return nil, err
	}
	for _, b := range budgets {
		out.Budgets = append(out.Budgets, b.Budget)
	}
	if where != nil {
		if err := where.fill(ctx, c, nodes.Items); err != nil {
			return nil, err
		}
	}
	if where != nil {
		out.Survey = surveyed(nodes.Items, pods, where.kinds)
	}
	for _, n := range nodes.Items {
		out.Nodes = append(out.Nodes, node(n, pods[n.Name], budgets, where))
	}
	out.Addons, err = addons(ctx, c)
	return out, err
}

// allPods lists every pod of the cluster, in chunks, by node.
func allPods(ctx context.Context, c *kube.Client) (map[string][]corev1.Pod, error) {
	out := map[string][]corev1.Pod{}
	list := pager.New(pager.SimplePageFunc(func(o metav1.ListOptions) (runtime.Object, error) {
		return c.CoreV1().Pods(metav1.NamespaceAll).List(ctx, o)
	}))
	err := list.EachListItem(ctx, metav1.ListOptions{}, func(o runtime.Object) error {
		p, ok := o.(*corev1.Pod)
		if !ok {
			return fmt.Errorf("list pods: got a %T", o)
		}
		out[p.Spec.NodeName] = append(out[p.Spec.NodeName], *p)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list pods: %w", err)
	}
	return out, nil
}

// addons reads the two workloads that kubeadm itself upgrades. One that is missing was taken out on purpose.
func addons(ctx context.Context, c *kube.Client) ([]cluster.Addon, error) {
	var out []cluster.Addon
	ds, err := c.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	switch {
	case err == nil:
		s := ds.Status
		out = append(out, cluster.Addon{Name: "kube-proxy", Image: ds.Spec.Template.Spec.Containers[0].Image,
			Ready: s.ObservedGeneration >= ds.Generation && s.UpdatedNumberScheduled >= s.DesiredNumberScheduled && s.NumberAvailable >= s.DesiredNumberScheduled})
	case !apierrors.IsNotFound(err):
		return nil, fmt.Errorf("get DaemonSet kube-system/kube-proxy: %w", err)
	}
	dep, err := c.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{})
	switch {
	case err == nil:
		s, want := dep.Status, int32(1)
		if dep.Spec.Replicas != nil {
			want = *dep.Spec.Replicas
		}
		out = append(out, cluster.Addon{Name: "coredns", Image: dep.Spec.Template.Spec.Containers[0].Image, Labelled: dep.Labels["k8s-app"] == "kube-dns",
			Ready: s.ObservedGeneration >= dep.Generation && s.UpdatedReplicas >= want && s.AvailableReplicas >= want})
	case !apierrors.IsNotFound(err):
		return nil, fmt.Errorf("get Deployment kube-system/coredns: %w", err)
	}
	return out, nil
}
