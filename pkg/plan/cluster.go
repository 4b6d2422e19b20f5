package plan

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Options are the operator's choices. They are part of the plan, so that a saved one can be made again in the same way.
type Options struct {
	DeleteEmptyDir     bool     `json:"deleteEmptyDir,omitempty"`
	Force              bool     `json:"force,omitempty"`
	DisableEviction    bool     `json:"disableEviction,omitempty"`
	GracePeriodSeconds int      `json:"gracePeriodSeconds"`
	DrainTimeout       Duration `json:"drainTimeout"`
	// IgnoreKubeadmPreflight is handed to kubeadm as --ignore-preflight-errors.
	IgnoreKubeadmPreflight []string `json:"ignoreKubeadmPreflight,omitempty"`
	// Via are the releases of minors between that were asked for; what became of them is in the path.
	Via []version.Version `json:"via,omitempty"`
	// Selector is the label selector that the workers were chosen by, and Workers those that it meant; nil means all.
	Selector string   `json:"selector,omitempty"`
	Workers  []string `json:"workers,omitempty"`
	// MaxUnavailable is how many workers may be down at once; less than one counts as one.
	MaxUnavailable int `json:"maxUnavailable,omitempty"`
	// MaxFailures is how many workers may fail before no other one is started.
	MaxFailures int        `json:"maxFailures,omitempty"`
	PauseAfter  PauseAfter `json:"pauseAfter,omitempty"`
	// FetchAtOnce is how many nodes fetch packages and images at once; zero counts as DefaultFetchAtOnce.
	FetchAtOnce int `json:"fetchAtOnce,omitempty"`
	// KeepEtcd has kubeadm leave its etcd as it is.
	KeepEtcd bool `json:"keepEtcd,omitempty"`
	// PackagesFrom and ImagesFrom are where packages and images come from; nil means where the nodes have them from by themselves.
	PackagesFrom *Origin `json:"packagesFrom,omitempty"`
	ImagesFrom   *Origin `json:"imagesFrom,omitempty"`
}

// DefaultFetchAtOnce spares registries, and the links to them.
const DefaultFetchAtOnce = 3

// Packages is what each node's package manager would do, by node name and by the versions that the node needs.
type Packages map[string]map[version.Version]hostaction.Resolution

// Input is all that a plan is computed from.
type Input struct {
	Cluster *cluster.Cluster
	// Path is every version that the control plane goes through; the last is the target. See func Path.
	Path     []version.Version
	Packages Packages
	// Images are the images that each node needs out of a bundle, by name; nil where they come from a registry.
	Images  map[string][]string
	Options Options
	// Saved, if not nil, is a plan that this one is to be held against. What decides nothing but the order of nodes, and
	// changes all the time, is taken from it: who leads, and how many pods a drain moves.
	Saved *Plan
	// Begun, if not nil, is the plan of an earlier run of this upgrade, which was cut short.
	Begun *Plan
	// Unproven is set when such a run was cut short that had the same target: it has not proved in the end what it has done.
	Unproven bool
}

// ForCluster computes the plan that brings a cluster along a path of versions.
// It assumes that preflight found nothing that blocks; what it cannot plan is an error.
// A cluster that is half upgraded gets a plan for the rest.
func ForCluster(in Input) (*Plan, error) {
	c := in.Cluster
	if len(in.Path) == 0 {
		return nil, fmt.Errorf("plan upgrade: no version to go to")
	}
	if len(c.OfRole(cluster.ControlPlane)) == 0 {
		return nil, fmt.Errorf("plan upgrade: no control-plane node found")
	}
	b := &builder{in: in, to: in.Path[len(in.Path)-1], stops: Stops(c, in.Path), leaders: c.Leaders}
	if in.Saved != nil {
		b.leaders = in.Saved.Leaders
	}
	b.leader = b.leaders.Etcd
	p := &Plan{
		APIVersion: APIVersion,
		Kind:       UpgradeKind,
		Cluster:    ClusterRef{UID: c.UID, Server: c.Server, Context: c.Context},
		From:       Oldest(c),
		To:         b.to,
		Path:       in.Path,
		Options:    in.Options,
		Leaders:    b.leaders,
	}
	var work []Phase
	for i := range b.stops {
		s := b.at(i)
		if moves := slices.Concat(s.controlPlane(), s.nodes()); len(moves) > 0 {
			work = append(work, leading(s.Version.String(), slices.Concat(s.rewrite(), moves))...)
		}
	}
	for _, n := range b.everyNode() {
		p.Nodes = append(p.Nodes, b.summary(n))
	}
	if len(work) > 0 {
		p.Reasons = slices.Concat(b.reasons, why(c, b.stops), WhatKubeadmDoes(c, in.Path, in.Options.KeepEtcd))
		p.Phases = slices.Concat(b.prepare(), b.repository(), work, b.finish())
		p.Components, p.Disruption = b.components(), b.disruption(p)
		p.TakenOut = carriedOn(in.Begun, b.takenOut)
	}
	if len(work) == 0 && in.Unproven {
		p.Reasons = []string{"an earlier run was cut short when all was done: what it has done is verified"}
		p.Phases = b.finish()
	}
	if b.err != nil {
		return nil, b.err
	}
	return p, p.seal()
}

// Oldest is the oldest version that anything in the cluster runs: where the upgrade starts from.
func Oldest(c *cluster.Cluster) version.Version {
	oldest := ControlPlaneVersion(c)
	for _, n := range c.Nodes {
		if v := n.KubeletVersion; !v.IsZero() && v.Less(oldest) {
			oldest = v
		}
	}
	return oldest
}

// builder makes the steps and keeps the first error, so that the phases read as a table of contents.
type builder struct {
	in    Input
	to    version.Version
	stops []Stop
	// leaders are where the plan starts from; leader is where etcd's leader will be, as far as the plan itself moves it.
	leaders cluster.Leaders
	leader  string
	// order is that of the control-plane nodes at the first stop.
	order   []string
	reasons []string
	// rewritten is the cluster with kubeadm's configuration as the plan has made it so far; nil before that.
	rewritten *cluster.Cluster
	// takenOut is what was taken out of it for that.
	takenOut []TakenOut
	// touched are the nodes that work is planned for, by stop.
	touched map[string][]int
	err     error
}

// stop is the builder at one stop of the way.
type stop struct {
	*builder
	Stop
	// label starts the IDs of all steps: the minor, unless the next stop is of the same one.
	label string
	index int
}

func (b *builder) at(i int) stop {
	s := stop{builder: b, Stop: b.stops[i], index: i, label: b.stops[i].Version.MinorString()}
	if i+1 < len(b.stops) && b.stops[i+1].Version.SameMinor(s.Version) {
		s.label = s.Version.Bare()
	}
	return s
}

func (b *builder) touch(node string, i int) {
	if b.touched == nil {
		b.touched = map[string][]int{}
	}
	if !slices.Contains(b.touched[node], i) {
		b.touched[node] = append(b.touched[node], i)
	}
}

func (b *builder) packages(node string, v version.Version) map[string]string {
	return b.in.Packages[node][v].Versions
}

func (b *builder) step(id, title string, kind Kind, node string, params any, changes bool, timeout time.Duration) Step {
	s := Step{ID: id, Title: title, Kind: kind, Node: node, Changes: changes, Timeout: Duration(timeout)}
	if params != nil {
		raw, err := json.Marshal(params)
		if err != nil && b.err == nil {
			b.err = fmt.Errorf("plan step %s: %w", id, err)
		}
		s.Params = raw
	}
	return s
}

func (b *builder) host(id, title, node string, a hostaction.Action, timeout time.Duration) Step {
	return b.step(id, title, Kind(a.Kind()), node, a, a.Changes(), timeout)
}

// prepare fetches everything that the later phases need on each node they touch, before anything changes.
func (b *builder) prepare() []Phase {
	ph := Phase{ID: "prepare", Title: "Fetch packages and images", Parallel: cmp.Or(b.in.Options.FetchAtOnce, DefaultFetchAtOnce)}
	for _, n := range b.everyNode() {
		var steps []Step
		var files []hostaction.File
		for _, i := range b.touched[n.Name] {
			s := b.at(i)
			files = s.files(n, files)
			id := "prepare/" + n.Name + "/" + s.label
			fetch := s.packages(n.Name, s.Version)
			if !s.moves(n.Name) {
				fetch = map[string]string{"kubeadm": fetch["kubeadm"]}
			}
			steps = append(steps,
				b.host(id+"/packages", b.packagesTitle(s.Version), n.Name,
					hostaction.DownloadPackages{Version: s.Version, Versions: fetch, Bundle: b.in.Options.PackagesFrom.bundle()}, 15*time.Minute),
				b.host(id+"/images", b.imagesTitle(s.Version), n.Name, hostaction.PullImages{
					Version:         s.Version,
					ImageRepository: b.imageRepository(),
					ControlPlane:    n.Role == cluster.ControlPlane,
					Bundle:          b.in.Options.ImagesFrom.bundle(),
				}, 30*time.Minute))
		}
		// Every node gets the images of add-ons, which are replaced everywhere, whether its kubelet moves or not.
		steps = append(b.send("prepare/"+n.Name, n, files), steps...)
		if len(steps) > 0 {
			ph.Groups = append(ph.Groups, Group{ID: "prepare/" + n.Name, Title: n.Name, Steps: steps})
		}
	}
	return []Phase{ph}
}

func (s stop) kubeadmPackage(id string, n cluster.Node) Step {
	v := s.packages(n.Name, s.Version)["kubeadm"]
	return s.host(id+"/kubeadm", "install kubeadm "+v, n.Name, hostaction.InstallPackages{
		Version: s.Version, Versions: map[string]string{"kubeadm": v},
		// Old packages made kubeadm drag the kubelet along, restarting it undrained (kubernetes/release#2412).
		Forbid: []string{"kubelet", "kubectl"},
		Bundle: s.in.Options.PackagesFrom.bundle(),
	}, 15*time.Minute)
}

func (b *builder) finish() []Phase {
	v := VerifyParams{Version: b.to, Held: map[string][]string{}, Packages: map[string]map[string]string{}}
	for _, n := range b.everyNode() {
		v.Held[n.Name] = held(n)
		if b.chosen(n) {
			v.Packages[n.Name] = b.packages(n.Name, b.to)
		} else {
			v.Left = append(v.Left, n.Name)
		}
	}
	return []Phase{{ID: "finish", Title: "Finish", Parallel: 1, Groups: []Group{{
		ID: "finish/cluster", Title: "cluster", Steps: []Step{
			b.step("finish/verify", "verify every node, package and add-on", Verify, "", v, false, 10*time.Minute),
		},
	}}}}
}

// chosen tells whether a node is to be touched at all.
func (b *builder) chosen(n cluster.Node) bool {
	return n.Role == cluster.ControlPlane || b.in.Options.Workers == nil || slices.Contains(b.in.Options.Workers, n.Name)
}
