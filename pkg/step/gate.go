package step

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// gateInterval is how often a gate looks. It has to be well below the time that a gate holds.
const gateInterval = time.Second

// look tells what is still missing, by name, and a mark that changes when something restarted meanwhile; nothing missing is an empty string. A mark
// beside what is missing says that everything runs, and that only has not been told Ready.
type look func(ctx context.Context) (missing, mark string)

// hold waits until nothing is missing, and everything has run for stable without a break. The error names what was missing last. What costs more
// than a look, such as a process on every host, is left to last, which tells in the end what is missing still, and may be nil.
func hold(ctx context.Context, r Reporter, stable time.Duration, at look, last func(context.Context) (missing string)) error {
	tick := time.NewTicker(gateInterval)
	defer tick.Stop()
	var since time.Time
	var mark, said string
	for {
		missing, m := at(ctx)
		switch {
		case missing != "" && m == "":
			since = time.Time{}
		case since.IsZero() || m != mark:
			since, mark = time.Now(), m
		}
		if missing == "" && time.Since(since) >= stable {
			if last != nil {
				missing = last(ctx)
			}
			if missing == "" {
				r.Waiting("")
				return nil
			}
			since = time.Time{}
		}
		if missing == "" {
			missing = fmt.Sprintf("everything to stay up for %s", stable)
		} else {
			said = missing
		}
		r.Waiting(missing)
		select {
		case <-ctx.Done():
			if said == "" {
				said = "a stable state"
			}
			return fmt.Errorf("wait for %s: %w", said, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// staticPods looks at kubeadm's mirror pods on the step's node. The mark is made of container IDs, which change when a container restarts; kubeadm has the kubelet
// wait for 10 seconds before it asks whether one has started, and for 10 more when it has not.
func (b base) staticPods(ctx context.Context, at func(component, image string) string) (missing, mark string) {
	list, err := b.Client.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{
		LabelSelector: "tier=control-plane", FieldSelector: "spec.nodeName=" + b.step.Node,
	})
	if err != nil {
		return "API server: " + err.Error(), ""
	}
	seen := map[string]bool{}
	unready := ""
	var ids strings.Builder
	for _, p := range list.Items {
		component := p.Labels["component"]
		if !nodes.IsMirror(&p) || component == "" {
			continue
		}
		seen[component] = true
		if cause := at(component, p.Spec.Containers[0].Image); cause != "" {
			return cause, ""
		}
		if !nodes.PodReady(&p) {
			unready = fmt.Sprintf("static pod %s to be Ready%s", p.Name, containerCause(&p))
			if !running(&p) {
				return unready, ""
			}
		}
		for _, s := range p.Status.ContainerStatuses {
			ids.WriteString(s.ContainerID)
		}
	}
	for _, c := range plan.ControlPlaneComponents {
		if !seen[c] {
			return fmt.Sprintf("static pod %s-%s to be there", c, b.step.Node), ""
		}
	}
	return unready, ids.String()
}

func running(p *corev1.Pod) bool {
	return len(p.Status.ContainerStatuses) > 0 && !slices.ContainsFunc(p.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.State.Running == nil })
}

// containerCause says what the kubelet says of a container that does not run.
func containerCause(p *corev1.Pod) string {
	for _, s := range p.Status.ContainerStatuses {
		if w := s.State.Waiting; w != nil && w.Reason != "ContainerCreating" {
			return fmt.Sprintf(" (%s %s)", w.Reason, w.Message)
		}
		if t := s.State.Terminated; t != nil {
			return fmt.Sprintf(" (exit code %d)", t.ExitCode)
		}
	}
	return ""
}

// readyz asks the API endpoint, as the operator's machine sees it.
func (b base) readyz(ctx context.Context) string {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	body, err := kube.Ready(ctx, b.Client.Discovery().RESTClient())
	if err != nil {
		return fmt.Sprintf("readiness through %s: %v %s", b.Client.Config.Host, err, body)
	}
	return ""
}
