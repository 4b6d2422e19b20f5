package etcd

import (
	"context"
	"errors"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Facts looks at the member of the host and at its cluster.
func (h Host) Facts(ctx context.Context, a hostaction.EtcdFacts) (hostaction.EtcdHost, error) {
	sd, err := h.Services(ctx)
	if err != nil {
		return hostaction.EtcdHost{}, err
	}
	defer sd.Close()
	var out hostaction.EtcdHost
	out.Releases = h.tool().Releases()
	if out.Rebuilt, err = h.rebuilt(); err != nil {
		return out, err
	}
	if out.Client, err = h.server(); err != nil {
		return out, err
	}
	m, err := local.Find(ctx, sd)
	if err != nil {
		return out, err
	}
	theirs, theirErr := h.serversCluster(ctx, &out)
	if m == nil {
		describe(&out, theirs, theirErr)
		return out, nil
	}
	access, err := m.Reach(ctx, out.Client)
	ours, err := askCluster(ctx, access, err)
	if ours != nil && theirs != nil && ours.ID != theirs.ID {
		h.say("the etcd at %s belongs to another cluster than the API server's: it is left alone", m.DataDir)
		describe(&out, theirs, nil)
		return out, nil
	}
	out.Local, out.Process = m.Name, &m.EtcdProcess
	if ours == nil {
		describe(&out, theirs, errors.Join(err, theirErr))
	} else {
		describe(&out, ours, nil)
		if l, ok := ours.Local(); ok {
			out.Local = l.Name
		}
		for i := range out.Members {
			if out.Members[i].Name == out.Local && out.Members[i].Quota == 0 {
				out.Members[i].Quota = m.Quota
			}
		}
	}
	if a.Data {
		m.Data, err = h.Data(ctx, m, ours)
	}
	return out, err
}

// server is what the host's API server is told of etcd, also while ServerStop keeps it away.
func (h Host) server() (*cluster.EtcdClient, error) {
	c, err := local.Server()
	if c != nil || err != nil {
		return c, err
	}
	k := h.kept(stoppedServer)
	rec, err := k.read()
	if err != nil || rec == nil {
		return nil, err
	}
	texts, err := k.texts(rec.Files)
	if err != nil || len(texts) == 0 || texts[0].absent {
		return nil, err
	}
	return local.ServerOf(texts[0].path, texts[0].text)
}

// serversCluster is the cluster that the host's API server uses; nil where none is there or answers.
func (h Host) serversCluster(ctx context.Context, out *hostaction.EtcdHost) (*ask.Cluster, error) {
	if out.Client == nil {
		return nil, nil
	}
	return askCluster(ctx, hostaction.EtcdAccess{Endpoints: out.Client.Servers, CAFile: out.Client.CAFile, CertFile: out.Client.CertFile, KeyFile: out.Client.KeyFile}, nil)
}

func askCluster(ctx context.Context, access hostaction.EtcdAccess, unreached error) (*ask.Cluster, error) {
	if unreached != nil {
		return nil, unreached
	}
	c, err := ask.New(access)
	if err != nil {
		return nil, err
	}
	return c.Cluster(ctx, access.Endpoints)
}

func describe(out *hostaction.EtcdHost, c *ask.Cluster, err error) {
	if c != nil {
		out.ClusterID, out.Version, out.Members = c.ID, c.Version, c.Values()
	}
	if err != nil {
		out.Error = err.Error()
	}
}
