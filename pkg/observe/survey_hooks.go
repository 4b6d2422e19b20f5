package observe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// crd is the part of a CustomResourceDefinition that all its versions share.
type crd struct {
	Metadata objectMeta `json:"metadata"`
	Spec     struct {
		Version  string `json:"version"` // before versions became a list
		Versions []struct {
			Name string `json:"name"`
		} `json:"versions"`
		Conversion *struct {
			Webhook *struct {
				ClientConfig clientConfig `json:"clientConfig"`
			} `json:"webhook"`
			// WebhookClientConfig is v1beta1's.
			WebhookClientConfig *clientConfig `json:"webhookClientConfig"`
		} `json:"conversion"`
	} `json:"spec"`
	Status struct {
		StoredVersions []string `json:"storedVersions"`
	} `json:"status"`
}

type clientConfig struct {
	Service *struct {
		Namespace string `json:"namespace"`
		Name      string `json:"name"`
	} `json:"service"`
}

// crdsPage is small: their schemas are large.
const crdsPage = 50

func (s *survey) crds(ctx context.Context) error {
	see := func(d crd) {
		out := cluster.CRD{Name: d.Metadata.Name, Stored: d.Status.StoredVersions}
		for _, v := range d.Spec.Versions {
			out.Versions = append(out.Versions, v.Name)
		}
		if len(out.Versions) == 0 && d.Spec.Version != "" {
			out.Versions = []string{d.Spec.Version}
		}
		if c := d.Spec.Conversion; c != nil {
			at := c.WebhookClientConfig
			if c.Webhook != nil {
				at = &c.Webhook.ClientConfig
			}
			if at != nil && at.Service != nil {
				out.Conversion = at.Service.Namespace + "/" + at.Service.Name
			}
		}
		s.CRDs = append(s.CRDs, out)
	}
	err := each(ctx, s, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", "application/json", crdsPage, see)
	if apierrors.IsNotFound(err) { // before 1.16
		err = each(ctx, s, "/apis/apiextensions.k8s.io/v1beta1/customresourcedefinitions", "application/json", crdsPage, see)
	}
	if err != nil {
		return err
	}
	var errs []error
	for i := range s.CRDs {
		if d := &s.CRDs[i]; d.Conversion != "" {
			namespace, name, _ := strings.Cut(d.Conversion, "/")
			d.Ready, _, err = s.ready(ctx, namespace, name)
			if err != nil {
				d.Ready = -1
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// hook is what both kinds of webhooks have in common.
type hook struct {
	Configuration string
	admissionregistrationv1.ValidatingWebhook
}

func (s *survey) webhooks(ctx context.Context) error {
	hooks, err := s.listWebhooks(ctx)
	if err != nil {
		return err
	}
	if len(hooks) == 0 {
		return nil
	}
	ns, err := s.client.CoreV1().Namespaces().Get(ctx, metav1.NamespaceSystem, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get namespace %q: %w", metav1.NamespaceSystem, err)
	}
	var errs []error
	for _, h := range hooks {
		out, err := seen(h, ns.Labels)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if h.ClientConfig.Service != nil {
			out.Service = h.ClientConfig.Service.Namespace + "/" + h.ClientConfig.Service.Name
			if out.Ready, out.Hosts, err = s.ready(ctx, h.ClientConfig.Service.Namespace, h.ClientConfig.Service.Name); err != nil {
				out.Ready, out.Hosts = -1, -1
				errs = append(errs, err)
			}
		}
		s.Webhooks = append(s.Webhooks, out)
	}
	return errors.Join(errs...)
}

// listWebhooks reads both kinds. Before 1.16 there is v1beta1 alone, whose fields mean the same.
func (s *survey) listWebhooks(ctx context.Context) ([]hook, error) {
	var out []hook
	for _, r := range []struct{ resource, kind string }{
		{"mutatingwebhookconfigurations", "MutatingWebhookConfiguration"}, {"validatingwebhookconfigurations", "ValidatingWebhookConfiguration"},
	} {
		see := func(c struct {
			Metadata objectMeta                                  `json:"metadata"`
			Webhooks []admissionregistrationv1.ValidatingWebhook `json:"webhooks"`
		}) {
			for _, w := range c.Webhooks {
				out = append(out, hook{r.kind + " " + c.Metadata.Name, w})
			}
		}
		err := each(ctx, s, "/apis/admissionregistration.k8s.io/v1/"+r.resource, "application/json", objectsPage, see)
		if apierrors.IsNotFound(err) {
			err = each(ctx, s, "/apis/admissionregistration.k8s.io/v1beta1/"+r.resource, "application/json", objectsPage, see)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// seen judges when a webhook is called. Where labels of the object itself or conditions decide, it is taken for one that is not: nothing is
// claimed that is not so.
func seen(h hook, systemLabels map[string]string) (cluster.Webhook, error) {
	out := cluster.Webhook{Configuration: h.Configuration, Name: h.Name, Ready: -1, Hosts: -1, ReviewVersions: h.AdmissionReviewVersions,
		Fails: h.FailurePolicy != nil && *h.FailurePolicy == admissionregistrationv1.Fail}
	if h.TimeoutSeconds != nil {
		out.TimeoutSeconds = int(*h.TimeoutSeconds)
	}
	if len(h.MatchConditions) > 0 || h.ObjectSelector != nil && len(h.ObjectSelector.MatchLabels)+len(h.ObjectSelector.MatchExpressions) > 0 {
		return out, nil
	}
	selector := labels.Everything()
	if h.NamespaceSelector != nil {
		var err error
		if selector, err = metav1.LabelSelectorAsSelector(h.NamespaceSelector); err != nil {
			return out, fmt.Errorf("read the namespace selector of %s: %w", h.Configuration, err)
		}
	}
	for _, r := range h.Rules {
		namespaced := r.Scope == nil || *r.Scope != admissionregistrationv1.ClusterScope
		if namespaced && covers(r, admissionregistrationv1.Create, "pods") {
			out.Pods = true
			out.System = out.System || selector.Matches(labels.Set(systemLabels))
		}
		clustered := r.Scope == nil || *r.Scope != admissionregistrationv1.NamespacedScope
		if clustered && (covers(r, admissionregistrationv1.Update, "nodes") || covers(r, admissionregistrationv1.Update, "nodes/status")) {
			out.Nodes = true
		}
	}
	return out, nil
}

// covers tells whether a rule is about something that is done to a resource of the core group.
func covers(r admissionregistrationv1.RuleWithOperations, operation admissionregistrationv1.OperationType, resource string) bool {
	return (slices.Contains(r.Operations, operation) || slices.Contains(r.Operations, admissionregistrationv1.OperationAll)) &&
		(slices.Contains(r.APIGroups, "") || slices.Contains(r.APIGroups, "*")) &&
		(slices.Contains(r.Resources, resource) || slices.Contains(r.Resources, "*") || slices.Contains(r.Resources, "*/*"))
}

func (s *survey) apiServices(ctx context.Context) error {
	type service struct {
		Metadata objectMeta `json:"metadata"`
		Spec     struct {
			Service *struct {
				Namespace string `json:"namespace"`
				Name      string `json:"name"`
			} `json:"service"`
		} `json:"spec"`
		Status struct {
			Conditions []struct {
				Type, Status, Message string
			} `json:"conditions"`
		} `json:"status"`
	}
	see := func(a service) {
		if a.Spec.Service == nil {
			return // served by the API server itself
		}
		out := cluster.APIService{Name: a.Metadata.Name, Service: a.Spec.Service.Namespace + "/" + a.Spec.Service.Name, Cause: "it has not said that it is available"}
		for _, c := range a.Status.Conditions {
			if c.Type == "Available" {
				out.Available, out.Cause = c.Status == "True", c.Message
			}
		}
		s.APIServices = append(s.APIServices, out)
	}
	return each(ctx, s, "/apis/apiregistration.k8s.io/v1/apiservices", "application/json", objectsPage, see)
}
