package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

// etcdIll is something that is wrong before an upgrade of etcd, and that has to be found before anything changes.
type etcdIll struct {
	name string
	// make and mend are scripts for one control-plane node.
	make, mend string
	// words have to be in what is said.
	words string
}

const (
	etcdManifest = "/etc/kubernetes/manifests/etcd.yaml"
	aside        = "/var/tmp/etcd.yaml"
)

// etcdIlls are made on the last control-plane node. FREE is where the disk of etcd's data lies.
func etcdIlls(image string) []etcdIll {
	editing := func(from, to string) string {
		// The kubelet reads whatever appears there: the new text comes at once and whole.
		return fmt.Sprintf("set -eu; cp %[1]s %[2]s; sed 's|%[3]s|%[4]s|' %[2]s > /var/tmp/etcd.new; mv /var/tmp/etcd.new %[1]s", etcdManifest, aside, from, to)
	}
	back := fmt.Sprintf("mv %s %s", aside, etcdManifest)
	return []etcdIll{
		{name: "a member that is down", make: "mv " + etcdManifest + " " + aside, mend: back, words: "etcd-member-down"},
		{name: "a flag that nobody knows any more, and no release has another name for", words: "etcd-flag",
			make: editing("    - --name=", "    - --enable-v2=true\\n    - --experimental-enable-v2v3=/v2\\n    - --name="), mend: back},
		{name: "a disk without room for a copy of the database", words: "etcd-space",
			make: "set -eu; free=$(df --output=avail -B1M /var/lib/etcd | tail -n1); fallocate -l $((free - 8))M /var/lib/etcd/filler", mend: "rm -f /var/lib/etcd/filler"},
		{name: "an image that one node cannot get", words: "etcd-image-missing",
			make: "set -eu; mv /etc/containerd/certs.d /var/tmp/certs.d; crictl rmi " + image + " >/dev/null 2>&1 || true", mend: "mv /var/tmp/certs.d /etc/containerd/certs.d"},
	}
}

// etcdFaults upgrades etcd over what goes wrong: what is wrong before is found while nothing has changed, and a member whose host loses its power
// while it is replaced comes back, with the same command if it has to be.
func etcdFaults(ctx context.Context, e *env) error {
	var err error
	if e.etcdMigrate, err = e.product.pushEtcdMigrate(ctx, e.root, e.lab, e.hops()); err != nil {
		return err
	}
	nodes := e.lab.info.controlPlanes()
	last := nodes[len(nodes)-1]
	for _, ill := range etcdIlls("registry.k8s.io/etcd:" + e.etcdTarget() + "-0") {
		if err := e.refusesIll(ctx, ill, last); err != nil {
			return err
		}
	}
	return e.etcdLosesPower(ctx)
}

// refusesIll makes something wrong, wants it named and nothing changed, and mends it.
func (e *env) refusesIll(ctx context.Context, ill etcdIll, node string) error {
	if _, err := e.lab.exec(ctx, node, "sh", "-c", ill.make); err != nil {
		return fmt.Errorf("make %s: %w", ill.name, err)
	}
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check(ill.name+" is found before anything changes", func() error {
		o, err := e.product.run(ctx, e.etcdCall("etcd", "--to", e.etcdTarget(), "--yes", "-o", "json"))
		if err != nil {
			return err
		}
		after, err := e.take(ctx)
		if err != nil {
			return err
		}
		errs := []error{after.clean(), sameNodes(before, after)}
		if o.code != 2 || !strings.Contains(o.stdout, ill.words) {
			errs = append(errs, fmt.Errorf("want exit code 2 and %q: %s", ill.words, o))
		}
		return errors.Join(errs...)
	})
	if _, err := e.lab.exec(ctx, node, "sh", "-c", ill.mend); err != nil {
		return fmt.Errorf("mend %s: %w", ill.name, err)
	}
	return e.membersAgree(ctx)
}

// etcdLosesPower cuts the power of the host whose member is replaced.
func (e *env) etcdLosesPower(ctx context.Context) error {
	minor := e.lab.info.Etcd.Images[1]
	minor = minor[:strings.LastIndex(minor, ".")]
	b := &breaker{env: e, faults: []*fault{{
		name: "the host loses its power while its member is replaced", step: regexp.MustCompile(`^` + regexp.QuoteMeta(minor) + `/members/(cp-2)/replace$`), onHost: true,
		strike: powerCut, stops: []string{"interrupted", "ended without a result", "reach", "not answer"},
	}}}
	c := e.etcdCall("etcd", "--to", e.etcdTarget(), "--yes", "-o", "json")
	began := time.Now()
	if !e.check("the upgrade comes to its end", func() error {
		o, err := b.run(ctx, c)
		if err == nil && o.code != 0 {
			err = errors.New(o.String())
		}
		return err
	}) {
		return nil
	}
	b.judge()
	e.check("every member, the cluster and the storage are at "+e.etcdTarget(), func() error { return e.etcdAt(ctx, e.etcdTarget()) })
	e.check("etcd's members are healthy, of one version and of the same data", func() error { return e.membersAgree(ctx) })
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check("nothing of ours is left", after.clean)
	e.figure("etcd_upgrade_with_a_power_cut_seconds", int(time.Since(began).Seconds()), "s")
	return nil
}
