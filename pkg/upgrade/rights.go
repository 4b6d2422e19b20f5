package upgrade

import (
	"context"

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

// rights blocks, naming every right that the operator lacks.
func (u *Upgrade) rights(ctx context.Context, p *Prepared) (*BlockedError, error) {
	missing, err := u.client.Missing(ctx, Rights(u.opts.Plan.DisableEviction))
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
