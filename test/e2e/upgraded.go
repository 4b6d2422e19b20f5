package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// upgraded looks whether everything that Kubernetes and kubeadm run is of the target version.
func (e *env) upgraded(ctx context.Context) error {
	errs := []error{e.versions(ctx)}
	images, err := e.wantedImages(ctx)
	if err != nil {
		return errors.Join(append(errs, err)...)
	}
	return errors.Join(append(errs, e.staticPods(ctx, images), e.addons(ctx, images))...)
}

func (e *env) versions(ctx context.Context) error {
	var errs []error
	server, err := e.client.Discovery().ServerVersion()
	if err != nil {
		return fmt.Errorf("ask for the server's version: %w", err)
	}
	if server.GitVersion != e.target() {
		errs = append(errs, fmt.Errorf("the API server is at %s, want %s", server.GitVersion, e.target()))
	}
	v, err := kubeadmVersion(ctx, e.client)
	if err != nil {
		return err
	}
	if v != e.target() {
		errs = append(errs, fmt.Errorf("kubeadm-config is at %s, want %s", v, e.target()))
	}
	nodes, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range nodes.Items {
		if k := n.Status.NodeInfo.KubeletVersion; k != e.target() {
			errs = append(errs, fmt.Errorf("the kubelet of %s is at %s, want %s", n.Name, k, e.target()))
		}
		if !nodeReady(&n) || n.Spec.Unschedulable {
			errs = append(errs, fmt.Errorf("node %s: ready %t, unschedulable %t", n.Name, nodeReady(&n), n.Spec.Unschedulable))
		}
	}
	return errors.Join(errs...)
}

// wantedImages asks the target's kubeadm, now on the first node, which images belong to it; by the last part of their names.
func (e *env) wantedImages(ctx context.Context) (map[string]string, error) {
	out, err := e.lab.exec(ctx, e.lab.info.nodes()[0], "kubeadm", "config", "images", "list", "--kubernetes-version", e.target())
	if err != nil {
		return nil, err
	}
	images := map[string]string{}
	for _, image := range strings.Fields(out) {
		name, _, _ := strings.Cut(path.Base(image), ":")
		images[name] = image
	}
	return images, nil
}

// staticPods compares what runs with the target's images, and with the manifests on the hosts.
func (e *env) staticPods(ctx context.Context, images map[string]string) error {
	var errs []error
	for _, n := range e.lab.info.controlPlanes() {
		manifests, err := e.lab.exec(ctx, n, "sh", "-c", "grep -h image: /etc/kubernetes/manifests/*.yaml")
		if err != nil {
			return err
		}
		for _, component := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"} {
			p, err := e.client.CoreV1().Pods(metav1.NamespaceSystem).Get(ctx, component+"-"+n, metav1.GetOptions{})
			if err != nil {
				return fmt.Errorf("get static pod: %w", err)
			}
			want := images[component]
			if got := p.Spec.Containers[0].Image; got != want || !podReady(p) {
				errs = append(errs, fmt.Errorf("static pod %s runs %s (ready %t), want %s", p.Name, got, podReady(p), want))
			}
			if !slices.Contains(strings.Fields(manifests), want) {
				errs = append(errs, fmt.Errorf("no manifest on %s names %s", n, want))
			}
		}
	}
	return errors.Join(errs...)
}

// addons wants kube-proxy and CoreDNS of the target, rolled out to the last pod.
func (e *env) addons(ctx context.Context, images map[string]string) error {
	var errs []error
	proxy, err := e.client.AppsV1().DaemonSets(metav1.NamespaceSystem).Get(ctx, "kube-proxy", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get kube-proxy: %w", err)
	}
	if got := proxy.Spec.Template.Spec.Containers[0].Image; got != images["kube-proxy"] || !daemonSetDone(proxy) {
		errs = append(errs, fmt.Errorf("kube-proxy runs %s (rolled out %t), want %s", got, daemonSetDone(proxy), images["kube-proxy"]))
	}
	dns, err := e.client.AppsV1().Deployments(metav1.NamespaceSystem).Get(ctx, "coredns", metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get coredns: %w", err)
	}
	if got := dns.Spec.Template.Spec.Containers[0].Image; got != images["coredns"] || !deploymentDone(dns) {
		errs = append(errs, fmt.Errorf("coredns runs %s (rolled out %t), want %s", got, deploymentDone(dns), images["coredns"]))
	}
	return errors.Join(errs...)
}

func podReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func daemonSetDone(d *appsv1.DaemonSet) bool {
	s := d.Status
	return s.ObservedGeneration == d.Generation && s.UpdatedNumberScheduled == s.DesiredNumberScheduled && s.NumberAvailable == s.DesiredNumberScheduled
}

func deploymentDone(d *appsv1.Deployment) bool {
	s := d.Status
	return s.ObservedGeneration == d.Generation && s.UpdatedReplicas == *d.Spec.Replicas && s.AvailableReplicas == *d.Spec.Replicas && s.Replicas == *d.Spec.Replicas
}
