package upgrade

import (
	"context"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/agent"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// Rights are all that an upgrade, an upgrade of etcd or an abort asks of the API server. docs/permissions.md has the same list.
// A drain that deletes pods instead of evicting them needs one more.
func Rights(disableEviction bool) []kube.Access {
	all := func(group, resource, subresource, namespace string, verbs ...string) []kube.Access {
		var out []kube.Access
		for _, v := range verbs {
			out = append(out, kube.Access{Verb: v, Group: group, Resource: resource, Subresource: subresource, Namespace: namespace})
		}
		return out
	}
	var deletion []string
	if disableEviction {
		deletion = append(deletion, "delete")
	}
	var out []kube.Access
	for _, a := range [][]kube.Access{
		all("", "nodes", "", "", "get", "list", "patch"),
		all("", "pods", "", "", "get", "list"),
		all("", "pods", "", "", deletion...),
		all("", "pods", "eviction", "", "create"),
		// A drain gets the owner of every DaemonSet pod that it passes by (daemonSetFilter in k8s.io/kubectl/pkg/drain).
		all("apps", "daemonsets", "", "", "get"),
		all("policy", "poddisruptionbudgets", "", "", "list"),
		all("", "persistentvolumes", "", "", "list"),
		all("", "configmaps", "", "kube-system", "get", "create", "update", "delete"),
		all("apps", "deployments", "", "kube-system", "get"),
		all("", "namespaces", "", "", "get", "create", "delete"),
		all("apps", "daemonsets", "", agent.Namespace, "create", "delete"),
		all("", "pods", "", agent.Namespace, "create"),
		// WebSockets ask for get, SPDY for create, and newer servers for create in both cases.
		all("", "pods", "exec", agent.Namespace, "get", "create"),
		all("", "events", "", agent.Namespace, "list"),
	} {
		out = append(out, a...)
	}
	return out
}

// RightsToCheck are what a check asks for. What it looks at beside these it does without where it may not.
func RightsToCheck(hosts bool) []kube.Access {
	const system = metav1.NamespaceSystem
	out := []kube.Access{
		{Verb: "list", Resource: "nodes"},
		{Verb: "list", Resource: "pods"},
		{Verb: "list", Group: "policy", Resource: "poddisruptionbudgets"},
		{Verb: "list", Resource: "persistentvolumes"},
		{Verb: "get", Resource: "namespaces", Namespace: system},
		{Verb: "get", Resource: "configmaps", Namespace: system},
		{Verb: "get", Group: "apps", Resource: "daemonsets", Namespace: system},
		{Verb: "get", Group: "apps", Resource: "deployments", Namespace: system},
	}
	if !hosts {
		return out
	}
	// The lock and the agent. Nothing is cordoned, and nothing evicted.
	for _, a := range Rights(false) {
		ofRun := a.Namespace == agent.Namespace || a.Resource == "configmaps" || a.Resource == "namespaces" || a.Resource == "daemonsets"
		if ofRun && !slices.Contains(out, a) {
			out = append(out, a)
		}
	}
	return out
}

// rights blocks, naming every right that the operator lacks.
func (u *Upgrade) rights(ctx context.Context, p *Prepared) (*BlockedError, error) {
	return u.lacking(ctx, p, Rights(u.opts.Plan.DisableEviction))
}

// lacking blocks, naming every one of some rights that the operator lacks.
func (u *Upgrade) lacking(ctx context.Context, p *Prepared, need []kube.Access) (*BlockedError, error) {
	missing, err := u.client.Missing(ctx, need)
	if err != nil {
		return nil, err
	}
	if len(missing) == 0 {
		return nil, nil
	}
	for _, a := range missing {
		p.Findings = append(p.Findings, preflight.Finding{
			ID: "rights", Severity: preflight.Error, Object: "this kubeconfig's user", Message: "it may not " + a.String(),
			Fix: "use credentials that may; all rights needed are listed in docs/permissions.md",
		})
	}
	return p.block(), nil
}
