package ask

import (
	"context"
	"errors"
)

// PeerCluster asks at a peer URL to which cluster the member belongs. It answers there from its start on, also while there is no quorum.
// https://github.com/etcd-io/etcd/blob/v3.6.14/server/etcdserver/api/etcdhttp/peer.go
func (c *Client) PeerCluster(ctx context.Context, url string) (id string, err error) {
	var members []struct{}
	header, err := c.get(ctx, url, "/members", &members)
	if err != nil {
		return "", err
	}
	if id = header.Get("X-Etcd-Cluster-ID"); id == "" {
		return "", errors.New("ask " + url + "/members: it does not say of which cluster it is")
	}
	return id, nil
}
