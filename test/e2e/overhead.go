package main

import (
	"path"
	"slices"
	"time"
)

// working are the steps in which a host works, a drain waits for pods, or a node comes up: the last part of their IDs.
var working = []string{"packages", "images", "kubeadm", "plan", "leader", "apply", "node", "drain", "kubelet", "ready"}

// overhead is the share of a run in which none of that happened: what the product costs beside the work itself.
func (r *report) overhead() float64 {
	var busy []interval
	for _, s := range r.Steps {
		if s.State == "done" && slices.Contains(working, path.Base(s.ID)) {
			busy = append(busy, interval{s.Started, s.Started.Add(time.Duration(s.Took))})
		}
	}
	return 1 - covered(busy).Seconds()/time.Duration(r.Took).Seconds()
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
