package ask

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// status2 asks over the v2 API, where indexes are in the headers of any answer about keys.
func (c *Client) status2(ctx context.Context, endpoint string, v Versions) (Answer, error) {
	var self struct {
		ID     string `json:"id"`
		Leader struct {
			Leader string `json:"leader"`
		} `json:"leaderInfo"`
	}
	if _, err := c.get(ctx, endpoint, "/v2/stats/self", &self); err != nil {
		return Answer{}, err
	}
	a := Answer{ID: number(self.ID, 16), Leader: number(self.Leader.Leader, 16)}
	a.EtcdStatus = cluster.EtcdStatus{Version: v.Server, ClusterVersion: v.Cluster, Leases: -1}
	var keys any
	header, err := c.get(ctx, endpoint, "/v2/keys/", &keys)
	if refused, ok := errors.AsType[*webError](err); ok && refused.code == http.StatusUnauthorized {
		a.Auth = true
		return a, nil
	}
	if err != nil {
		return a, err
	}
	a.V2Index = number(header.Get("X-Etcd-Index"), 10)
	a.RaftTerm = number(header.Get("X-Raft-Term"), 10)
	a.RaftIndex = number(header.Get("X-Raft-Index"), 10)
	a.AppliedIndex = a.RaftIndex // it counts what was applied
	return a, nil
}

// members2 lists the members over the v2 API.
func (c *Client) members2(ctx context.Context, endpoint string) ([]listed, error) {
	var list struct {
		Members []struct {
			ID         string   `json:"id"`
			Name       string   `json:"name"`
			PeerURLs   []string `json:"peerURLs"`
			ClientURLs []string `json:"clientURLs"`
		} `json:"members"`
	}
	if _, err := c.get(ctx, endpoint, "/v2/members", &list); err != nil {
		return nil, fmt.Errorf("list etcd members: %w", err)
	}
	var out []listed
	for _, m := range list.Members {
		out = append(out, listed{id: number(m.ID, 16), name: m.Name, peers: m.PeerURLs, clients: m.ClientURLs})
	}
	return out, nil
}

// number reads a number that the member wrote; zero when there is none.
func number(s string, base int) uint64 {
	n, err := strconv.ParseUint(s, base, 64)
	if err != nil {
		return 0
	}
	return n
}
