package observe

import (
	"cmp"
	"maps"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
)

// components reads the static pods of the control plane.
func components(pods map[string][]corev1.Pod) []cluster.Component {
	var out []cluster.Component
	for _, node := range slices.Sorted(maps.Keys(pods)) {
		for _, p := range pods[node] {
			if !nodes.IsMirror(&p) || p.Namespace != metav1.NamespaceSystem || p.Labels["tier"] != "control-plane" || p.Labels["component"] == "" {
				continue
			}
			main := p.Spec.Containers[0]
			out = append(out, cluster.Component{Node: node, Name: p.Labels["component"], Image: main.Image,
				Flags: flags(slices.Concat(main.Command, main.Args)), Env: etcdEnv(main.Env)})
		}
	}
	return out
}

// flags reads --name=value and --name value. The programs of the control plane take no operands, so that a word without dashes belongs to
// the flag before it; a flag without a value is true.
func flags(words []string) []cluster.Flag {
	var out []cluster.Flag
	for i := 1; i < len(words); i++ {
		rest, ok := strings.CutPrefix(words[i], "--")
		if !ok || rest == "" {
			continue
		}
		name, v, joined := strings.Cut(rest, "=")
		if !joined {
			v = "true"
			if i+1 < len(words) && !strings.HasPrefix(words[i+1], "-") {
				v = words[i+1]
			}
		}
		out = append(out, cluster.Flag{Name: strings.ReplaceAll(name, "_", "-"), Value: v})
	}
	return out
}

func etcdEnv(all []corev1.EnvVar) []cluster.Flag {
	var out []cluster.Flag
	for _, e := range all {
		if strings.HasPrefix(e.Name, "ETCD_") && e.ValueFrom == nil {
			out = append(out, cluster.Flag{Name: e.Name, Value: e.Value})
		}
	}
	return out
}

// workloads puts pods together that one thing has started: of many pods only what they have in common is kept.
func workloads(pods map[string][]corev1.Pod, claimed map[string]string) []cluster.Workload {
	all := map[string]*cluster.Workload{}
	for node, list := range pods {
		for _, p := range list {
			if ended(p) {
				continue
			}
			kind, name := startedBy(p)
			key := p.Namespace + "/" + kind + "/" + name
			w := all[key]
			if w == nil {
				w = &cluster.Workload{Namespace: p.Namespace, Kind: kind, Name: name}
				all[key] = w
			}
			w.Pods++
			add(&w.Nodes, node)
			look(w, p, claimed)
		}
	}
	return slices.SortedFunc(dereferenced(all), func(a, b cluster.Workload) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

func dereferenced(all map[string]*cluster.Workload) func(func(cluster.Workload) bool) {
	return func(yield func(cluster.Workload) bool) {
		for _, w := range all {
			if !yield(*w) {
				return
			}
		}
	}
}

// startedBy names the controller of a pod. A ReplicaSet of a Deployment has the Deployment's name and a hash that the pods carry as a label.
func startedBy(p corev1.Pod) (kind, name string) {
	if nodes.IsMirror(&p) {
		return "static pod", p.Name
	}
	owner := metav1.GetControllerOf(&p)
	if owner == nil {
		return "Pod", p.Name
	}
	if hash := p.Labels["pod-template-hash"]; owner.Kind == "ReplicaSet" && hash != "" {
		if name, ok := strings.CutSuffix(owner.Name, "-"+hash); ok {
			return "Deployment", name
		}
	}
	return owner.Kind, owner.Name
}

func look(w *cluster.Workload, p corev1.Pod, claimed map[string]string) {
	for k := range p.Spec.NodeSelector {
		add(&w.Selects, k)
	}
	if a := p.Spec.Affinity; a != nil && a.NodeAffinity != nil && a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution != nil {
		for _, k := range wanted(a.NodeAffinity.RequiredDuringSchedulingIgnoredDuringExecution.NodeSelectorTerms) {
			add(&w.Selects, k)
		}
	}
	for _, t := range p.Spec.Tolerations {
		add(&w.Tolerates, cmp.Or(t.Key, "*"))
	}
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		add(&w.Images, c.Image)
	}
	for _, v := range p.Spec.Volumes {
		add(&w.Volumes, volumeKind(v.VolumeSource))
		if c := v.PersistentVolumeClaim; c != nil {
			add(&w.Volumes, claimed[p.Namespace+"/"+c.ClaimName])
		}
	}
	for k := range p.Annotations {
		if strings.HasPrefix(k, "container.apparmor.security.beta.kubernetes.io/") || strings.HasSuffix(k, "seccomp.security.alpha.kubernetes.io/pod") {
			add(&w.Annotations, k)
		}
	}
}

// wanted are the labels that every term wants: one term is enough for a node, so that of "master or control-plane" neither is needed.
func wanted(terms []corev1.NodeSelectorTerm) []string {
	var out []string
	for i, t := range terms {
		var keys []string
		for _, e := range t.MatchExpressions {
			if e.Operator == corev1.NodeSelectorOpIn || e.Operator == corev1.NodeSelectorOpExists {
				keys = append(keys, e.Key)
			}
		}
		if i == 0 {
			out = keys
		}
		out = slices.DeleteFunc(out, func(k string) bool { return !slices.Contains(keys, k) })
	}
	return out
}

// volumeKind is the name of the only field of a volume's source that is set, as the API has it.
func volumeKind[S corev1.VolumeSource | corev1.PersistentVolumeSource](s S) string {
	source := reflect.ValueOf(s)
	for i := range source.NumField() {
		if !source.Field(i).IsNil() {
			name, _, _ := strings.Cut(source.Type().Field(i).Tag.Get("json"), ",")
			return name
		}
	}
	return ""
}

// add puts a word into a sorted list that does not have it.
func add(list *[]string, word string) {
	if i, found := slices.BinarySearch(*list, word); word != "" && !found {
		*list = slices.Insert(*list, i, word)
	}
}
