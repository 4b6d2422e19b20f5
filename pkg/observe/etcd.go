package observe

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// EtcdNodes names the nodes that have to do with etcd: those of the control plane, and those at whose addresses API servers find a member.
func EtcdNodes(c *cluster.Cluster) []string {
	hosts := map[string]bool{}
	for _, n := range c.Nodes {
		if api, ok := n.Component("kube-apiserver"); ok {
			for _, s := range api.EtcdServers {
				hosts[hostOf(s)] = true
			}
		}
	}
	var out []string
	for _, n := range c.Nodes {
		if n.Role == cluster.ControlPlane || slices.ContainsFunc(n.Addresses, func(a string) bool { return hosts[a] }) {
			out = append(out, n.Name)
		}
	}
	slices.Sort(out)
	return out
}

// Etcd puts together what the hosts say, by node. A member whose own host was asked is as that host says, for it knows most.
func Etcd(c *cluster.Cluster, hosts map[string]hostaction.EtcdHost) *cluster.Etcd {
	e := &cluster.Etcd{}
	members := map[string]cluster.EtcdMember{}
	for _, node := range slices.Sorted(maps.Keys(hosts)) {
		h := hosts[node]
		view := cluster.EtcdView{Node: node, ClusterID: h.ClusterID, Error: h.Error}
		for _, m := range h.Members {
			view.Members = append(view.Members, m.ID)
			have, known := members[m.ID]
			switch {
			case h.Local != "" && m.Name == h.Local, !known, have.Error != "" && m.Error == "" && have.Node == "":
				m.Node, m.Process = have.Node, have.Process
				members[m.ID] = m
			}
		}
		slices.Sort(view.Members)
		if h.Client != nil {
			client := *h.Client
			client.Node = node
			e.Clients = append(e.Clients, client)
		}
		if view.Members != nil || view.Error != "" {
			e.Views = append(e.Views, view)
		}
		if e.ID == "" && h.ClusterID != "" {
			e.ID, e.Version = h.ClusterID, h.Version
		}
	}
	for _, node := range slices.Sorted(maps.Keys(hosts)) {
		if id := local(c, node, hosts[node], members); id != "" {
			m := members[id]
			m.Node, m.Process = node, hosts[node].Process
			members[id] = m
		}
	}
	for _, m := range members {
		e.Members = append(e.Members, m)
	}
	slices.SortFunc(e.Members, func(a, b cluster.EtcdMember) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	return e
}

// local finds the member of a host. One that does not run is told by its name, or by the address at which the others expect it.
func local(c *cluster.Cluster, node string, h hostaction.EtcdHost, members map[string]cluster.EtcdMember) string {
	if h.Local == "" && h.Process == nil {
		return ""
	}
	name := h.Local
	if name == "" {
		name = flag(h.Process.Args, "name")
	}
	for id, m := range members {
		if name != "" && m.Name == name {
			return id
		}
	}
	n, _ := c.Node(node)
	for id, m := range members {
		if slices.ContainsFunc(m.PeerURLs, func(u string) bool { return slices.Contains(n.Addresses, hostOf(u)) }) {
			return id
		}
	}
	return ""
}

// flag gives the value of a flag, written with one dash or two, with an equals sign or as the next argument.
func flag(args []string, name string) string {
	for i, a := range args {
		bare, ok := strings.CutPrefix(a, "-")
		if !ok {
			continue
		}
		bare = strings.TrimPrefix(bare, "-")
		if v, ok := strings.CutPrefix(bare, name+"="); ok {
			return v
		}
		if bare == name && i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// hostOf gives the host of a URL, or of HOST:PORT.
func hostOf(address string) string {
	if u, err := url.Parse(address); err == nil && u.Host != "" {
		return u.Hostname()
	}
	if h, _, err := net.SplitHostPort(address); err == nil {
		return h
	}
	return address
}

// EtcdRestarts gives a mark that changes when a static pod of etcd or an API server is started anew, wherever that is.
func EtcdRestarts(ctx context.Context, c *kube.Client) (string, error) {
	list, err := c.CoreV1().Pods(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{LabelSelector: "tier=control-plane,component in (etcd,kube-apiserver)"})
	if err != nil {
		return "", fmt.Errorf("list static pods: %w", err)
	}
	var ids []string
	for _, p := range list.Items {
		for _, s := range p.Status.ContainerStatuses {
			ids = append(ids, s.ContainerID)
		}
	}
	slices.Sort(ids)
	return strings.Join(ids, ","), nil
}
