package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// seed is what the project began with: three masters and a worker from 1.13 to 1.14, by packages of their repository.
func seed(ctx context.Context, e *env) error {
	if !e.check("etcd's members are healthy before", func() error { return e.membersAgree(ctx) }) {
		return nil
	}
	u, err := e.upgradeUnderLoad(ctx, e.product.run)
	if err != nil || u == nil {
		return err
	}
	failed := e.prove(ctx, u)
	e.check("every kubelet was restarted once", func() error { return e.restartedOnce(ctx, u.began) })
	e.check("etcd's members are healthy after", func() error { return e.membersAgree(ctx) })
	return e.measure(ctx, u, failed)
}

// seedEtcd2 takes a cluster that keeps its objects by the v2 API of etcd to a release of Kubernetes that does not know that API: the way is
// refused at first, with the command that opens it.
func seedEtcd2(ctx context.Context, e *env) error {
	e.check("the way is refused while objects are kept by the v2 API, with the command to run first", func() error {
		return e.unchangedBy(ctx, func() error {
			o, err := e.product.run(ctx, e.wholeUpgrade())
			if err == nil && (o.code != 2 || !strings.Contains(o.stdout, "storage-backend-etcd2") || !strings.Contains(o.stdout, "kubectl upgrade etcd --to 3.2")) {
				err = fmt.Errorf("want exit code 2 and what to run first: %s", o)
			}
			return err
		})
	})
	objects, err := e.objects(ctx)
	if err != nil {
		return err
	}
	if err := etcdV2(ctx, e); err != nil {
		return err
	}
	u, err := e.upgradeUnderLoad(ctx, e.product.run)
	if err != nil || u == nil {
		return err
	}
	e.prove(ctx, u)
	e.check("every object of the beginning is served", func() error { return e.sameObjects(ctx, objects) })
	return nil
}

// eventsEnd wants every event to have its time to live: the API server of the v2 API gave each an hour.
func (e *env) eventsEnd(ctx context.Context) error {
	for node, url := range e.members() {
		c, err := e.etcdClient(ctx, url)
		if err != nil {
			return err
		}
		r, err := c.Get(ctx, "/registry/events/", clientv3.WithPrefix(), clientv3.WithSerializable())
		if err := errors.Join(err, c.Close()); err != nil {
			return fmt.Errorf("read events of %s: %w", node, err)
		}
		if len(r.Kvs) == 0 {
			return fmt.Errorf("the member on %s has no events", node)
		}
		for _, kv := range r.Kvs {
			if kv.Lease == 0 {
				return fmt.Errorf("event %s on %s has no time to live", kv.Key, node)
			}
		}
	}
	return nil
}
