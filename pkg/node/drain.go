package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	cmdutil "k8s.io/kubectl/pkg/cmd/util"
	"k8s.io/kubectl/pkg/drain"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// evictRetryDelay is kubectl's own. The library's zero value would ask the API server again without a pause.
const evictRetryDelay = 5 * time.Second

// lookInterval is how often a drain looks at what it is still waiting for.
const lookInterval = 2 * time.Second

// doubt is how long refusals and failures of an API server that answers are taken for those of one that has just started: it refuses
// everybody until its authorizer has read the roles, and fails until its webhooks are back.
const doubt = 2 * time.Minute

// DrainOptions are the operator's choices for a drain.
type DrainOptions struct {
	DeleteEmptyDir     bool
	Force              bool
	DisableEviction    bool
	GracePeriodSeconds int
	// Timeout bounds the whole drain of the node; it must be positive.
	Timeout time.Duration
	// Waiting is told, whenever it changes, which pods are left and what blocks them.
	Waiting func(string)
	// Log is told of each eviction.
	Log func(string)
}

// Drain evicts the pods of a node and waits until they are gone. DaemonSet pods and mirror pods stay.
// When the time is over, the error names every pod that is left and the budget that blocks it.
func Drain(ctx context.Context, c *kube.Client, name string, o DrainOptions) error {
	ctx, cancel := context.WithTimeout(ctx, o.Timeout)
	defer cancel()
	d := &drainer{client: c, node: name, opts: o}
	d.helper = &drain.Helper{
		Ctx:                             ctx,
		Client:                          c,
		Force:                           o.Force,
		DisableEviction:                 o.DisableEviction,
		GracePeriodSeconds:              o.GracePeriodSeconds,
		IgnoreAllDaemonSets:             true,
		Timeout:                         o.Timeout,
		DeleteEmptyDirData:              o.DeleteEmptyDir,
		ChunkSize:                       cmdutil.DefaultChunkSize,
		EvictErrorRetryDelay:            evictRetryDelay,
		Out:                             io.Discard,
		ErrOut:                          io.Discard,
		DryRunStrategy:                  cmdutil.DryRunNone,
		OnPodDeletionOrEvictionStarted:  d.started,
		OnPodDeletionOrEvictionFinished: d.finished,
	}
	stop := d.watch(ctx)
	defer stop()
	var doubted time.Time
	for {
		began := time.Now()
		err := d.once()
		if err == nil {
			return nil
		}
		// The deadline shows up as the library's own "global timeout" as well as the context's.
		if ctx.Err() != nil {
			return d.timedOut(context.Cause(ctx))
		}
		switch {
		case away(err):
			doubted = time.Time{}
		case doubtful(err) || d.restarting(ctx):
			if doubted.IsZero() || time.Since(began) > doubt { // a try that lasted was served until now
				doubted = time.Now()
			}
			if time.Since(doubted) > doubt {
				return fmt.Errorf("drain node %q: %w (tried again for %s)", name, err, doubt)
			}
		default:
			return fmt.Errorf("drain node %q: %w", name, err)
		}
		o.Waiting("API server: " + kube.Brief(err))
		select {
		case <-ctx.Done():
			return d.timedOut(context.Cause(ctx))
		case <-time.After(lookInterval):
		}
	}
}

type drainer struct {
	client *kube.Client
	node   string
	opts   DrainOptions
	helper *drain.Helper

	mu     sync.Mutex
	logged []string
	left   []string
}

// once evicts what is not on its way already, by a run before or by somebody else, and waits until all of it is gone.
func (d *drainer) once() error {
	for {
		list, errs := d.helper.GetPodsForDeletion(d.node)
		if len(errs) > 0 {
			return errors.Join(errs...)
		}
		all := list.Pods()
		staying := slices.DeleteFunc(slices.Clone(all), func(p corev1.Pod) bool { return p.DeletionTimestamp != nil })
		if err := d.helper.DeleteOrEvictPods(staying); err != nil || len(staying) == len(all) {
			return err
		}
		select {
		case <-d.helper.Ctx.Done():
			return d.helper.Ctx.Err()
		case <-time.After(lookInterval):
		}
	}
}

func (d *drainer) started(p *corev1.Pod, evict bool) {
	verb := "delete"
	if evict {
		verb = "evict"
	}
	d.logOnce(verb + " pod " + p.Namespace + "/" + p.Name)
}

func (d *drainer) finished(p *corev1.Pod, _ bool, err error) {
	if err == nil {
		d.logOnce("pod " + p.Namespace + "/" + p.Name + " is gone")
	}
}

// logOnce drops repetitions: a blocked pod is asked for again and again.
func (d *drainer) logOnce(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if slices.Contains(d.logged, text) {
		return
	}
	d.logged = append(d.logged, text)
	if d.opts.Log != nil {
		d.opts.Log(text)
	}
}

// watch looks at what is left until the returned function is called.
func (d *drainer) watch(ctx context.Context) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var done sync.WaitGroup
	done.Go(func() {
		tick := time.NewTicker(lookInterval)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				d.look(ctx)
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
		d.opts.Waiting("")
	}
}

// look names the pods that are left and what blocks them.
func (d *drainer) look(ctx context.Context) {
	list, errs := d.helper.GetPodsForDeletion(d.node)
	if len(errs) > 0 || ctx.Err() != nil {
		return
	}
	left := make([]string, 0, len(list.Pods()))
	for _, p := range list.Pods() {
		text := p.Namespace + "/" + p.Name
		switch {
		case p.DeletionTimestamp != nil:
			text += " terminating"
		default:
			if b := d.blocker(ctx, p); b != "" {
				text += " blocked by " + b
			}
		}
		left = append(left, text)
	}
	d.mu.Lock()
	d.left = left
	d.mu.Unlock()
	if len(left) > 0 {
		d.opts.Waiting(summary(left))
	}
}

// blocker names the budget that allows no eviction of the pod now.
func (d *drainer) blocker(ctx context.Context, p corev1.Pod) string {
	list, err := kube.Budgets(ctx, d.client, p.Namespace)
	if err != nil {
		return ""
	}
	for _, b := range list {
		s, err := metav1.LabelSelectorAsSelector(b.Spec.Selector)
		if err == nil && s.Matches(labels.Set(p.Labels)) && b.Status.DisruptionsAllowed == 0 {
			return fmt.Sprintf("PDB %s/%s (0 allowed)", b.Namespace, b.Name)
		}
	}
	return ""
}

func (d *drainer) timedOut(cause error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if errors.Is(cause, context.DeadlineExceeded) {
		cause = fmt.Errorf("not done within %s", d.opts.Timeout)
	}
	if len(d.left) == 0 {
		return fmt.Errorf("drain node %q: %w", d.node, cause)
	}
	return fmt.Errorf("drain node %q: %w: %s", d.node, cause, summary(d.left))
}

func summary(left []string) string {
	noun := "pods"
	if len(left) == 1 {
		noun = "pod"
	}
	const most = 5
	if len(left) > most {
		return fmt.Sprintf("%d %s left: %s and %d more", len(left), noun, strings.Join(left[:most], ", "), len(left)-most)
	}
	return fmt.Sprintf("%d %s left: %s", len(left), noun, strings.Join(left, ", "))
}
