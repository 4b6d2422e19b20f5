package topology

import (
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/topologies"
)

func TestBuiltInTopologiesAreValid(t *testing.T) {
	entries, err := topologies.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		data, err := topologies.FS.ReadFile(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		top, err := Parse(data)
		if err != nil {
			t.Errorf("%s: %v", e.Name(), err)
			continue
		}
		if top.Name+".yaml" != e.Name() {
			t.Errorf("%s: is named %q inside", e.Name(), top.Name)
		}
	}
}

const good = `
name: t
kubernetes: v1.33.1
upgradeTo: [v1.34.2]
etcd: {run: stacked}
subnet: 10.1.2.0/24
podSubnet: 10.244.0.0/16
serviceSubnet: 10.96.0.0/16
nodes:
- {name: cp-1, role: control-plane, aptStyle: list, aptFile: a.list}
- {name: w-1, role: worker, aptStyle: deb822, aptFile: a.sources}
`

func TestParse(t *testing.T) {
	top, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(top.Versions(), " "); got != "v1.33.1 v1.34.2" {
		t.Errorf("versions: %s", got)
	}
	if len(top.ControlPlanes()) != 1 || len(top.Workers()) != 1 || top.Workers()[0].Name != "w-1" {
		t.Errorf("nodes by role: %+v", top.Nodes)
	}
	if Minor(top.Kubernetes) != "v1.33" {
		t.Errorf("minor: %s", Minor(top.Kubernetes))
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, says string }{
		"bad version":          {"v1.33.1", "1.33", "v1.2.3"},
		"unknown field":        {"name: t", "name: t\nflavour: x", "flavour"},
		"node named twice":     {"name: w-1", "name: cp-1", "twice"},
		"reserved name":        {"name: w-1", "name: infra", "taken"},
		"unknown role":         {"role: worker", "role: boss", "boss"},
		"file and style apart": {"aptFile: a.sources", "aptFile: a.list", "apt reads no"},
		"unknown way of etcd":  {"run: stacked", "run: chance", "chance"},
		"service of any etcd":  {"run: stacked", "run: service", "needs etcd.version"},
		"bad etcd version":     {"run: stacked", "run: stacked, version: v3.5", "3.5.1"},
		"bad etcd image":       {"run: stacked", "run: stacked, images: [3.6.1-0]", "3.6.1-0"},
		"TLS said of kubeadm":  {"run: stacked", "run: stacked, tls: true", "kubeadm sees to it"},
		"disk of no size":      {"run: stacked", "run: stacked, diskMiB: 8", "diskMiB"},
		"disk in memory":       {"run: stacked", "run: stacked, diskMiB: 512, inMemory: true", "exclude"},
		"flag with dashes":     {"run: stacked", `run: stacked, args: {--debug: "true"}`, "--debug"},
		"no load balancer":     {"role: worker", "role: control-plane", "loadBalancer"},
		"bad subnet":           {"10.1.2.0/24", "10.1.2.0", "subnet"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Parse([]byte(strings.Replace(good, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want an error about %q, got %v", c.says, err)
			}
		})
	}
}
