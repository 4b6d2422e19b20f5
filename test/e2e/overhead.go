package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"time"
)

// work are the host actions for which an upgrade is made, and those in which package lists are fetched and searched, as by hand; others look.
var work = []string{"resolve-packages", "download-packages", "install-packages", "pull-images", "import-images", "kubeadm-plan", "kubeadm-apply", "kubeadm-node", "restart-kubelet", "move-etcd-leader"}

// waits are the steps in which pods leave or a node comes up: the last part of their IDs. The only API server of a cluster is
// away for a while after the restart of its kubelet, and nobody hears of the host action's end before it is back.
var waits = []string{"drain", "kubelet", "ready", "stable"}

// mostOverhead is the share of a run that the product may take for itself.
const mostOverhead = 0.10

// overhead is the share of a run in which no host worked, no pods left and no node came up: what the product costs beside the
// work itself. When hosts worked is in their own journals.
func (e *env) overhead(ctx context.Context, u *upgrade, r *report) (float64, error) {
	runs, err := e.hostRuns(ctx, u.began)
	if err != nil {
		return 0, err
	}
	var busy []interval
	for _, h := range runs {
		if slices.Contains(work, h.kind) && h.to.Before(u.finished) {
			busy = append(busy, h.interval)
		}
	}
	for _, s := range r.Steps {
		if s.State == "done" && slices.Contains(waits, path.Base(s.ID)) {
			busy = append(busy, interval{s.Started, s.Started.Add(time.Duration(s.Took))})
		}
	}
	for _, line := range idle(busy, u.began, u.finished, r.Steps) {
		fmt.Println("# nobody worked for", line)
	}
	return 1 - covered(busy).Seconds()/time.Duration(r.Took).Seconds(), nil
}

// idle tells for how long nobody worked, by the kinds of the steps that went on meanwhile; the longest first.
func idle(busy []interval, from, to time.Time, steps []reportStep) []string {
	const outside = "what is before, between and after the steps"
	sums, count := map[string]time.Duration{}, map[string]int{}
	rest := to.Sub(from) - covered(slices.Clone(busy))
	for _, s := range steps {
		at := interval{s.Started, s.Started.Add(time.Duration(s.Took))}
		if d := covered(append(slices.Clone(busy), at)) - covered(slices.Clone(busy)); d > 0 {
			sums[path.Base(s.ID)], rest = sums[path.Base(s.ID)]+d, rest-d
			count[path.Base(s.ID)]++
		}
	}
	sums[outside], count[outside] = rest, 1
	kinds := slices.SortedFunc(maps.Keys(sums), func(a, b string) int { return cmp.Compare(sums[b], sums[a]) })
	var out []string
	for _, k := range kinds {
		out = append(out, fmt.Sprintf("%s: %s (%d)", sums[k].Round(100*time.Millisecond), k, count[k]))
	}
	return out
}

func lowOverhead(share float64) error {
	if share >= mostOverhead {
		return fmt.Errorf("it is %.1f %%", 100*share)
	}
	return nil
}

// covered is the time that lies in at least one of the intervals.
func covered(all []interval) time.Duration {
	slices.SortFunc(all, func(a, b interval) int { return a.from.Compare(b.from) })
	var sum time.Duration
	var until time.Time
	for _, i := range all {
		if i.from.Before(until) {
			i.from = until
		}
		if i.to.After(i.from) {
			sum += i.to.Sub(i.from)
			until = i.to
		}
	}
	return sum
}
