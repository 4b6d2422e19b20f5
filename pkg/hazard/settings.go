package hazard

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// setting is a flag or a feature gate, and where it is set.
type setting struct {
	component, name, value, where string
	// section is the part of ClusterConfiguration that it is set in; empty elsewhere.
	section string
	// made tells that it stands in a manifest, which kubeadm makes anew of its configuration.
	made bool
	// node and file are the kubelet's that is given a flag, and where; file is empty where it stands in none that is known.
	node, file string
}

type section struct{ key, component string }

// sections are the parts of kubeadm's ClusterConfiguration that have arguments of a component.
var sections = []section{
	{"apiServer", "kube-apiserver"}, {"controllerManager", "kube-controller-manager"}, {"scheduler", "kube-scheduler"},
}

// etcdPod is the static pod that kubeadm runs beside those of Kubernetes. Its flags have tables of their own.
const etcdPod = "etcd"

// args are extraArgs: a map up to v1beta3, and a list of names and values from v1beta4 on.
type args []cluster.Flag

// UnmarshalJSON reads both forms.
func (a *args) UnmarshalJSON(b []byte) error {
	var list []cluster.Flag
	if yaml.Unmarshal(b, &list) == nil {
		*a = list
		return nil
	}
	var all map[string]string
	if err := yaml.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("read extraArgs: %w", err)
	}
	// In one order: a plan that is made of it again has to be the same plan.
	for _, k := range slices.Sorted(maps.Keys(all)) {
		*a = append(*a, cluster.Flag{Name: k, Value: all[k]})
	}
	return nil
}

// clusterConfiguration is what of kubeadm's configuration is judged.
type clusterConfiguration struct {
	APIVersion      string          `json:"apiVersion"`
	ImageRepository string          `json:"imageRepository"`
	FeatureGates    map[string]bool `json:"featureGates"`
	// EncryptionAlgorithm is v1beta4's.
	EncryptionAlgorithm string `json:"encryptionAlgorithm"`
	APIServer           struct {
		ExtraArgs args `json:"extraArgs"`
	} `json:"apiServer"`
	ControllerManager struct {
		ExtraArgs args `json:"extraArgs"`
	} `json:"controllerManager"`
	Scheduler struct {
		ExtraArgs args `json:"extraArgs"`
	} `json:"scheduler"`
	Etcd struct {
		Local struct {
			ExtraArgs args `json:"extraArgs"`
			// ExtraEnvs are v1beta4's.
			ExtraEnvs []cluster.Flag `json:"extraEnvs"`
		} `json:"local"`
	} `json:"etcd"`
	// Up to v1alpha3, of kubeadm 1.12, the sections have no parts.
	OldAPIServer         args `json:"apiServerExtraArgs"`
	OldControllerManager args `json:"controllerManagerExtraArgs"`
	OldScheduler         args `json:"schedulerExtraArgs"`
}

func (c clusterConfiguration) args(component string) args {
	switch component {
	case "kube-apiserver":
		return slices.Concat(c.APIServer.ExtraArgs, c.OldAPIServer)
	case "kube-controller-manager":
		return slices.Concat(c.ControllerManager.ExtraArgs, c.OldControllerManager)
	case "kube-scheduler":
		return slices.Concat(c.Scheduler.ExtraArgs, c.OldScheduler)
	case etcdPod:
		return c.Etcd.Local.ExtraArgs
	}
	return nil
}

// readings are what the configurations say.
type readings struct {
	kubeadm      clusterConfiguration
	isKubeadm    bool
	flags, gates []setting
	// nodes are the places of the nodes in the cluster's list.
	nodes map[string]int
}

func (f Facts) readings() *readings {
	r := &readings{nodes: make(map[string]int, len(f.Cluster.Nodes))}
	for i, n := range f.Cluster.Nodes {
		r.nodes[n.Name] = i
	}
	r.kubeadm, r.isKubeadm = f.readKubeadm()
	f.read = r
	r.flags = f.readFlags()
	r.gates = f.readGates()
	return r
}

// node finds a node; there may be thousands, and as many who ask.
func (f Facts) node(name string) (cluster.Node, bool) {
	i, ok := f.read.nodes[name]
	if !ok {
		return cluster.Node{}, false
	}
	return f.Cluster.Nodes[i], true
}

func (f Facts) kubeadm() (clusterConfiguration, bool) { return f.read.kubeadm, f.read.isKubeadm }

// flagSettings are all flags that components are given: now, by kubeadm at the upgrade, and on the hosts.
func (f Facts) flagSettings() []setting { return f.read.flags }

// gateSettings are all feature gates that are set anywhere.
func (f Facts) gateSettings() []setting { return f.read.gates }

func (f Facts) readKubeadm() (clusterConfiguration, bool) {
	var c clusterConfiguration
	text, ok := f.config("ClusterConfiguration")
	return c, ok && yaml.Unmarshal([]byte(text.Text), &c) == nil
}

func (f Facts) readFlags() []setting {
	var out []setting
	for _, c := range f.Cluster.Survey.Components {
		for _, g := range c.Flags {
			out = append(out, setting{component: c.Name, name: g.Name, value: g.Value, where: fmt.Sprintf("static pod %s of node %q", c.Name, c.Node), made: slices.ContainsFunc(sections, func(s section) bool { return s.component == c.Name })})
		}
	}
	if c, ok := f.kubeadm(); ok {
		for _, s := range sections {
			for _, a := range c.args(s.component) {
				out = append(out, setting{component: s.component, name: strings.ReplaceAll(a.Name, "_", "-"), value: a.Value,
					where: "ConfigMap kube-system/kubeadm-config, " + s.key + ".extraArgs", section: s.key})
			}
		}
	}
	for _, n := range f.Cluster.Nodes {
		if n.Host == nil || !f.moves(n) {
			continue
		}
		for _, a := range n.Host.KubeletArgs {
			out = append(out, setting{component: "kubelet", name: a.Name, value: a.Value, where: fmt.Sprintf("kubelet of node %q%s", n.Name, from(a.File)), node: n.Name, file: a.File})
		}
	}
	return out
}

func from(file string) string {
	if file == "" {
		return ""
	}
	return " (" + file + ")"
}

func (f Facts) readGates() []setting {
	var out []setting
	for _, s := range f.flagSettings() {
		if s.name != "feature-gates" {
			continue
		}
		for pair := range strings.SplitSeq(s.value, ",") {
			if name, v, ok := strings.Cut(strings.TrimSpace(pair), "="); ok {
				s.name, s.value = name, strings.ToLower(v)
				out = append(out, s)
			}
		}
	}
	add := func(component, where string, gates map[string]bool) {
		for name, v := range gates {
			out = append(out, setting{component: component, name: name, value: fmt.Sprint(v), where: where})
		}
	}
	if c, ok := f.kubeadm(); ok {
		add("kubeadm", "ConfigMap kube-system/kubeadm-config, featureGates", c.FeatureGates)
	}
	for _, c := range f.Cluster.Survey.Configs {
		component := map[string]string{"kubelet": "kubelet", "config.conf": "kube-proxy"}[c.Key]
		var in struct {
			FeatureGates map[string]bool `json:"featureGates"`
		}
		if component != "" && yaml.Unmarshal([]byte(c.Text), &in) == nil {
			add(component, "ConfigMap kube-system/"+c.ConfigMap, in.FeatureGates)
		}
	}
	slices.SortFunc(out, func(a, b setting) int { return strings.Compare(a.where+a.name, b.where+b.name) })
	return out
}
