package main

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// basic upgrades a cluster under load in one go, and proves by the cluster itself that all of it is new, none of it is
// damaged, and nobody was left without an answer.
func basic(ctx context.Context, e *env) error {
	if err := e.deployWorkload(ctx); err != nil {
		return err
	}
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	starts, err := e.kubeletStarts(ctx)
	if err != nil {
		return err
	}
	w := e.watchNodes(ctx)
	began := time.Now()
	c := e.upgradeCall("cluster", "--to", e.target(), "--yes", "-o", "json")
	if e.interrupt {
		e.check(interruptedName, func() error { return e.halfWay(ctx, c) })
	}
	o, err := e.product.run(ctx, c)
	finished := time.Now()
	seen := w.stop()
	if err != nil {
		return err
	}
	if !e.check("upgrade ends with exit code 0", func() error {
		if o.code != 0 {
			return errors.New(o.String())
		}
		return nil
	}) {
		return nil
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check("every version is new", func() error { return e.upgraded(ctx) })
	e.check("packages are new, others as before", func() error { return e.packages(before, after) })
	e.check("apt sources are switched in their own style", func() error { return e.sources(before, after) })
	e.check("holds are exactly as before", func() error { return sameHolds(before, after) })
	e.check("nodes are exactly as before", func() error { return sameNodes(before, after) })
	e.check("every node was cordoned once, one at a time", func() error { return seen.oneAtATime(e.lab.info.nodes()) })
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, starts, before, after) })
	e.check("nothing of ours is left", func() error { return errors.Join(after.clean(), e.noWorkDir(ctx)) })
	failed := -1
	e.check("the workload answered all the time", func() (err error) {
		failed, err = e.workloadAnswered(ctx, began, finished)
		return err
	})
	e.check("a second run finds nothing to do", func() error { return e.again(ctx, after) })
	return e.measure(o, finished.Sub(began), seen, failed)
}

func (e *env) again(ctx context.Context, before snapshot) error {
	o, err := e.product.run(ctx, e.upgradeCall("cluster", "--to", e.target(), "--yes", "-o", "json"))
	if err != nil {
		return err
	}
	if o.code != 0 {
		return errors.New(o.String())
	}
	if err := saysNothingToDo(ctx, e, o); err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	if d := before.diff(after); d != "" {
		return fmt.Errorf("the second run changed something:\n%s", d)
	}
	return nil
}

// measure keeps the figures: what the product says of itself, and what was seen from outside.
func (e *env) measure(o outcome, took time.Duration, seen *sightings, failed int) error {
	r, err := o.report()
	if err != nil {
		return err
	}
	gap := seen.longestGap
	// Of two runs, the report of the second tells but half.
	if !e.interrupt {
		took = time.Duration(r.Took)
		if r.Probe != nil {
			gap = time.Duration(r.Probe.Longest)
		}
	}
	e.figure("upgrade_seconds", int(took.Seconds()), "s")
	e.figure("node_cordoned_seconds_max", int(seen.longestCordon().Seconds()), "s")
	e.figure("api_longest_gap_ms", gap.Milliseconds(), "ms")
	e.figure("workload_failed_requests", failed, "requests")
	return nil
}
