package action

import (
	"context"
	"fmt"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// localEtcd is the member on this host and how to talk to it and to the others.
type localEtcd struct {
	*ask.Client
	member   *local.Member
	endpoint string
}

// connectEtcd gives nil when no etcd runs here.
func connectEtcd(ctx context.Context) (*localEtcd, error) {
	m, err := local.Find(ctx, nil)
	if err != nil || m == nil {
		return nil, err
	}
	server, err := local.Server()
	if err != nil {
		return nil, err
	}
	// One that does not answer may still say more to the next question.
	access, err := m.Reach(ctx, server)
	if len(access.Endpoints) == 0 {
		return nil, err
	}
	c, err := ask.New(access)
	if err != nil {
		return nil, err
	}
	return &localEtcd{c, m, access.Endpoints[0]}, nil
}

// etcd asks the local member for a linearizable read and every member for its status; nothing when no etcd runs here.
func etcd(ctx context.Context) ([]hostaction.EtcdMember, error) {
	e, err := connectEtcd(ctx)
	if err != nil || e == nil {
		return nil, err
	}
	unhealthy := e.Health(ctx, e.endpoint)
	members, err := e.members(ctx)
	if unhealthy != nil {
		err = unhealthy
	}
	return members, err
}

func (e *localEtcd) members(ctx context.Context) ([]hostaction.EtcdMember, error) {
	c, err := e.Cluster(ctx, []string{e.endpoint})
	if err != nil {
		return nil, err
	}
	var out []hostaction.EtcdMember
	for _, m := range c.Members {
		out = append(out, described(m, m.RaftID == c.Asked))
	}
	return out, nil
}

func described(m ask.Member, local bool) hostaction.EtcdMember {
	out := hostaction.EtcdMember{Name: m.Name, ID: m.ID, Endpoint: m.Endpoint, Leader: m.Leader, Local: local, Learner: m.Learner, Error: m.Error}
	if out.Error == "" && len(m.Alarms) > 0 {
		out.Error = "it has raised the alarm " + strings.Join(m.Alarms, ", ")
	}
	if !m.Version.IsZero() {
		out.Version = m.Version.Bare()
	}
	if out.Endpoint == "" && len(m.ClientURLs) > 0 {
		out.Endpoint = m.ClientURLs[0]
	}
	return out
}

// lead tells whether a member says of itself that it leads.
func (e *localEtcd) lead(ctx context.Context, m hostaction.EtcdMember) (bool, error) {
	a, err := e.Status(ctx, m.Endpoint)
	if err != nil {
		return false, fmt.Errorf("ask %s: %w", m.Name, err)
	}
	return a.Leader == a.ID && ask.Hex(a.ID) == m.ID, nil
}
