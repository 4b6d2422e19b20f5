package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// snapshot is the state that a command which fails early must leave as it was, as text by name: the API's side and every host's.
type snapshot map[string]string

const (
	agentNamespace = "kubectl-upgrade"
	lockName       = "kubectl-upgrade-lock"
	recordName     = "kubectl-upgrade-run"
	workDir        = "/var/lib/kubectl-upgrade"
)

// take looks at everything.
func (e *env) take(ctx context.Context) (snapshot, error) {
	s := snapshot{}
	if err := e.takeNodes(ctx, s); err != nil {
		return nil, err
	}
	maps, err := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list ConfigMaps: %w", err)
	}
	for _, m := range maps.Items {
		s["ConfigMap "+m.Name] = sorted(m.Data)
	}
	if err := e.takeNamespaces(ctx, s); err != nil {
		return nil, err
	}
	return s, e.takeHosts(ctx, s)
}

func (e *env) takeNodes(ctx context.Context, s snapshot) error {
	list, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list nodes: %w", err)
	}
	for _, n := range list.Items {
		name := "node " + n.Name + " "
		s[name+"unschedulable"] = fmt.Sprint(n.Spec.Unschedulable)
		s[name+"labels"] = sorted(n.Labels)
		s[name+"annotations"] = sorted(n.Annotations)
		s[name+"kubelet"] = n.Status.NodeInfo.KubeletVersion
		s[name+"ready"] = fmt.Sprint(nodeReady(&n))
		var taints []string
		for _, t := range n.Spec.Taints {
			taints = append(taints, t.ToString())
		}
		slices.Sort(taints)
		s[name+"taints"] = strings.Join(taints, "\n")
	}
	return nil
}

func (e *env) takeNamespaces(ctx context.Context, s snapshot) error {
	list, err := e.client.CoreV1().Namespaces().List(ctx, metav1.ListOptions{})
	if err != nil {
		return fmt.Errorf("list namespaces: %w", err)
	}
	for _, n := range list.Items {
		s["namespace "+n.Name] = string(n.Status.Phase)
	}
	return nil
}

// look is what is asked of each host, by name of the section.
var look = []struct{ name, command string }{
	{"packages", `dpkg-query -W -f '${Package} ${Version} ${Status}\n' kubeadm kubelet kubectl kubernetes-cni cri-tools`},
	{"holds", `apt-mark showhold`},
	{"apt files", `find /etc/apt -type f -exec sha256sum {} + | sort -k 2`},
	{"apt sources", `cat /etc/apt/sources.list.d/*`},
	{"kubernetes files", `find /etc/kubernetes -type f -exec sha256sum {} + | sort -k 2`},
	{"kubelet configuration", `sha256sum /var/lib/kubelet/config.yaml /var/lib/kubelet/kubeadm-flags.env`},
	{"kubelet run", `systemctl show --property InvocationID --value kubelet`},
	{"our units", `systemctl list-units --all --plain --no-legend 'kubectl-upgrade-*'; ls /run/systemd/transient | grep '^kubectl-upgrade-' || true`},
	{"our files", `ls -A ` + workDir + ` 2>/dev/null || true`},
}

const divider = "==== "

// takeHosts asks each host everything at once: a command on a node costs more than what it does.
func (e *env) takeHosts(ctx context.Context, s snapshot) error {
	var script strings.Builder
	for _, l := range look {
		fmt.Fprintf(&script, "echo '%s%s'\n%s\n", divider, l.name, l.command)
	}
	nodes := e.lab.info.nodes()
	out := make([]string, len(nodes))
	g, ctx := errgroup.WithContext(ctx)
	for i, n := range nodes {
		g.Go(func() (err error) {
			out[i], err = e.lab.feed(ctx, n, strings.NewReader(script.String()), "sh", "-e")
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return fmt.Errorf("look at hosts: %w", err)
	}
	for i, n := range nodes {
		for _, part := range strings.Split("\n"+out[i], "\n"+divider)[1:] {
			name, text, _ := strings.Cut(part, "\n")
			s["host "+n+" "+name] = strings.TrimSpace(text)
		}
	}
	return nil
}

// clean tells of what our product must never leave behind.
func (s snapshot) clean() error {
	var left []string
	for _, k := range slices.Sorted(maps.Keys(s)) {
		ours := strings.HasSuffix(k, " our units") || strings.HasSuffix(k, " our files")
		if ours && s[k] != "" || k == "namespace "+agentNamespace || k == "ConfigMap "+lockName {
			left = append(left, fmt.Sprintf("%s: %s", k, s[k]))
		}
	}
	if len(left) > 0 {
		return fmt.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	return nil
}

// recorded tells whether the cluster has a record of an upgrade that is not finished.
func (s snapshot) recorded() bool {
	_, ok := s["ConfigMap "+recordName]
	return ok
}

// diff says what is not as before, line by line; nothing is an empty string.
func (s snapshot) diff(after snapshot) string {
	keys := map[string]bool{}
	for k := range s {
		keys[k] = true
	}
	for k := range after {
		keys[k] = true
	}
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		was, had := s[k]
		is, has := after[k]
		switch {
		case !has:
			fmt.Fprintf(&b, "%s is gone (was %q)\n", k, was)
		case !had:
			fmt.Fprintf(&b, "%s is new: %q\n", k, is)
		case was != is:
			fmt.Fprintf(&b, "%s:\n", k)
			lines(&b, "  - ", was, is)
			lines(&b, "  + ", is, was)
		}
	}
	return b.String()
}

// lines writes the lines of one text that the other lacks.
func lines(b *strings.Builder, mark, of, not string) {
	other := strings.Split(not, "\n")
	for _, l := range strings.Split(of, "\n") {
		if !slices.Contains(other, l) {
			b.WriteString(mark + l + "\n")
		}
	}
}

func sorted(m map[string]string) string {
	var b strings.Builder
	for _, k := range slices.Sorted(maps.Keys(m)) {
		fmt.Fprintf(&b, "%s: %s\n", k, m[k])
	}
	return b.String()
}

func nodeReady(n *corev1.Node) bool {
	for _, c := range n.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// settled waits until the state is again what it was: after a hazard was taken away, the cluster needs a moment.
func (e *env) settled(ctx context.Context, want snapshot, ignore ...string) error {
	var last string
	err := poll(ctx, 2*time.Minute, "the cluster to be as before", func(ctx context.Context) (bool, error) {
		now, err := e.take(ctx)
		if err != nil {
			return false, err
		}
		last = want.without(ignore...).diff(now.without(ignore...))
		return last == "", nil
	})
	if err != nil {
		return fmt.Errorf("%w; it is not:\n%s", err, last)
	}
	return nil
}

// without leaves out everything whose name ends in one of the words.
func (s snapshot) without(suffixes ...string) snapshot {
	out := maps.Clone(s)
	for _, suffix := range suffixes {
		maps.DeleteFunc(out, func(k, _ string) bool { return strings.HasSuffix(k, suffix) })
	}
	return out
}
