package main

import "context"

// haThreeMinors takes three control-plane nodes and three workers three minors up in one command. Every minor has to run on
// every control-plane node, while no node is drained and no kubelet restarted more than once. Meanwhile users write and read,
// and what they notice is kept for comparing.
func haThreeMinors(ctx context.Context, e *env) error {
	// All nodes of the lab share one disk: what three unpack at once, the members of etcd wait for.
	e.extra = []string{"--fetch-at-once=1"}
	var l *load
	var led *leaders
	u, err := e.upgradeUnderLoad(ctx, func(ctx context.Context, c call) (outcome, error) {
		var err error
		if led, err = e.watchLeader(ctx); err != nil {
			return outcome{}, err
		}
		defer led.stop()
		// Only now: what users notice of the workload's arrival, and of a look at every host, is not the upgrade's doing.
		if l, err = e.startLoad(ctx); err != nil {
			return outcome{}, err
		}
		defer l.stop()
		return e.product.run(ctx, c)
	})
	if err != nil || u == nil {
		return err
	}
	failed := e.prove(ctx, u)
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, u.began) })
	e.check("etcd was led from elsewhere whenever kubeadm began on a node", func() error {
		runs, err := e.hostRuns(ctx, u.began)
		if err != nil {
			return err
		}
		return led.movedAway(runs, e.lab.info.controlPlanes())
	})
	e.check("every node had all packages and images before the first was closed", func() error {
		runs, err := e.hostRuns(ctx, u.began)
		if err != nil {
			return err
		}
		a, err := e.auditSince(ctx, u.began)
		if err != nil {
			return err
		}
		return fetchedBefore(runs, a, e.lab.info.nodes())
	})
	e.check("every minor ran on every control-plane node, in order", func() error {
		a, err := e.auditSince(ctx, u.began)
		if err != nil {
			return err
		}
		return a.climbed(e.lab.info.controlPlanes(), e.lab.info.Offers)
	})
	e.check("etcd's members are healthy, of one version and of the same data", func() error { return e.membersAgree(ctx) })
	if err := e.charge(ctx, "ours", u.began, u.finished, l, failed); err != nil {
		return err
	}
	return e.measure(ctx, u, failed)
}
