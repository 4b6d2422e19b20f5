package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// etcdV2Target is where the data go that API servers of 1.12 keep by the v2 API.
const etcdV2Target = "3.2.32"

// etcdV2 takes a cluster whose objects are kept by the v2 API of etcd 2.3 to the v3 API, as one command. Without consent nothing happens.
func etcdV2(ctx context.Context, e *env) error {
	var err error
	if e.etcdMigrate, err = e.product.pushEtcdMigrate(ctx, e.root, e.lab, "2.3,3.2"); err != nil {
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
	args := []string{"etcd", "--to", etcdV2Target, "--yes", "-o", "json"}
	e.check("without consent nothing is done", func() error {
		o, err := e.product.run(ctx, e.etcdCall(args...))
		if err == nil && (o.code != 2 || !strings.Contains(o.stdout, "etcd-v2-downtime")) {
			err = fmt.Errorf("want exit code 2 and etcd-v2-downtime: %s", o)
		}
		return errors.Join(err, e.sameObjects(ctx, objects))
	})
	users, err := e.startLoad(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	done := e.check("the way to the v3 API ends with exit code 0", func() error {
		o, err := e.product.run(ctx, e.etcdCall(append(args, "--allow-downtime")...))
		if err == nil && o.code != 0 {
			err = errors.New(o.String())
		}
		return err
	})
	took := time.Since(began)
	users.stop()
	if !done {
		return nil
	}
	e.check("every member and the cluster are at "+etcdV2Target, func() error { return e.etcdAt(ctx, etcdV2Target) })
	e.check("every member has the same keys, and those of the v3 API", func() error { return e.sameKeys(ctx) })
	e.check("every event has its time to live", func() error { return e.eventsEnd(ctx) })
	e.check("every API server goes by the v3 API", func() error { return e.backends(ctx) })
	e.check("the API serves every object as before", func() error { return e.sameObjects(ctx, objects) })
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	e.check("nothing of ours is left", after.clean)
	e.check("nodes and holds are as before", func() error { return errors.Join(sameNodes(before, after), sameHolds(before, after)) })
	e.figure("etcd_v2_to_v3_seconds", int(took.Seconds()), "s")
	e.figure("etcd_v2_to_v3_api_write_gap_ms", users.writes.longest.Milliseconds(), "ms")
	return nil
}

// sameKeys reads all of each member by itself, at one revision.
func (e *env) sameKeys(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	// Every member has this revision: it is the lowest.
	at := int64(math.MaxInt64)
	for node, url := range e.members() {
		c, err := e.etcdClient(ctx, url)
		if err != nil {
			return err
		}
		s, err := c.Status(ctx, url)
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("ask member on %s: %w", node, err)
		}
		at = min(at, s.Header.Revision)
	}
	var first string
	for node, url := range e.members() {
		c, err := e.etcdClient(ctx, url)
		if err != nil {
			return err
		}
		r, err := c.Get(ctx, "/registry/", clientv3.WithPrefix(), clientv3.WithSerializable(), clientv3.WithRev(at))
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("read all keys of %s: %w", node, err)
		}
		h := sha256.New()
		for _, kv := range r.Kvs {
			fmt.Fprintf(h, "%q %d %d %q\n", kv.Key, kv.CreateRevision, kv.ModRevision, kv.Value)
		}
		sum := hex.EncodeToString(h.Sum(nil))
		switch {
		case len(r.Kvs) == 0:
			return fmt.Errorf("the member on %s has no keys of Kubernetes", node)
		case first == "":
			first = sum
		case sum != first:
			return fmt.Errorf("the member on %s has other keys at revision %d", node, at)
		}
	}
	return nil
}

// backends looks at the processes of the API servers, and at what kubeadm would start the next ones with.
func (e *env) backends(ctx context.Context) error {
	var errs []error
	for _, n := range e.lab.info.controlPlanes() {
		line, err := e.lab.exec(ctx, n, "sh", "-c", "tr '\\0' ' ' </proc/$(pgrep -x kube-apiserver)/cmdline")
		if err == nil && !strings.Contains(line, "--storage-backend=etcd3") {
			err = fmt.Errorf("the API server of %s runs as %s", n, line)
		}
		errs = append(errs, err)
	}
	m, err := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, "kubeadm-config", metav1.GetOptions{})
	if err == nil && strings.Contains(m.Data["ClusterConfiguration"], "storage-backend") {
		err = fmt.Errorf("kubeadm would go back to the v2 API: %s", m.Data["ClusterConfiguration"])
	}
	return errors.Join(append(errs, err)...)
}
