package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// operators takes a cluster to its target as careful people do: by a saved plan, with a pause after the control plane, past a
// worker that cannot be drained, a part of the workers first, and then the rest two at a time, by somebody who dies and
// somebody else who takes over from another machine.
func operators(ctx context.Context, e *env) error {
	if err := e.deployWorkload(ctx); err != nil {
		return err
	}
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o := &operated{env: e, began: time.Now(), plan: filepath.Join(e.work, "plan.json"), elsewhere: filepath.Join(e.work, "elsewhere")}
	for _, part := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"a saved plan pauses after the control plane, and no worker was touched", o.pauses},
		{"from another machine, status tells who upgrades to what and how to go on", o.seenPaused},
		{"the saved plan is stale now, and refused without a change", o.stale},
		{"a worker that cannot be drained stays in service, and no other is begun", o.failsOne},
		{"--selector upgrades one worker and leaves the others", o.selects},
		{"while a run lives, another is refused; when it is dead, it is taken over, and never acts again", o.takenOver},
		{"two workers were closed at once, and never three", o.twoAtOnce},
		{"every version is new", e.upgraded},
		{"holds and nodes are exactly as before", func(ctx context.Context) error {
			after, err := e.take(ctx)
			if err != nil {
				return err
			}
			return errors.Join(sameHolds(before, after), sameNodes(before, after), after.clean(), e.noWorkDir(ctx))
		}},
		{"the workload answered all the time", func(ctx context.Context) error {
			_, err := e.workloadAnswered(ctx, o.began, time.Now())
			return err
		}},
	} {
		if !e.check(part.name, func() error { return part.do(ctx) }) {
			return nil // the parts stand on one another
		}
	}
	return nil
}

// operated is a cluster in the hands of several operators.
type operated struct {
	*env
	began time.Time
	// plan is a file; elsewhere is the home of somebody at another machine.
	plan, elsewhere string
	first           string
}

// run is a call from this machine.
func (o *operated) run(ctx context.Context, args ...string) (outcome, error) {
	return o.product.run(ctx, o.upgradeCall(append(args, "-o", "json")...))
}

// kubelets gives the workers by the version of their kubelet.
func (o *operated) kubelets(ctx context.Context) (at map[string][]string, err error) {
	list, err := o.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list nodes: %w", err)
	}
	at = map[string][]string{}
	for _, n := range list.Items {
		if n.Spec.Unschedulable || !nodeReady(&n) {
			return nil, fmt.Errorf("node %s: ready %t, unschedulable %t", n.Name, nodeReady(&n), n.Spec.Unschedulable)
		}
		if !slices.Contains(o.lab.info.controlPlanes(), n.Name) {
			v := n.Status.NodeInfo.KubeletVersion
			at[v] = append(at[v], n.Name)
		}
	}
	return at, nil
}

// moved wants that many workers at the target, all others at the version of before.
func (o *operated) moved(ctx context.Context, n int) error {
	at, err := o.kubelets(ctx)
	if err != nil {
		return err
	}
	workers := len(o.lab.info.Nodes) - len(o.lab.info.controlPlanes())
	if len(at[o.target()]) != n || len(at[o.lab.info.Kubernetes]) != workers-n {
		return fmt.Errorf("kubelets of workers: %v; want %d at %s", at, n, o.target())
	}
	return nil
}

func (o *operated) pauses(ctx context.Context) error {
	made, err := o.run(ctx, append([]string{"plan", "--to", o.target(), "--pause-after", "control-plane"}, o.ignored()...)...)
	if err != nil {
		return err
	}
	if made.code != 0 {
		return errors.New(made.String())
	}
	if err := os.WriteFile(o.plan, []byte(made.stdout), 0o600); err != nil {
		return fmt.Errorf("save plan: %w", err)
	}
	ran, err := o.run(ctx, "cluster", "--plan", o.plan, "--yes")
	if err != nil {
		return err
	}
	if err := (row{code: 3, words: []string{"pause"}}).judge(ran); err != nil {
		return fmt.Errorf("%w\n%s", err, ran)
	}
	up, err := o.controlPlaneUpgraded(ctx)
	if err != nil {
		return err
	}
	if !up {
		return errors.New("the control plane is not at the target")
	}
	return o.moved(ctx, 0)
}

// ignored passes by kubeadm's check of what the lab's hosts do not have (see docs/lab.md).
func (o *operated) ignored() []string {
	return []string{"--kubeadm-ignore-preflight-errors=SystemVerification"}
}

// status is what is judged of "kubectl upgrade status -o json".
type status struct {
	State, To, Next string
	Holder          *struct {
		Name  string
		Alive bool
	}
}

func (o *operated) status(ctx context.Context, home string) (s status, err error) {
	c := call{kubeconfig: o.lab.info.Kubeconfig, args: []string{"status", "-o", "json"}, home: home}
	out, err := o.product.run(ctx, c)
	if err != nil {
		return s, err
	}
	if err := json.Unmarshal([]byte(out.stdout), &s); err != nil {
		return s, fmt.Errorf("read status: %w\n%s", err, out)
	}
	return s, nil
}

func (o *operated) seenPaused(ctx context.Context) error {
	if err := os.MkdirAll(o.elsewhere, 0o700); err != nil {
		return fmt.Errorf("make home: %w", err)
	}
	s, err := o.status(ctx, o.elsewhere)
	if err != nil {
		return err
	}
	if !strings.EqualFold(s.State, "paused") || s.To != o.target() || !strings.Contains(s.Next, "kubectl upgrade cluster") || s.Holder != nil {
		return fmt.Errorf("it says %+v", s)
	}
	return nil
}

func (o *operated) stale(ctx context.Context) error {
	return o.unchangedBy(ctx, func() error {
		ran, err := o.run(ctx, "cluster", "--plan", o.plan, "--yes")
		if err != nil {
			return err
		}
		if err := (row{code: 1, words: []string{"stale"}}).judge(ran); err != nil {
			return fmt.Errorf("%w\n%s", err, ran)
		}
		return nil
	})
}

// failsOne brings in, when a run has judged the cluster and begun, a budget that lets no pod go.
func (o *operated) failsOne(ctx context.Context) error {
	images, err := o.wantedImages(ctx)
	if err != nil {
		return err
	}
	labels := map[string]string{"app": "stubborn"}
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Name: "stubborn", Namespace: "demo"}, Spec: appsv1.DeploymentSpec{
		Replicas: new(int32(3)), Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: new(int64(0)),
			Containers:                    []corev1.Container{{Name: "pause", Image: images["pause"]}},
			TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{MaxSkew: 1, TopologyKey: corev1.LabelHostname,
				WhenUnsatisfiable: corev1.DoNotSchedule, LabelSelector: &metav1.LabelSelector{MatchLabels: labels}}},
		}},
	}}
	if _, err := o.client.AppsV1().Deployments("demo").Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("deploy what cannot be moved: %w", err)
	}
	if err := poll(ctx, 2*time.Minute, "what cannot be moved to run", func(ctx context.Context) (bool, error) {
		d, err := o.client.AppsV1().Deployments("demo").Get(ctx, "stubborn", metav1.GetOptions{})
		return err == nil && deploymentDone(d), err
	}); err != nil {
		return err
	}
	all := intstr.FromInt32(3)
	made := make(chan error, 1)
	c := o.upgradeCall(append([]string{"cluster", "--to", o.target(), "--yes", "-o", "json", "--drain-timeout=15s"}, o.ignored()...)...)
	begun := false
	c.said = func(line string) {
		if begun || stepLine.FindStringSubmatch(line) == nil {
			return
		}
		begun = true
		_, err := o.client.PolicyV1().PodDisruptionBudgets("demo").Create(ctx, &policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "stubborn", Namespace: "demo"},
			Spec:       policyv1.PodDisruptionBudgetSpec{MinAvailable: &all, Selector: &metav1.LabelSelector{MatchLabels: labels}},
		}, metav1.CreateOptions{})
		made <- err
	}
	ran, err := o.product.run(ctx, c)
	if err != nil {
		return err
	}
	select {
	case err := <-made:
		if err != nil {
			return fmt.Errorf("make budget: %w", err)
		}
	default:
		return fmt.Errorf("the run began no step: %s", ran)
	}
	if err := (row{code: 3, words: []string{"demo/stubborn", "0 allowed"}}).judge(ran); err != nil {
		return fmt.Errorf("%w\n%s", err, ran)
	}
	a, err := o.auditSince(ctx, o.began)
	if err != nil {
		return err
	}
	var closed []string
	for n := range a.cordons() {
		if !slices.Contains(o.lab.info.controlPlanes(), n) {
			closed = append(closed, n)
		}
	}
	if len(closed) != 1 {
		return fmt.Errorf("workers %v were closed, want one", closed)
	}
	o.first = closed[0]
	if err := o.client.PolicyV1().PodDisruptionBudgets("demo").Delete(ctx, "stubborn", metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete budget: %w", err)
	}
	if err := o.client.AppsV1().Deployments("demo").Delete(ctx, "stubborn", metav1.DeleteOptions{}); err != nil {
		return fmt.Errorf("delete what cannot be moved: %w", err)
	}
	return o.moved(ctx, 0)
}

func (o *operated) selects(ctx context.Context) error {
	ran, err := o.run(ctx, append([]string{"cluster", "--to", o.target(), "--yes", "--selector", "kubernetes.io/hostname=" + o.first}, o.ignored()...)...)
	if err != nil {
		return err
	}
	if ran.code != 0 {
		return errors.New(ran.String())
	}
	at, err := o.kubelets(ctx)
	if err != nil {
		return err
	}
	if got := at[o.target()]; !slices.Equal(got, []string{o.first}) {
		return fmt.Errorf("workers %v are at the target, want %s", got, o.first)
	}
	return nil
}

// takenOver freezes a run while workers are closed, has another person refused as long as the lock may be held, and then take over.
func (o *operated) takenOver(ctx context.Context) error {
	args := append([]string{"cluster", "--to", o.target(), "--yes", "-o", "json", "--max-unavailable=2"}, o.ignored()...)
	frozen, err := o.product.start(ctx, o.upgradeCall(args...))
	if err != nil {
		return err
	}
	since := time.Now()
	closed := poll(ctx, 10*time.Minute, "workers to be closed", func(ctx context.Context) (bool, error) {
		nodes, err := o.closedNodes(ctx)
		return len(nodes) == 2, err
	})
	if err := errors.Join(closed, frozen.signal(syscall.SIGSTOP)); err != nil {
		return err
	}
	other := o.upgradeCall(args...)
	other.home = o.elsewhere
	refused, err := o.product.run(ctx, other)
	if err != nil {
		return err
	}
	if err := (row{code: 1, words: []string{"another run holds the lock"}}).judge(refused); err != nil {
		return fmt.Errorf("%w\n%s", err, refused)
	}
	if err := poll(ctx, 5*time.Minute, "the frozen run to count as dead", func(ctx context.Context) (bool, error) {
		s, err := o.status(ctx, o.elsewhere)
		return err == nil && s.Holder != nil && !s.Holder.Alive, err
	}); err != nil {
		return err
	}
	fmt.Printf("# the frozen run counted as dead %s after it began\n", time.Since(since).Round(time.Second))
	took, err := o.product.run(ctx, other)
	if err != nil {
		return err
	}
	if took.code != 0 {
		return errors.New(took.String())
	}
	if err := o.moved(ctx, 3); err != nil {
		return err
	}
	return o.unchangedBy(ctx, func() error {
		if err := frozen.signal(syscall.SIGCONT); err != nil {
			return err
		}
		woke, err := frozen.wait(ctx)
		if err == nil && (woke.code == 0 || !strings.Contains(woke.stderr, "lock")) {
			err = fmt.Errorf("who was taken over from does not say so: %s", woke)
		}
		return err
	})
}

// twoAtOnce asks the audit log which nodes were closed together.
func (o *operated) twoAtOnce(ctx context.Context) error {
	a, err := o.auditSince(ctx, o.began)
	if err != nil {
		return err
	}
	most := 0
	cordons := a.cordons()
	for _, of := range cordons {
		for _, i := range of {
			n := 0
			for _, other := range cordons {
				for _, j := range other {
					if !j.from.After(i.from) && (j.to.IsZero() || j.to.After(i.from)) {
						n++
					}
				}
			}
			most = max(most, n)
		}
	}
	if most != 2 {
		return fmt.Errorf("%d nodes were closed at once", most)
	}
	return nil
}
