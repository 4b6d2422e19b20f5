package hazard

import (
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const (
	crdVersions    = "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/"
	goodHooks      = "https://kubernetes.io/docs/concepts/cluster-administration/admission-webhooks-good-practices/"
	aggregation    = "https://kubernetes.io/docs/concepts/extend-kubernetes/api-extension/apiserver-aggregation/"
	admissionsDocs = "https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/"
)

var crdRows = []Hazard{
	{ID: "crd-stored-version-gone", Severity: Skippable, Source: crdVersions,
		Title:    "objects may lie in etcd in a version that their definition has no more: they can be neither read nor converted",
		Evidence: "CRD %s has stored %s, and defines %s", Fix: "put the version back, write every object once, and take the old version out of status.storedVersions",
		find: crds(func(d cluster.CRD) []Offender {
			var gone []string
			for _, v := range d.Stored {
				if !slices.Contains(d.Versions, v) {
					gone = append(gone, v)
				}
			}
			if len(gone) == 0 {
				return nil
			}
			return []Offender{{d.Name, listed(gone), listed(d.Versions)}}
		})},
	{ID: "crd-conversion-down", Severity: Skippable, Source: crdVersions,
		Title:    "nothing converts between the versions of these resources: whoever asks for them gets an error, the garbage collector and the deletion of namespaces among them",
		Evidence: "CRD %s: its service %s has no ready endpoint", Fix: "bring the service up again",
		find: crds(func(d cluster.CRD) []Offender {
			if d.Conversion == "" || d.Ready != 0 {
				return nil
			}
			return []Offender{{d.Name, d.Conversion}}
		})},
}

func crds(judge func(cluster.CRD) []Offender) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, d := range f.Cluster.Survey.CRDs {
			out = append(out, judge(d)...)
		}
		return out
	}
}

var hookRows = []Hazard{
	{ID: "webhook-down", Severity: Skippable, Source: goodHooks,
		Title:    "a webhook that has to answer for pods does not: no pod that is drained comes up again",
		Evidence: "%s: webhook %s refuses what its service %s does not answer, and it has no ready endpoint",
		Fix:      "bring the service up again, or take the configuration out for the time of the upgrade",
		find: hooks(func(h cluster.Webhook) bool { return h.Fails && h.Pods && h.Ready == 0 }, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, h.Service}
		})},
	{ID: "webhook-system-down", Severity: Mandatory, Etcd: true, Source: goodHooks,
		Title:    "a webhook that has to answer for pods of kube-system does not: the kubelet cannot announce the new static pods, and kubeadm takes the old ones back after five minutes",
		Evidence: "%s: webhook %s is called for pods in kube-system, and its service %s has no ready endpoint",
		Fix:      "leave namespace kube-system out with its namespaceSelector, or bring the service up again",
		find: hooks(func(h cluster.Webhook) bool { return h.Fails && h.System && h.Ready == 0 }, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, h.Service}
		})},
	{ID: "webhook-system-on-one-node", Severity: Advice, Source: goodHooks,
		Title:    "a webhook that has to answer for pods of kube-system runs on one node: while that is drained, no such pod can be made",
		Evidence: "%s: webhook %s, whose service %s is on one node only",
		Fix:      "leave namespace kube-system out with its namespaceSelector, or run the service on two nodes",
		find: hooks(func(h cluster.Webhook) bool { return h.Fails && h.System && h.Ready > 0 && h.Hosts == 1 }, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, h.Service}
		})},
	{ID: "webhook-on-one-node", Severity: Advice, Source: goodHooks,
		Title:    "a webhook that has to answer for pods runs on one node: while that is drained, no pod can be made",
		Evidence: "%s: webhook %s, whose service %s is on one node only", Fix: "run the service on two nodes, with an anti-affinity",
		find: hooks(func(h cluster.Webhook) bool { return h.Fails && h.Pods && !h.System && h.Ready > 0 && h.Hosts == 1 }, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, h.Service}
		})},
	{ID: "webhook-nodes-down", Severity: Mandatory, Source: goodHooks,
		Title:    "a webhook that has to answer for nodes does not: no node can be cordoned, and kubelets cannot tell how they are",
		Evidence: "%s: webhook %s is called for nodes, and its service %s has no ready endpoint", Fix: "bring the service up again, or take nodes out of its rules",
		find: hooks(func(h cluster.Webhook) bool { return h.Fails && h.Nodes && h.Ready == 0 }, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, h.Service}
		})},
	// API servers up to 1.37 go on to send v1beta1 to who asks for it: apiserver's pkg/admission/plugin/webhook/request/admissionreview.go.
	{ID: "webhook-review-v1beta1", Since: "1.22", Severity: Advice, Source: admissionsDocs,
		Title:    "a webhook understands only AdmissionReview v1beta1: it goes on to be called, but what installs it may know no other configuration API than v1beta1, which ends with 1.22",
		Evidence: "%s: webhook %s understands %s", Fix: "upgrade the webhook to one that understands v1",
		find: hooks(func(h cluster.Webhook) bool {
			return len(h.ReviewVersions) > 0 && !slices.Contains(h.ReviewVersions, "v1")
		}, func(h cluster.Webhook) Offender {
			return Offender{h.Configuration, h.Name, listed(h.ReviewVersions)}
		})},
	{ID: "apiservice-down", Severity: Skippable, Source: aggregation,
		Title:    "a part of the API is served by a server that does not answer: namespaces are not deleted, and who discovers the API gets errors",
		Evidence: "APIService %s (service %s): %s", Fix: "bring the service up again, or delete the APIService",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, a := range f.Cluster.Survey.APIServices {
				if !a.Available {
					out = append(out, Offender{a.Name, a.Service, a.Cause})
				}
			}
			return out
		}},
}

func hooks(bad func(cluster.Webhook) bool, say func(cluster.Webhook) Offender) func(Facts) []Offender {
	return func(f Facts) []Offender {
		var out []Offender
		for _, h := range f.Cluster.Survey.Webhooks {
			if bad(h) {
				out = append(out, say(h))
			}
		}
		return out
	}
}
