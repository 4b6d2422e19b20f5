package main

import (
	"context"
	"fmt"
	"math/rand/v2"
)

// killsInside is how many runs die at a random instant inside a step, beside those that die at a step's beginning.
const killsInside = 20

// mostRuns is far beyond what is needed: who needs more makes no progress.
const mostRuns = 400

// kill upgrades a cluster by runs that are killed: at the beginning of every step, and at random instants inside of steps. Each
// time the same command is run again. In the end all has to be as after one run that nobody disturbed.
func kill(ctx context.Context, e *env) error {
	fmt.Printf("# the random instants are those of --seed %d\n", e.seed)
	k := &killer{random: rand.New(rand.NewPCG(e.seed, 0)), began: map[string]bool{}, inside: map[string]int{}}
	u, err := e.upgradeUnderLoad(ctx, func(ctx context.Context, c call) (outcome, error) { return e.runKilled(ctx, c, k) })
	if err != nil || u == nil {
		return err
	}
	e.check("runs were killed at every step's beginning and at random instants inside of steps", k.enough)
	failed := e.prove(ctx, u)
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, u.began) })
	e.check("no package was installed twice, says apt's history", func() error { return e.installedOnce(ctx, u.began) })
	e.check("kubeadm did its work on each node once, says systemd's journal", func() error { return e.kubeadmOnce(ctx, u.began) })
	e.figure("kills_at_step_boundaries", len(k.began), "runs")
	e.figure("kills_inside_steps", k.within, "runs")
	e.figure("killed_upgrade_seconds", int(u.finished.Sub(u.began).Seconds()), "s")
	e.figure("workload_failed_requests", failed, "requests")
	return nil
}

// runKilled runs the same command until one run is not killed.
func (e *env) runKilled(ctx context.Context, c call, k *killer) (outcome, error) {
	for range mostRuns {
		v := &victim{killer: k}
		c.said = v.heard
		p, err := e.product.start(ctx, c)
		if err != nil {
			return outcome{}, err
		}
		v.strikes(p)
		o, err := p.wait(ctx)
		v.stop()
		if err != nil {
			return o, err
		}
		if o.code >= 0 {
			return o, nil
		}
		fmt.Println("# killed", v.why)
	}
	return outcome{}, fmt.Errorf("%s was killed %d times and came to no end", c, mostRuns)
}
