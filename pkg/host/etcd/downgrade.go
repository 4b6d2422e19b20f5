package etcd

import (
	"context"
	"errors"
	"fmt"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Downgrade has the cluster take its data back to an earlier minor. https://etcd.io/docs/v3.6/downgrades/downgrade_3_6/
func (h Host) Downgrade(ctx context.Context, a hostaction.EtcdDowngrade) (any, error) {
	c, err := ask.New(a.Access)
	if err != nil {
		return nil, err
	}
	all, err := c.Cluster(ctx, a.Access.Endpoints)
	if err != nil {
		return nil, err
	}
	if stepped(all, a) == nil {
		h.say("etcd's data are of %s already", a.Version.MinorString())
		return nil, nil
	}
	for _, m := range all.Members {
		if m.Error != "" {
			return nil, fmt.Errorf("downgrade etcd to %s: every member is needed for it, and %s is not healthy: %s", a.Version.MinorString(), m.Name, m.Error)
		}
	}
	if err := enable(ctx, c, a); err != nil {
		return nil, err
	}
	return nil, h.poll(ctx, agreeLook, "wait for etcd's data to be of "+a.Version.MinorString(), func(ctx context.Context) error {
		all, err := c.Cluster(ctx, a.Access.Endpoints)
		if err != nil {
			return err
		}
		return stepped(all, a)
	})
}

func enable(ctx context.Context, c *ask.Client, a hostaction.EtcdDowngrade) error {
	v3, err := c.Dial(a.Access.Endpoints[0])
	if err != nil {
		return err
	}
	defer v3.Close()
	for _, action := range []clientv3.DowngradeAction{clientv3.DowngradeValidate, clientv3.DowngradeEnable} {
		try, cancel := context.WithTimeout(ctx, 2*ask.Patience)
		_, err := v3.Downgrade(try, action, a.Version.MinorString())
		cancel()
		if errors.Is(err, rpctypes.ErrDowngradeInProcess) {
			return nil // it was asked for before; that it is the same is seen by what comes of it
		}
		if err != nil {
			return fmt.Errorf("downgrade etcd to %s: %w", a.Version.MinorString(), err)
		}
	}
	return nil
}

// stepped says what is missing of the way back, or nothing.
func stepped(all *ask.Cluster, a hostaction.EtcdDowngrade) error {
	for _, m := range all.Members {
		if m.Error != "" {
			return fmt.Errorf("%s: %s", m.Name, m.Error)
		}
		if !m.ClusterVersion.SameMinor(a.Version) {
			return fmt.Errorf("%s takes the cluster for one of %s", m.Name, orUnknown(m.ClusterVersion))
		}
		// What is of the earlier minor already says nothing of its data before 3.6.
		if !m.Version.SameMinor(a.Version) && !m.StorageVersion.SameMinor(a.Version) {
			return fmt.Errorf("the data of %s are of %s", m.Name, orUnknown(m.StorageVersion))
		}
	}
	return nil
}
