package ask

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Cluster is all members, each as it answers.
type Cluster struct {
	// ID is in hexadecimal; empty before 3.0.
	ID string
	// Version is the minor that they have agreed on.
	Version version.Version
	// Asked is the ID of the member that listed them: that of the first endpoint that answered.
	Asked uint64
	// Members are ordered by name.
	Members []Member
}

// Member is one of them, and where it was asked.
type Member struct {
	cluster.EtcdMember
	RaftID   uint64
	Endpoint string
	Mute     bool
}

// listed is a member as another one knows it.
type listed struct {
	id             uint64
	name           string
	peers, clients []string
	learner        bool
}

// Hex writes an ID as etcdctl does.
func Hex(id uint64) string { return strconv.FormatUint(id, 16) }

// Cluster has the first endpoint that answers list the members, and asks each of them. A member that does not answer has its Error.
func (c *Client) Cluster(ctx context.Context, endpoints []string) (*Cluster, error) {
	known := c.who(ctx, endpoints)
	var problems []error
	for _, e := range endpoints {
		out := &Cluster{Asked: known[e].ID}
		list, err := c.list(ctx, e, out)
		if err != nil {
			problems = append(problems, err)
			continue
		}
		c.each(ctx, list, endpoints, known, out)
		c.lose(ctx, out)
		// Without the v3 API there are no alarms, and nobody answers who is asked for them.
		if asked := known[e].Version; asked.Major == 0 || asked.Major >= 3 {
			alarms, err := c.alarms(ctx, e)
			if errors.Is(err, rpctypes.ErrNotCapable) { // the cluster agrees on less than 3.0 still
				err = nil
			}
			for i, m := range out.Members {
				out.Members[i].Alarms = alarms[m.RaftID]
				// Who cannot say whether there is one may be full.
				if err != nil && out.Members[i].Endpoint == e && m.Error == "" && !m.Auth {
					out.Members[i].Error = err.Error()
				}
			}
		}
		return out, nil
	}
	if len(endpoints) == 0 {
		return nil, errors.New("list etcd members: no endpoint is known")
	}
	return nil, errors.Join(problems...)
}

// who asks which member answers at each endpoint: what members say of their own addresses may be of use only elsewhere.
func (c *Client) who(ctx context.Context, endpoints []string) map[string]Answer {
	answers := make([]Answer, len(endpoints))
	var g errgroup.Group
	for i, e := range endpoints {
		g.Go(func() error {
			if a, err := c.Status(ctx, e); err == nil {
				answers[i] = a
			}
			return nil
		})
	}
	_ = g.Wait()
	out := map[string]Answer{}
	for i, e := range endpoints {
		if answers[i].ID != 0 {
			out[e] = answers[i]
		}
	}
	return out
}

func (c *Client) list(ctx context.Context, endpoint string, into *Cluster) ([]listed, error) {
	v, verr := c.Versions(ctx, endpoint)
	into.Version = v.Cluster
	if verr == nil && v.Server.Major < 3 {
		return c.members2(ctx, endpoint)
	}
	v3, err := c.Dial(endpoint)
	if err != nil {
		return nil, err
	}
	defer v3.Close()
	listCtx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	// Not linearizable, so that the members are known also when the quorum is lost.
	list, err := v3.MemberList(listCtx, clientv3.WithSerializable())
	if errors.Is(err, rpctypes.ErrNotCapable) {
		return c.members2(ctx, endpoint)
	}
	if err != nil {
		return nil, fmt.Errorf("list etcd members at %s: %w", endpoint, err)
	}
	into.ID, into.Asked = Hex(list.Header.ClusterId), list.Header.MemberId
	var out []listed
	for _, m := range list.Members {
		out = append(out, listed{id: m.ID, name: m.Name, peers: m.PeerURLs, clients: m.ClientURLs, learner: m.IsLearner})
	}
	return out, nil
}

// each asks all members side by side.
func (c *Client) each(ctx context.Context, list []listed, endpoints []string, known map[string]Answer, into *Cluster) {
	into.Members = make([]Member, len(list))
	var g errgroup.Group
	for i, l := range list {
		g.Go(func() error {
			into.Members[i] = c.member(ctx, l, endpoints, known)
			return nil
		})
	}
	_ = g.Wait()
	slices.SortFunc(into.Members, func(a, b Member) int { return cmp.Or(strings.Compare(a.Name, b.Name), cmp.Compare(a.RaftID, b.RaftID)) })
}

func (c *Client) member(ctx context.Context, l listed, endpoints []string, known map[string]Answer) Member {
	m := Member{RaftID: l.id, EtcdMember: cluster.EtcdMember{Name: l.name, ID: Hex(l.id), PeerURLs: l.peers, ClientURLs: l.clients, Learner: l.learner}}
	m.Leases = -1
	for _, e := range endpoints {
		if a := known[e]; a.ID == l.id {
			m.take(e, a)
			return m
		}
	}
	if l.name == "" {
		m.Error = "it was added but never started"
		return m
	}
	var problems []string
	for _, e := range l.clients {
		if slices.Contains(endpoints, e) && known[e].ID != 0 {
			problems = append(problems, fmt.Sprintf("%s is where member %s answers", e, Hex(known[e].ID)))
			continue
		}
		a, err := c.Status(ctx, e)
		switch {
		case err != nil:
			problems = append(problems, err.Error())
		case a.ID != l.id:
			problems = append(problems, fmt.Sprintf("%s is where member %s answers", e, Hex(a.ID)))
		default:
			m.take(e, a)
			return m
		}
	}
	m.Error = cmp.Or(strings.Join(problems, "; "), "it has no client URL")
	return m
}

func (m *Member) take(endpoint string, a Answer) {
	m.Endpoint, m.EtcdStatus, m.Mute = endpoint, a.EtcdStatus, a.Mute
	m.Leader, m.Learner = a.Leader == a.ID, m.Learner || a.Learner
	m.Error = strings.Join(a.Complaints, "; ")
}

// Find finds a member by its name.
func (c *Cluster) Find(name string) (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.Name == name })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

// Local finds the member that listed the others.
func (c *Cluster) Local() (Member, bool) {
	i := slices.IndexFunc(c.Members, func(m Member) bool { return m.RaftID == c.Asked })
	if i < 0 {
		return Member{}, false
	}
	return c.Members[i], true
}

// Voters counts the members that have a vote.
func (c *Cluster) Voters() int {
	n := 0
	for _, m := range c.Members {
		if !m.Learner {
			n++
		}
	}
	return n
}

// Values are the members without where they were asked.
func (c *Cluster) Values() []cluster.EtcdMember {
	var out []cluster.EtcdMember
	for _, m := range c.Members {
		out = append(out, m.EtcdMember)
	}
	return out
}
