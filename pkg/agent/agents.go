package agent

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const poll = 500 * time.Millisecond

// Agents are the agent pods of a cluster.
type Agents struct {
	client *kube.Client
	opts   Options
	// waiting is told what is being waited for, by name.
	waiting func(string)

	mu sync.Mutex
	// begun are the nonces of actions that nobody has listened to until their end.
	begun map[string]string
	// secret is empty until somebody asks for it.
	secret string
}

// New makes the handle; nothing is sent yet. The waiting function may be nil.
func New(client *kube.Client, opts Options, waiting func(string)) *Agents {
	if waiting == nil {
		waiting = func(string) {}
	}
	return &Agents{client: client, opts: opts, waiting: waiting}
}

// RefusedError says that the cluster does not let the agent run: Pod Security, a webhook, a quota, a missing image or no place to run.
type RefusedError struct {
	// Reasons name node or object, and cause.
	Reasons []string
}

func (e *RefusedError) Error() string {
	return "start the agent: " + strings.Join(e.Reasons, "; ")
}

// Ensure creates namespace and DaemonSet. Admission is asked first with a dry run of the very pod, because a DaemonSet
// is accepted where its pods are not, and then says nothing but "0 scheduled" (rancher#36559).
func (a *Agents) Ensure(ctx context.Context, server version.Version) error {
	if err := a.awaitGone(ctx); err != nil {
		return err
	}
	if _, err := a.client.CoreV1().Namespaces().Create(ctx, namespace(), metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return refused(err, "create namespace %q", Namespace)
	}
	t := podTemplate(a.opts, server)
	pod := &corev1.Pod{ObjectMeta: t.ObjectMeta, Spec: t.Spec}
	pod.GenerateName, pod.Namespace = name+"-dry-run-", Namespace
	if _, err := a.client.CoreV1().Pods(Namespace).Create(ctx, pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}}); err != nil && !awaitsServiceAccount(err) {
		return refused(err, "try pod of the agent (dry run)")
	}
	want := daemonSet(t)
	have, err := a.client.AppsV1().DaemonSets(Namespace).Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		if _, err := a.client.AppsV1().DaemonSets(Namespace).Create(ctx, want, metav1.CreateOptions{}); err != nil {
			return refused(err, "create DaemonSet %s/%s", Namespace, name)
		}
	case err != nil:
		return fmt.Errorf("get DaemonSet %s/%s: %w", Namespace, name, err)
	case !sameAgent(have.Spec.Template.Spec, t.Spec):
		// Left by an earlier run with other images, or for other nodes: the pods are replaced as a whole.
		if err := a.Remove(ctx); err != nil {
			return err
		}
		return a.Ensure(ctx, server)
	}
	return nil
}

// sameAgent tells whether a DaemonSet that is there has the images and the nodes that are wanted.
func sameAgent(have, want corev1.PodSpec) bool {
	return slices.Equal(images(have), images(want)) && equality.Semantic.DeepEqual(have.Affinity, want.Affinity)
}

func images(s corev1.PodSpec) []string {
	var out []string
	for _, c := range slices.Concat(s.InitContainers, s.Containers) {
		out = append(out, c.Name+"="+c.Image)
	}
	return out
}

// awaitsServiceAccount tells the race of a namespace so new that its default service account is not there yet;
// the DaemonSet's controller tries again by itself.
func awaitsServiceAccount(err error) bool {
	return apierrors.IsForbidden(err) && strings.Contains(err.Error(), "serviceaccount \"default\" not found")
}

// refused tells a cluster that will not have the agent from one that cannot be asked now. A webhook that is not
// reachable comes as an internal error of the API server, but refuses all the same.
func refused(err error, format string, args ...any) error {
	if kube.IsRetryable(err) && !strings.Contains(err.Error(), "failed calling webhook") {
		return fmt.Errorf(format+": %w", append(args, err)...)
	}
	return &RefusedError{Reasons: []string{fmt.Sprintf(format, args...) + ": " + err.Error()}}
}

// awaitGone waits while an earlier run's namespace is being removed.
func (a *Agents) awaitGone(ctx context.Context) error {
	defer a.waiting("")
	err := wait.PollUntilContextTimeout(ctx, poll, goneIn, true, func(ctx context.Context) (bool, error) {
		ns, err := a.client.CoreV1().Namespaces().Get(ctx, Namespace, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return true, nil
		}
		if err != nil {
			return false, fmt.Errorf("get namespace %q: %w", Namespace, err)
		}
		if ns.DeletionTimestamp == nil {
			return true, nil
		}
		a.waiting(fmt.Sprintf("namespace %q of an earlier run to be gone", Namespace))
		return false, nil
	})
	if wait.Interrupted(err) && ctx.Err() == nil {
		return fmt.Errorf("send the agent: namespace %q of an earlier run is still being removed after %s, nothing was changed: see what keeps it: kubectl get namespace %s -o yaml",
			Namespace, goneIn, Namespace)
	}
	if err != nil {
		return fmt.Errorf("send the agent: %w", cause(ctx, err))
	}
	return nil
}

// cause is why a wait was ended from outside, where it was.
func cause(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// goneIn is how long a namespace may take to go.
const goneIn = 2 * time.Minute

// AwaitReady waits until every one of the nodes has a ready agent, and gives those that had one at the end. When the time
// is over, or as soon as an image is known not to be had, the error is a RefusedError that names each other node and why.
func (a *Agents) AwaitReady(ctx context.Context, nodes []string, timeout time.Duration) (reached []string, err error) {
	defer a.waiting("")
	var missing []string
	var last error
	hopeless := map[string]time.Time{}
	err = wait.PollUntilContextTimeout(ctx, poll, timeout, true, func(context.Context) (bool, error) {
		// The time bounds the wait, not a request: one that is cut off by it would be taken for a failure.
		pods, err := a.pods(ctx)
		if err != nil {
			if kube.IsRetryable(err) {
				last = err
				return false, nil
			}
			return false, err
		}
		missing, reached = nil, nil
		given := false
		for _, n := range nodes {
			pod, ok := pods[n]
			if ok && isReady(pod) {
				reached = append(reached, n)
				continue
			}
			cause, pulled := "no agent pod was made for it", pullNotTried
			if ok {
				cause, pulled = notReadyCause(pod)
			}
			missing = append(missing, fmt.Sprintf("node %q: %s", n, cause))
			switch since, seen := hopeless[n]; {
			case pulled == pullNotTried:
				delete(hopeless, n)
			case pulled == pullRefused:
				given = true
			case !seen:
				hopeless[n] = time.Now()
			case time.Since(since) > pullPatience:
				given = true
			}
		}
		if len(missing) == 0 {
			return true, nil
		}
		a.waiting("agent on " + missing[0])
		if given {
			return false, context.DeadlineExceeded
		}
		return false, nil
	})
	if err == nil {
		return reached, nil
	}
	if !errors.Is(err, context.DeadlineExceeded) && !wait.Interrupted(err) || ctx.Err() != nil {
		return reached, fmt.Errorf("wait for the agent on %d nodes: %w", len(nodes), cause(ctx, err))
	}
	if len(missing) == 0 {
		return reached, fmt.Errorf("wait for the agent on %d nodes: the API server did not answer for %s: %w", len(nodes), timeout, last)
	}
	return reached, &RefusedError{Reasons: append(missing, a.daemonSetEvents(ctx)...)}
}

// pods gives the agent pods by node. A pod that the scheduler has not placed counts for the node that its affinity names.
func (a *Agents) pods(ctx context.Context) (map[string]corev1.Pod, error) {
	list, err := a.client.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels()})})
	if err != nil {
		return nil, fmt.Errorf("list agent pods: %w", err)
	}
	out := map[string]corev1.Pod{}
	for _, p := range list.Items {
		if p.DeletionTimestamp == nil {
			out[nodeOf(p)] = p
		}
	}
	return out, nil
}

func nodeOf(p corev1.Pod) string {
	if p.Spec.NodeName != "" || p.Spec.Affinity == nil || p.Spec.Affinity.NodeAffinity == nil || p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution == nil {
		return p.Spec.NodeName
	}
	for _, term := range p.Spec.Affinity.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms {
		for _, f := range term.MatchFields {
			if f.Key == "metadata.name" && len(f.Values) == 1 {
				return f.Values[0]
			}
		}
	}
	return ""
}

func isReady(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// notReadyCause says why a pod is not ready, and what is known of its images.
func notReadyCause(p corev1.Pod) (cause string, pulled pull) {
	for _, s := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		what := "agent"
		if s.Name == migrate {
			what = migrate
		}
		if w := s.State.Waiting; w != nil {
			if of := pullOf(*w); of != pullNotTried {
				return fmt.Sprintf("%s image %q cannot be pulled: %s", what, s.Image, w.Message), of
			}
			if w.Reason != "ContainerCreating" && w.Reason != "PodInitializing" {
				return strings.TrimSpace(fmt.Sprintf("agent pod %s waits: %s %s", p.Name, w.Reason, w.Message)), pullNotTried
			}
		}
		// An init container that ended well has done what it is for.
		if t := s.State.Terminated; t != nil && (what != migrate || t.ExitCode != 0) {
			return strings.TrimSpace(fmt.Sprintf("agent pod %s ended with exit code %d: %s", p.Name, t.ExitCode, t.Message)), pullNotTried
		}
	}
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse {
			return fmt.Sprintf("agent pod %s is not scheduled: %s", p.Name, c.Message), pullNotTried
		}
	}
	switch p.Status.Phase {
	case corev1.PodRunning:
		return fmt.Sprintf("agent pod %s runs and is not Ready: its kubelet may not answer", p.Name), pullNotTried
	case corev1.PodPending:
		return fmt.Sprintf("agent pod %s has not started yet: its images may be on their way", p.Name), pullNotTried
	default:
		return fmt.Sprintf("agent pod %s is %s", p.Name, strings.ToLower(string(p.Status.Phase))), pullNotTried
	}
}

// daemonSetEvents gives the DaemonSet's own complaints, such as a webhook that refuses its pods.
func (a *Agents) daemonSetEvents(ctx context.Context) []string {
	list, err := a.client.CoreV1().Events(Namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=DaemonSet,type=Warning"})
	if err != nil {
		return nil
	}
	var out []string
	for _, e := range list.Items {
		if text := fmt.Sprintf("DaemonSet %s: %s: %s", e.InvolvedObject.Name, e.Reason, e.Message); !slices.Contains(out, text) {
			out = append(out, text)
		}
	}
	return out
}

// Remove takes the agent away, and its namespace, unless somebody else made that. It waits until they are gone. The pods go
// first: a namespace that is deleted with pods in it is looked at again only after many seconds.
func (a *Agents) Remove(ctx context.Context) error {
	defer a.waiting("")
	if err := a.removePods(ctx); err != nil {
		return err
	}
	ours, err := a.namespaceIsOurs(ctx)
	if err != nil || !ours {
		return err
	}
	err = a.client.CoreV1().Namespaces().Delete(ctx, Namespace, metav1.DeleteOptions{})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete namespace %q: %w", Namespace, err)
	}
	var last error
	err = wait.PollUntilContextTimeout(ctx, poll, goneIn, true, func(ctx context.Context) (bool, error) {
		_, err := a.client.CoreV1().Namespaces().Get(ctx, Namespace, metav1.GetOptions{})
		last = err
		a.waiting(fmt.Sprintf("namespace %q to be gone", Namespace))
		if err != nil && !apierrors.IsNotFound(err) && !kube.IsRetryableLater(err) {
			return false, err
		}
		return apierrors.IsNotFound(err), nil
	})
	if err != nil {
		return fmt.Errorf("wait for namespace %q to be gone: %w; see what keeps it: kubectl get namespace %s -o yaml", Namespace, errors.Join(cause(ctx, err), last), Namespace)
	}
	return nil
}

// namespaceIsOurs tells by its labels: an operator may have made the namespace before, to put a pull secret in it.
func (a *Agents) namespaceIsOurs(ctx context.Context) (ours bool, err error) {
	err = wait.PollUntilContextTimeout(ctx, poll, time.Minute, true, func(ctx context.Context) (bool, error) {
		ns, err := a.client.CoreV1().Namespaces().Get(ctx, Namespace, metav1.GetOptions{})
		switch {
		case apierrors.IsNotFound(err):
			return true, nil
		case err != nil && kube.IsRetryableLater(err):
			return false, nil
		case err != nil:
			return false, err
		}
		ours = ns.Labels[madeBy] == madeByUs
		return true, nil
	})
	if err != nil {
		return false, fmt.Errorf("get namespace %q: %w", Namespace, err)
	}
	return ours, nil
}

func (a *Agents) removePods(ctx context.Context) error {
	err := a.client.AppsV1().DaemonSets(Namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: new(metav1.DeletePropagationBackground)})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("delete DaemonSet %s/%s: %w", Namespace, name, err)
	}
	err = wait.PollUntilContextTimeout(ctx, poll, 30*time.Second, true, func(ctx context.Context) (bool, error) {
		list, err := a.client.CoreV1().Pods(Namespace).List(ctx, metav1.ListOptions{})
		if err != nil && !kube.IsRetryableLater(err) {
			return false, err
		}
		if err == nil && len(list.Items) > 0 {
			a.waiting("agent pod " + list.Items[0].Name + " to be gone")
		}
		return err == nil && len(list.Items) == 0, nil
	})
	// Pods that stay, on a node that is down, are left to the namespace's deletion.
	if err != nil && !wait.Interrupted(err) {
		return fmt.Errorf("list agent pods: %w", err)
	}
	if ctx.Err() != nil {
		return fmt.Errorf("remove agent pods: %w", context.Cause(ctx))
	}
	return nil
}
