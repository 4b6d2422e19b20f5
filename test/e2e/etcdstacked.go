package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// etcdStacked takes the members of kubeadm's etcd to the newest release that the registry has, under a writer and a watcher, while
// users go on with the API.
func etcdStacked(ctx context.Context, e *env) error {
	return e.upgradeEtcd(ctx, "ours", e.etcdTarget(), func(ctx context.Context) error {
		o, err := e.product.run(ctx, e.etcdCall("etcd", "--to", e.etcdTarget(), "--yes", "-o", "json"))
		if err == nil && o.code != 0 {
			err = errors.New(o.String())
		}
		return err
	})
}

// etcdByKubeadm has kubeadm upgrade its etcd as it comes with the next minor of Kubernetes, under the same load, to compare with.
func etcdByKubeadm(ctx context.Context, e *env) error {
	l, err := e.startEtcdLoad(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = e.kubeadmUpgrade(ctx)
	took := time.Since(began)
	if err := errors.Join(err, l.stop(ctx), l.close()); err != nil {
		return err
	}
	fmt.Printf("# kubeadm: took %s; writes: %s\n", took.Round(time.Second), &l.writes)
	e.figure("kubeadm_etcd_write_gap_ms", l.writes.longest.Milliseconds(), "ms")
	ours, ok := e.gaps["ours"]
	if !ok {
		return errors.New("compare with kubeadm: our own upgrade was not measured")
	}
	e.check("the longest write gap is no longer than that of kubeadm's own upgrade of etcd", func() error {
		if ours > l.writes.longest {
			return fmt.Errorf("it is %s, kubeadm's %s", ours, l.writes.longest)
		}
		return nil
	})
	e.figure("kubeadm_to_ours_etcd_write_gap", fmt.Sprintf("%.2f", ratio(l.writes.longest, ours)), "x")
	return nil
}

// kubeadmUpgrade does what the documentation tells a person to do on each control-plane node, up to the kubelet.
func (e *env) kubeadmUpgrade(ctx context.Context) error {
	to := e.lab.info.Offers[0]
	minor := to[:strings.LastIndex(to, ".")]
	for i, n := range e.lab.info.controlPlanes() {
		apply := "kubeadm upgrade node"
		if i == 0 {
			apply = "kubeadm upgrade apply --yes " + to
		}
		script := fmt.Sprintf(`set -eu
f=$(grep -rl 'core:/stable:' /etc/apt/sources.list.d)
sed -i 's|core:/stable:/v[0-9.]*/|core:/stable:/%s/|' $f
apt-get update -q
apt-mark unhold kubeadm
DEBIAN_FRONTEND=noninteractive apt-get install -qy kubeadm='%s-*'
apt-mark hold kubeadm
%s --ignore-preflight-errors=SystemVerification`, minor, strings.TrimPrefix(to, "v"), apply)
		if _, err := e.lab.exec(ctx, n, "sh", "-c", script); err != nil {
			return fmt.Errorf("upgrade %s with kubeadm: %w", n, err)
		}
	}
	return nil
}

// upgradeEtcd has somebody bring etcd to a version under load, and proves by etcd and the cluster what came of it.
func (e *env) upgradeEtcd(ctx context.Context, who, version string, upgrade func(context.Context) error) error {
	var err error
	if e.etcdMigrate, err = e.product.pushEtcdMigrate(ctx, e.root, e.lab, e.hops()); err != nil {
		return err
	}
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	objects, err := e.objects(ctx)
	if err != nil {
		return err
	}
	users, err := e.startLoad(ctx)
	if err != nil {
		return err
	}
	w, err := e.watchMembers(ctx)
	if err != nil {
		return err
	}
	if err := e.atRest(ctx, who); err != nil {
		return err
	}
	l, err := e.startEtcdLoad(ctx)
	if err != nil {
		return err
	}
	defer l.close()
	began := time.Now()
	done := e.check("the upgrade of etcd ends with exit code 0", func() error { return upgrade(ctx) })
	took := time.Since(began)
	users.stop()
	w.stop()
	e.check("the watcher heard of everything", func() error { return l.stop(ctx) })
	if !done {
		return nil
	}
	fmt.Printf("# %s: took %s; writes: %s; API writes: %s\n", who, took.Round(time.Second), &l.writes, &users.writes)
	for _, c := range slices.Concat(l.writes.complaints, users.writes.complaints) {
		fmt.Println("#  ", c)
	}
	e.check("every member, the cluster and the storage are at "+version, func() error { return e.etcdAt(ctx, version) })
	e.check("no acknowledged write is lost", func() error { return l.nothingLost(ctx) })
	e.check("the watcher was told of each write once", l.everyEventOnce)
	e.check("never were two members down, and each one was", func() error { return w.oneAtATime(e.lab.info.controlPlanes()) })
	e.check("etcd's members are healthy, of one version and of the same data", func() error { return e.membersAgree(ctx) })
	e.check("every node and static pod is Ready", func() error { return e.awaitControlPlane(ctx) })
	e.check("the API serves every object as before", func() error { return e.sameObjects(ctx, objects) })
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check("nothing of ours is left", after.clean)
	e.check("nodes and holds are as before", func() error { return errors.Join(sameNodes(before, after), sameHolds(before, after)) })
	e.keepGap(who, l.writes.longest)
	e.figure(who+"_etcd_upgrade_seconds", int(took.Seconds()), "s")
	e.figure(who+"_etcd_write_gap_ms", l.writes.longest.Milliseconds(), "ms")
	e.figure(who+"_etcd_failed_writes", l.writes.failed, "requests")
	e.figure(who+"_api_write_gap_ms", users.writes.longest.Milliseconds(), "ms")
	return nil
}

// restFor is how long the load runs before anything is done.
const restFor = 15 * time.Second

// atRest prints the longest gap of a cluster that nobody does anything to: on a machine where that alone is long, the one of an upgrade says nothing of it.
func (e *env) atRest(ctx context.Context, who string) error {
	l, err := e.startEtcdLoad(ctx)
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(restFor):
	}
	if err := errors.Join(ctx.Err(), l.stop(ctx), l.close()); err != nil {
		return err
	}
	fmt.Printf("# before anything is done: %s\n", &l.writes)
	e.figure(who+"_etcd_write_gap_at_rest_ms", l.writes.longest.Milliseconds(), "ms")
	return nil
}

func (e *env) keepGap(who string, gap time.Duration) {
	if e.gaps == nil {
		e.gaps = map[string]time.Duration{}
	}
	e.gaps[who] = gap
	if len(e.members()) == 1 {
		return // nobody takes over from the only member
	}
	e.check("the longest write gap is under 1 s", func() error {
		if gap >= time.Second {
			return fmt.Errorf("it is %s", gap)
		}
		return nil
	})
}

// serviceTarget is where members go that are no static pods: their programs come with etcd-migrate.
const serviceTarget = "3.6.16"

// etcdTarget is the newest release that is at hand: of static pods, in the registry.
func (e *env) etcdTarget() string {
	if !e.lab.info.Etcd.stacked() {
		return serviceTarget
	}
	return e.lab.info.Etcd.Images[len(e.lab.info.Etcd.Images)-1]
}

// etcdCall is a run about etcd, with both images.
func (e *env) etcdCall(args ...string) call {
	return e.upgradeCall(append(args, "--etcd-migrate-image="+e.etcdMigrate)...)
}

// hops are the minors that the tools on the hosts have to know.
func (e *env) hops() string {
	if !e.lab.info.Etcd.stacked() {
		return "3.3,3.4,3.5,3.6"
	}
	return "3.5,3.6,3.7"
}

// etcdService takes members that are services of their hosts, with certificates of their own, through four minors, beside an API server
// of the old days.
func etcdService(ctx context.Context, e *env) error { return etcdStacked(ctx, e) }

// etcdSingle takes a lone member to the newest release: it is away for a moment, and nothing is lost.
func etcdSingle(ctx context.Context, e *env) error { return etcdStacked(ctx, e) }
