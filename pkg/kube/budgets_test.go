package kube

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	policyv1beta1 "k8s.io/api/policy/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

func TestBudgetsOfAServerWithoutPolicyV1(t *testing.T) {
	labels := func(l map[string]string) *metav1.LabelSelector { return &metav1.LabelSelector{MatchLabels: l} }
	list := policyv1beta1.PodDisruptionBudgetList{TypeMeta: metav1.TypeMeta{APIVersion: "policy/v1beta1", Kind: "PodDisruptionBudgetList"},
		Items: []policyv1beta1.PodDisruptionBudget{
			{ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: "web"}, Spec: policyv1beta1.PodDisruptionBudgetSpec{Selector: labels(map[string]string{"app": "web"})},
				Status: policyv1beta1.PodDisruptionBudgetStatus{DisruptionsAllowed: 1, ExpectedPods: 2, DesiredHealthy: 1}},
			{ObjectMeta: metav1.ObjectMeta{Namespace: "demo", Name: "nothing"}, Spec: policyv1beta1.PodDisruptionBudgetSpec{Selector: labels(nil)}},
		}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/apis/policy/v1beta1/") {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		if err := json.NewEncoder(w).Encode(list); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	c, err := kubernetes.NewForConfig(&rest.Config{Host: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Budgets(t.Context(), c, metav1.NamespaceAll)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].Name != "web" || got[0].Status.DisruptionsAllowed != 1 || got[0].Status.ExpectedPods != 2 || got[0].Status.DesiredHealthy != 1 {
		t.Fatalf("got %+v", got)
	}
	for i, want := range []bool{true, false} {
		if s, err := metav1.LabelSelectorAsSelector(got[i].Spec.Selector); err != nil || s.Empty() || s.String() != "" != want {
			t.Errorf("%s: selector %q, %v", got[i].Name, s, err)
		}
	}
}
