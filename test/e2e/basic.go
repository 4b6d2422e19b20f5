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
	lines, err := e.promised(ctx)
	if err != nil {
		return err
	}
	u, err := e.upgradeUnderLoad(ctx, e.product.run)
	if err != nil || u == nil {
		return err
	}
	failed := e.prove(ctx, u)
	e.check("the manifests are as the plan had shown", func() error { return e.kept(ctx, lines) })
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, u.began) })
	return e.measure(ctx, u, failed)
}

// upgrade is one upgrade of a cluster and what was seen of it.
type upgrade struct {
	before, after   snapshot
	began, finished time.Time
	seen            *sightings
	outcome         outcome
}

// upgradeUnderLoad has the upgrade run while the workload answers and the nodes are watched. One that failed has been told of, and is nil.
func (e *env) upgradeUnderLoad(ctx context.Context, run func(context.Context, call) (outcome, error)) (*upgrade, error) {
	if err := e.deployWorkload(ctx); err != nil {
		return nil, err
	}
	u := &upgrade{}
	var err error
	if u.before, err = e.take(ctx); err != nil {
		return nil, err
	}
	w := e.watchNodes(ctx)
	u.began = time.Now()
	c := e.wholeUpgrade()
	if e.interrupt {
		e.check(interruptedName, func() error { return e.halfWay(ctx, c) })
	}
	u.outcome, err = run(ctx, c)
	u.finished = time.Now()
	u.seen = w.stop()
	if err != nil {
		return nil, err
	}
	if !e.check("upgrade ends with exit code 0", func() error {
		if u.outcome.code != 0 {
			return errors.New(u.outcome.String())
		}
		return nil
	}) {
		return nil, nil
	}
	u.after, err = e.take(ctx)
	return u, err
}

// prove looks at everything that any upgrade has to keep. It gives the number of requests that the workload failed to answer.
func (e *env) prove(ctx context.Context, u *upgrade) (failed int) {
	e.check("every version is new", func() error { return e.upgraded(ctx) })
	e.check("packages are new, others as before", func() error { return e.packages(u.before, u.after) })
	if e.sourcesKept {
		e.check("apt sources are as before", func() error { return same(u.before, u.after, " apt sources", " apt files") })
	} else {
		e.check("apt sources are switched in their own style", func() error { return e.sources(u.before, u.after) })
	}
	e.check("holds are exactly as before", func() error { return sameHolds(u.before, u.after) })
	e.check("nodes are exactly as before", func() error { return sameNodes(u.before, u.after) })
	e.check("every node was cordoned once, one at a time", func() error { return u.seen.oneAtATime(e.lab.info.nodes()) })
	e.check("every node was drained once, says the audit log", func() error { return e.drainedOnce(ctx, u.began) })
	e.check("nothing of ours is left", func() error { return errors.Join(u.after.clean(), e.noWorkDir(ctx)) })
	failed = -1
	e.check("the workload answered all the time", func() (err error) {
		failed, err = e.workloadAnswered(ctx, u.began, u.finished)
		return err
	})
	e.check("a second run finds nothing to do", func() error { return e.again(ctx, u.after) })
	return failed
}

// drainedOnce asks the audit logs, which see what is too short for watching.
func (e *env) drainedOnce(ctx context.Context, since time.Time) error {
	a, err := e.auditSince(ctx, since)
	if err != nil {
		return err
	}
	return errors.Join(a.drainedOnce(e.lab.info.nodes()), a.markedOnce(e.lab.info.nodes()))
}

// unchangedBy does something that must change nothing.
func (e *env) unchangedBy(ctx context.Context, do func() error) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	if d := before.diff(after); d != "" {
		return fmt.Errorf("it changed something:\n%s", d)
	}
	return nil
}

func (e *env) again(ctx context.Context, before snapshot) error {
	o, err := e.product.run(ctx, e.wholeUpgrade())
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
func (e *env) measure(ctx context.Context, u *upgrade, failed int) error {
	r, err := u.outcome.report()
	if err != nil {
		return err
	}
	took, gap := u.finished.Sub(u.began), u.seen.longestGap
	// Of two runs, the report of the second tells but half.
	if !e.interrupt {
		took = time.Duration(r.Took)
		if r.Probe != nil {
			gap = time.Duration(r.Probe.Longest)
		}
	}
	e.figure("upgrade_seconds", int(took.Seconds()), "s")
	e.figure("node_cordoned_seconds_max", int(u.seen.longestCordon().Seconds()), "s")
	e.figure("api_longest_gap_ms", gap.Milliseconds(), "ms")
	e.figure("workload_failed_requests", failed, "requests")
	e.figure("workload_longest_gap_ms", e.workloadGap.Milliseconds(), "ms")
	if e.interrupt {
		return nil
	}
	share, err := e.overhead(ctx, u, r)
	if err != nil {
		return err
	}
	e.figure("overhead_percent", fmt.Sprintf("%.1f", 100*share), "%")
	e.check("little time goes into anything but the work itself", func() error { return lowOverhead(share) })
	return nil
}
