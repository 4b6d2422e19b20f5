package plan

import (
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// storageBackend is the flag of the API server that goes with the data.
const storageBackend = "storage-backend"

// Converts tells whether a plan takes the data of the v2 API to those of the v3 API.
func (e *EtcdPlan) Converts() bool {
	return slices.ContainsFunc(e.Hops, func(h EtcdHop) bool { return h.Kind == knowledge.Convert })
}

// conversion takes all members from the v2 API's data to the v3 API's at once.
//
// API servers keep their objects by one API or by the other: in between there is none, and with the last one goes the way to the hosts. So each host is given
// its part while one API server is left, as for a restore, and does it by itself. The members are those of a new cluster, of another ID: a member that was
// left behind cannot meddle, and what it has is the way back.
type conversion struct {
	*etcdBuilder
	hop     knowledge.Hop
	first   cluster.EtcdMember
	token   string
	members []string // name=URL
	next    map[string]edited
}

func (b *etcdBuilder) conversion(h knowledge.Hop) ([]Phase, error) {
	e := b.in.Cluster.Etcd
	c := conversion{etcdBuilder: b, hop: h, token: "convert-" + h.To.Bare() + "-" + e.ID, next: map[string]edited{}}
	for _, m := range e.Members {
		if m.Process == nil || m.Node == "" || len(m.PeerURLs) != 1 {
			return nil, fmt.Errorf("plan etcd: member %s runs on no node of the cluster, or has not one peer URL", m.Name)
		}
		changed, err := edit(m, h.To, b.etcd.Images[h.To][m.Node])
		if err != nil {
			return nil, fmt.Errorf("plan etcd: member %s: %w", m.Name, err)
		}
		b.change(m, changed, h.To)
		c.next[m.Name], c.members = changed, append(c.members, m.Name+"="+m.PeerURLs[0])
	}
	slices.Sort(c.members)
	c.first = c.begins()
	phases, err := c.phases()
	for _, m := range e.Members {
		next := c.next[m.Name].EtcdMember
		next.Version, next.Error = h.To, ""
		b.state[m.Name] = next
	}
	return phases, err
}

// begins chooses the member whose host has the last API server: the one that the operator talks to, if he talks to one of them.
func (c conversion) begins() cluster.EtcdMember {
	all := slices.Clone(c.in.Cluster.Etcd.Members)
	slices.SortFunc(all, func(a, b cluster.EtcdMember) int { return c.rank(a) - c.rank(b) })
	return all[0]
}

func (c conversion) rank(m cluster.EtcdMember) int {
	n, _ := c.in.Cluster.Node(m.Node)
	host, _ := splitAddress(c.in.Cluster.Server)
	switch {
	case c.client(m.Node) == nil:
		return 2
	case slices.Contains(n.Addresses, host) || n.InternalIP == host:
		return 0
	}
	return 1
}

// prefixes are where API servers have their keys.
func (c conversion) prefixes() []string {
	var out []string
	for _, s := range c.in.Cluster.Etcd.Clients {
		out = append(out, s.Prefix)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// client is the API server of a node; nil where none is.
func (c conversion) client(node string) *cluster.EtcdClient {
	e := c.in.Cluster.Etcd
	if i := slices.IndexFunc(e.Clients, func(c cluster.EtcdClient) bool { return c.Node == node }); i >= 0 {
		return &e.Clients[i]
	}
	return nil
}

func (c conversion) phases() ([]Phase, error) {
	e := c.in.Cluster.Etcd
	label := c.hop.To.MinorString()
	arm := Phase{ID: label + "/arm", Title: "End all API servers but one", Parallel: 1}
	members := Phase{ID: label + "/members", Title: "Every member on the new data", Parallel: len(e.Members), MaxFailures: len(e.Members)}
	settle := Phase{ID: label + "/settle", Title: "Forget that it was begun", Parallel: 1}
	var first Step
	var recall []string
	for _, m := range e.Members {
		a, err := c.action(m)
		if err != nil {
			return nil, err
		}
		id := members.ID + "/" + m.Name
		step := c.host(id+"/rebuild", "member "+m.Name+" serves what was migrated, and its API server goes by it", m.Node, a, ConvertTime)
		settle.Groups = append(settle.Groups, Group{ID: settle.ID + "/" + m.Name, Title: m.Name, Steps: []Step{
			c.host(settle.ID+"/"+m.Name+"/forget", "forget that it was begun", m.Node, hostaction.EtcdSettle{ClusterID: c.clusterID()}, time.Minute),
		}})
		if m.Name == c.first.Name {
			first = step
			continue
		}
		recall = append(recall, m.Node)
		members.Groups = append(members.Groups, Group{ID: id, Title: m.Name, Steps: []Step{step}})
		arm.Groups = append(arm.Groups, Group{ID: arm.ID + "/" + m.Name, Title: m.Name, Steps: []Step{
			c.step(arm.ID+"/"+m.Name+"/begin", "look whether it can, end its API server, and wait for the data", EtcdBegin, m.Node, EtcdBeginParams{Step: step.ID, Action: a, Recall: slices.Clone(recall)}, true, 10*time.Minute),
		}})
	}
	a, err := c.action(c.first)
	if err != nil {
		return nil, err
	}
	first = c.step(label+"/migrate/"+c.first.Name+"/convert", "end API server and member, migrate its data, hand them to the others, and serve them", EtcdConvert, c.first.Node,
		EtcdConvertParams{Begin: EtcdBeginParams{Step: first.ID, Action: a}, Recall: recall}, true, ConvertTime)
	out := []Phase{{ID: label + "/migrate", Title: "Take the data from the v2 API to the v3 API", Parallel: 1, Groups: []Group{{ID: label + "/migrate/" + c.first.Name, Title: c.first.Name, Steps: []Step{first}}}}}
	if len(arm.Groups) > 0 {
		out = append([]Phase{arm}, append(out, members)...)
	}
	c.reasons = append(c.reasons,
		"the API servers keep their objects by the v2 API, and go over to the v3 API together with the data; TTLs go on, and revisions are never lower than the indexes were",
		c.first.Name+" begins: its host has the last API server that writes")
	return append(out, c.agree(label, c.hop), settle), nil
}

func (c conversion) clusterID() string {
	id, err := cluster.EtcdIdentify(c.first.Name, c.members, c.token)
	if err != nil && c.err == nil {
		c.err = fmt.Errorf("plan etcd: %w", err)
	}
	return fmt.Sprintf("%x", id.Cluster)
}

// action is the part of a member's host.
func (c conversion) action(m cluster.EtcdMember) (hostaction.EtcdRebuild, error) {
	p := m.Process
	a := hostaction.EtcdRebuild{
		Restore: hostaction.EtcdRestore{
			Snapshot: path.Join(c.etcd.Options.BackupDir, "converted-"+c.hop.To.Bare()+".db"), DataDir: p.DataDir, WALDir: p.WALDir, Name: m.Name, PeerURL: m.PeerURLs[0],
			InitialCluster: c.members, Token: c.token, Owner: p.Owner, Version: c.hop.To,
		},
		Member: replacement(m, c.next[m.Name].EtcdMember, c.hop, c.access(m.Node)),
		Follow: m.Name != c.first.Name, Patience: armed,
		Convert: &hostaction.EtcdConversion{First: c.first.Name, From: c.first.PeerURLs[0], Listen: listens(c.first), Peer: peerAccess(m), DropV2: c.etcd.Options.DropV2, Prefixes: c.prefixes()},
	}
	for _, o := range c.in.Cluster.Etcd.Members {
		a.Convert.Members = append(a.Convert.Members, o.Name)
		if o.Name != m.Name {
			a.Peers = append(a.Peers, o.PeerURLs...)
		}
	}
	if s := c.client(m.Node); s != nil {
		backend := "etcd3"
		text, err := manifest.EditAPIServer([]byte(s.Manifest.Text), map[string]*string{storageBackend: &backend})
		if err != nil {
			return a, fmt.Errorf("plan etcd: node %s: %w", m.Node, err)
		}
		a.Convert.Server = string(text)
		c.showServer(m, s, a.Convert.Server)
	}
	return a, nil
}

// showServer keeps for the reader what becomes of an API server's manifest.
func (c conversion) showServer(m cluster.EtcdMember, s *cluster.EtcdClient, after string) {
	known := slices.ContainsFunc(c.changes, func(o EtcdChange) bool { return o.Node == m.Node && o.Path == s.Manifest.Path })
	if diff := manifest.Diff(s.Manifest.Path, []byte(s.Manifest.Text), []byte(after)); diff != "" && !known {
		c.changes = append(c.changes, EtcdChange{Member: m.Name, Node: m.Node, To: c.hop.To, Path: s.Manifest.Path, Diff: diff})
	}
}

// setting is the value of a member's setting, wherever it is set.
func setting(m cluster.EtcdMember, name string) string {
	p := m.Process
	args := knowledge.ParseArgs(m.Version.MinorString(), p.Args)
	for _, env := range p.Env {
		n, v, _ := strings.Cut(env, "=")
		if a, ok := knowledge.EnvArg(n, v); ok {
			args = append(args, a)
		}
	}
	for _, a := range args {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// peerAccess is what a member shows to the others.
func peerAccess(m cluster.EtcdMember) hostaction.EtcdAccess {
	a := hostaction.EtcdAccess{Endpoints: m.PeerURLs, CAFile: setting(m, "peer-trusted-ca-file"), CertFile: setting(m, "peer-cert-file"), KeyFile: setting(m, "peer-key-file")}
	if a.CAFile == "" {
		a.CAFile = setting(m, "peer-ca-file") // 2.x knows it too
	}
	return a
}

// listens is where a member listens for the others.
func listens(m cluster.EtcdMember) string {
	for _, text := range []string{setting(m, "listen-peer-urls"), m.PeerURLs[0]} {
		best := ""
		for u := range strings.SplitSeq(text, ",") {
			host, port := splitAddress(u)
			if port == "" {
				continue
			}
			known, _ := splitAddress(m.PeerURLs[0])
			if fits := host == known || host == "0.0.0.0" || host == "::"; fits || best == "" {
				best = joinAddress(host, port)
				if fits {
					break
				}
			}
		}
		if best != "" {
			return best
		}
	}
	return ""
}

// backendOut takes the flag out of what kubeadm keeps: 1.13 has no backend but the one that is left.
func (b *etcdBuilder) backendOut(id string) Step {
	return b.step(id, "take --"+storageBackend+" out of kubeadm's configuration", RewriteConfig, "", RewriteParams{
		ConfigMap: "kubeadm-config", Key: "ClusterConfiguration", Strip: manifest.Strip{Args: map[string][]string{"apiServer": {storageBackend}}},
	}, true, 5*time.Minute)
}

// ConvertTime is all of a host's part: it waits for the data, and then for another one to begin with them.
const ConvertTime = 4*armed + 30*time.Minute

// ConvertHop is the way of a cluster whose API servers keep their objects by the v2 API.
func ConvertHop(from, to version.Version) []knowledge.Hop {
	return []knowledge.Hop{{Kind: knowledge.Convert, From: from, To: to}}
}
