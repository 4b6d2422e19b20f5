package main

import (
	"context"
	"fmt"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// agentRows are clusters that do not let the agent run.
func agentRows(e *env) []row {
	missing := e.lab.info.Registry.Pull + "/host-agent:no-such-tag"
	return []row{
		{name: "agent image not pullable", code: 2, words: []string{missing, `node "w-1"`}, hazard: func(_ context.Context, _ *env, c *call) (undo, error) {
			c.args[len(c.args)-1] = "--agent-image=" + missing
			return nil, nil
		}},
		{name: "admission policy refuses the agent", code: 2, words: []string{"no-host-paths", "host paths are forbidden here"}, hazard: policyRefuses},
		{name: "webhook refuses the agent", code: 2, words: []string{"gone.webhook.example"}, hazard: webhookRefuses},
		{name: "Pod Security refuses the agent", code: 2, words: []string{"PodSecurity", "restricted"}, hazard: podSecurityRefuses},
		{name: "agent not scheduled", args: []string{"cluster", "--to", e.target(), "--yes", "--agent-timeout=8s"}, code: 2,
			words: []string{`node "w-1"`, "not scheduled", "anti-affinity"}, hazard: agentNotScheduled},
	}
}

// policyRefuses has the API server itself deny host paths in the agent's namespace.
func policyRefuses(ctx context.Context, e *env, _ *call) (undo, error) {
	const name = "no-host-paths"
	fail := admissionregistrationv1.Fail
	policies, bindings := e.client.AdmissionregistrationV1().ValidatingAdmissionPolicies(), e.client.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings()
	back := func(ctx context.Context) error {
		if err := bindings.Delete(ctx, name, metav1.DeleteOptions{}); err != nil {
			return err
		}
		return policies.Delete(ctx, name, metav1.DeleteOptions{})
	}
	_, err := policies.Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: &fail,
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: agentsNamespace(),
				ResourceRules:     []admissionregistrationv1.NamedRuleWithOperations{{RuleWithOperations: podCreation()}},
			},
			Validations: []admissionregistrationv1.Validation{{
				Expression: "!has(object.spec.volumes) || object.spec.volumes.all(v, !has(v.hostPath))",
				Message:    "host paths are forbidden here",
			}},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create policy: %w", err)
	}
	_, err = bindings.Create(ctx, &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return back, fmt.Errorf("bind policy: %w", err)
	}
	return back, e.refusesHostPaths(ctx)
}

// webhookRefuses registers a webhook whose server is away, as they are when nodes go.
func webhookRefuses(ctx context.Context, e *env, _ *call) (undo, error) {
	const name = "gone.webhook.example"
	fail, none := admissionregistrationv1.Fail, admissionregistrationv1.SideEffectClassNone
	url := "https://127.0.0.1:1/validate"
	hooks := e.client.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	back := func(ctx context.Context) error { return hooks.Delete(ctx, name, metav1.DeleteOptions{}) }
	_, err := hooks.Create(ctx, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: name, FailurePolicy: &fail, SideEffects: &none, AdmissionReviewVersions: []string{"v1"},
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url}, NamespaceSelector: agentsNamespace(),
			Rules: []admissionregistrationv1.RuleWithOperations{podCreation()},
		}},
	}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create webhook: %w", err)
	}
	return back, e.refusesHostPaths(ctx)
}

// podSecurityRefuses prepares the agent's namespace as an administrator does who enforces the strictest level everywhere.
func podSecurityRefuses(ctx context.Context, e *env, _ *call) (undo, error) {
	_, err := e.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: agentNamespace, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "restricted"},
	}}, metav1.CreateOptions{})
	if err != nil {
		return nil, fmt.Errorf("create namespace: %w", err)
	}
	return e.removeAgentNamespace, nil
}

func agentsNamespace() *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": agentNamespace}}
}

func podCreation() admissionregistrationv1.RuleWithOperations {
	return admissionregistrationv1.RuleWithOperations{
		Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
		Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
	}
}
