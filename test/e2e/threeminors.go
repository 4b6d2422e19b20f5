package main

import "context"

// haThreeMinors takes three control-plane nodes and three workers three minors up in one command. Every minor has to run on
// every control-plane node, while no node is drained and no kubelet restarted more than once. Meanwhile users write and read,
// and what they notice is kept for comparing.
func haThreeMinors(ctx context.Context, e *env) error {
	// All nodes of the lab share one disk: what three unpack at once, the members of etcd wait for.
	e.extra = []string{"--fetch-at-once=1"}
	// What users notice of that is not the upgrade's doing.
	if err := e.deployWorkload(ctx); err != nil {
		return err
	}
	l, err := e.startLoad(ctx)
	if err != nil {
		return err
	}
	led, err := e.watchLeader(ctx)
	if err != nil {
		return err
	}
	u, err := e.upgradeUnderLoad(ctx, e.product.run)
	l.stop()
	led.stop()
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
