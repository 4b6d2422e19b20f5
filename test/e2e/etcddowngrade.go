package main

import (
	"context"
	"errors"
)

// etcdDowngrade takes kubeadm's etcd to 3.6, back to 3.5, and up again, each time under a writer and a watcher.
func etcdDowngrade(ctx context.Context, e *env) error {
	older, newer := e.lab.info.Etcd.Images[0], e.lab.info.Etcd.Images[1]
	for _, leg := range []struct {
		who, version string
		args         []string
	}{
		{"up", newer, []string{"etcd"}},
		{"down", older, []string{"etcd", "downgrade"}},
		{"again", newer, []string{"etcd"}},
	} {
		failed := e.failed
		err := e.upgradeEtcd(ctx, leg.who, leg.version, func(ctx context.Context) error {
			o, err := e.product.run(ctx, e.etcdCall(append(leg.args, "--to", leg.version, "--yes", "-o", "json")...))
			if err == nil && o.code != 0 {
				err = errors.New(o.String())
			}
			return err
		})
		if err != nil || e.failed > failed {
			return err // the next one would begin from somewhere else
		}
	}
	return nil
}
