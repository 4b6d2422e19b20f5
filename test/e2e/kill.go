package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
)

// killsInside is how many runs die at a random instant inside a step, beside those that die at a step's beginning.
const killsInside = 20

// mostRuns is far beyond what is needed: who needs more makes no progress.
const mostRuns = 400

// kill upgrades a cluster by runs that are killed: at the beginning of every step, and at random instants inside of steps. Each
// time the same command is run again. In the end all has to be as after one run that nobody disturbed.
func kill(ctx context.Context, e *env) error {
	fmt.Printf("# the random instants are those of --seed %d\n", e.seed)
	steps, err := e.plannedSteps(ctx, e.wholeUpgrade())
	if err != nil {
		return err
	}
	k := &killer{random: rand.New(rand.NewPCG(e.seed, 0)), began: map[string]bool{}, inside: map[string]int{}}
	u, err := e.upgradeUnderLoad(ctx, func(ctx context.Context, c call) (outcome, error) { return e.runKilled(ctx, c, k) })
	if err != nil || u == nil {
		return err
	}
	// A control-plane node whose kubeadm went on after the run had died is at its version and Ready, and there is nothing left to do on it. Nor is there
	// on a node that was uncordoned by a run that died over it.
	steps = slices.DeleteFunc(steps, func(id string) bool {
		dir := path.Dir(id)
		return path.Base(id) == "ready" && k.inside[dir+"/apply"]+k.inside[dir+"/node"] > 0 || path.Base(id) == "stable" && !k.began[id]
	})
	e.check("runs were killed at every step's beginning and at random instants inside of steps", func() error { return k.enough(steps) })
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

// plannedSteps are the IDs of the steps that a call would take.
func (e *env) plannedSteps(ctx context.Context, c call) ([]string, error) {
	c.args = append(slices.Clone(c.args), "--dry-run")
	o, err := e.product.run(ctx, c)
	if err != nil {
		return nil, err
	}
	var r struct {
		Plan struct {
			Phases []struct {
				Groups []struct{ Steps []struct{ ID string } }
			}
		}
	}
	if err := json.Unmarshal([]byte(o.stdout), &r); err != nil {
		return nil, fmt.Errorf("read the plan of %s: %w", o, err)
	}
	var ids []string
	for _, p := range r.Plan.Phases {
		for _, g := range p.Groups {
			for _, s := range g.Steps {
				ids = append(ids, s.ID)
			}
		}
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("the plan has no steps: %s", o)
	}
	return ids, nil
}
