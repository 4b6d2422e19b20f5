package ask

import (
	"context"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// raft is what a member tells at /debug/vars of its part in raft; the members that it sends entries to it knows only while it leads.
// https://github.com/etcd-io/etcd/blob/v3.6.16/server/etcdserver/raft.go
type raft struct {
	Status struct {
		State    string              `json:"raftState"`
		Progress map[string]struct{} `json:"progress"`
	} `json:"raft.status"`
}

// lose marks the members that the leader's raft does not know, and the leader where its raft counts others. The list of members does not tell: it is kept
// elsewhere. Where the leader cannot be asked, nobody is marked.
func (c *Client) lose(ctx context.Context, all *Cluster) {
	i := slices.IndexFunc(all.Members, func(m Member) bool { return m.Leader && m.Endpoint != "" && knowledge.LosesVoters(m.Version) })
	if i < 0 || len(all.Members) < 2 {
		return
	}
	var said raft
	if _, err := c.get(ctx, all.Members[i].Endpoint, "/debug/vars", &said); err != nil || said.Status.State != "StateLeader" || len(said.Status.Progress) == 0 {
		return
	}
	for n, m := range all.Members {
		if _, ok := said.Status.Progress[m.ID]; !ok && m.Name != "" { // one that was only just added may not be known yet
			all.Members[n].Lost = true
			all.Members[n].Error = fmt.Sprintf("%s leads, and its raft has forgotten that %s is a member (%s)", all.Members[i].Name, m.Name, knowledge.VotersSource)
		}
	}
	for id := range said.Status.Progress {
		if !slices.ContainsFunc(all.Members, func(m Member) bool { return m.ID == id }) {
			all.Members[i].Error = fmt.Sprintf("it leads, and its raft counts %s, which is no member (%s)", id, knowledge.VotersSource)
		}
	}
}
