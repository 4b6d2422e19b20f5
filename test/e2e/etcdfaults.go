package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
)

// etcdIll is something that is wrong before an upgrade of etcd, and that has to be found before anything changes.
type etcdIll struct {
	name string
	// make and mend are given one control-plane node.
	make, mend func(ctx context.Context, e *env, node string) error
	// words have to be in what is said.
	words string
}

const (
	etcdManifest = "/etc/kubernetes/manifests/etcd.yaml"
	aside        = "/etc/kubernetes/etcd.yaml.aside"
)

// etcdIlls are made on the last control-plane node.
func etcdIlls(image string) []etcdIll {
	return []etcdIll{
		// One that is stopped would take the kubelet of its host with it, which goes by the API server there.
		{name: "a member that is not there", words: "etcd-member-down", make: addMember, mend: removeMember},
		{name: "a flag that nobody knows any more, and no release has another name for", words: "etcd-flag",
			make: restartEtcd(fmt.Sprintf("cp %[1]s %[2]s; sed 's|    - --name=|    - --enable-v2=true\\n    - --experimental-enable-v2v3=/v2\\n    - --name=|' %[2]s", etcdManifest, aside)),
			mend: restartEtcd("cat " + aside)},
		{name: "a disk without room for a copy of the database", words: "etcd-space",
			make: script("free=$(df --output=avail -B1M /var/lib/etcd | tail -n1); fallocate -l $((free - 8))M /var/lib/etcd/filler"), mend: script("rm -f /var/lib/etcd/filler")},
		{name: "an image that one node cannot get", words: "etcd-image-missing",
			make: script("mv /etc/containerd/certs.d /var/tmp/certs.d; crictl rmi " + image + " >/dev/null 2>&1 || true"), mend: script("mv /var/tmp/certs.d /etc/containerd/certs.d")},
	}
}

func script(text string) func(context.Context, *env, string) error {
	return func(ctx context.Context, e *env, node string) error {
		_, err := e.lab.exec(ctx, node, "sh", "-euc", text)
		return err
	}
}

// restartEtcd puts another manifest in etcd's place. The API server beside it is sent away meanwhile: it would leave the kubelet hanging, which starts the
// new etcd. The kubelet takes no file whose name begins with a dot, and whatever has another name, whole or not.
func restartEtcd(manifest string) func(context.Context, *env, string) error {
	next := path.Join(path.Dir(etcdManifest), ".etcd.next")
	return script(fmt.Sprintf(`{ %[1]s; } > %[2]s
etcd=$(pgrep -x etcd) server=$(pgrep -x kube-apiserver)
kill -TERM $server
mv %[2]s %[3]s
timeout 120 sh -c "while [ -d /proc/$etcd ]; do sleep 0.1; done; until pgrep -x etcd >/dev/null; do sleep 0.1; done"
kill -KILL $server || true
timeout 120 sh -c "until kubectl --kubeconfig /etc/kubernetes/admin.conf --server https://127.0.0.1:6443 --tls-server-name kubernetes get --raw /readyz; do sleep 1; done"`,
		manifest, next, etcdManifest))
}

// nobody is where no member listens (RFC 5737).
const nobody = "https://192.0.2.1:2380"

func addMember(ctx context.Context, e *env, _ string) error {
	c, err := e.etcdClient(ctx, slices.Sorted(maps.Values(e.members()))...)
	if err != nil {
		return err
	}
	_, err = c.MemberAdd(ctx, []string{nobody})
	return errors.Join(err, c.Close())
}

func removeMember(ctx context.Context, e *env, _ string) error {
	c, err := e.etcdClient(ctx, slices.Sorted(maps.Values(e.members()))...)
	if err != nil {
		return err
	}
	defer c.Close()
	list, err := c.MemberList(ctx)
	if err != nil {
		return err
	}
	for _, m := range list.Members {
		if slices.Contains(m.PeerURLs, nobody) {
			_, err = c.MemberRemove(ctx, m.ID)
			return err
		}
	}
	return errors.New("it is not there")
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
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	if err := ill.make(ctx, e, node); err != nil {
		return fmt.Errorf("make %s: %w", ill.name, err)
	}
	if err := e.awaitControlPlane(ctx); err != nil {
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
	if err := ill.mend(ctx, e, node); err != nil {
		return fmt.Errorf("mend %s: %w", ill.name, err)
	}
	return errors.Join(e.awaitControlPlane(ctx), e.membersAgree(ctx))
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
