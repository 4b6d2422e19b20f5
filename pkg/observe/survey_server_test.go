package observe

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hazard"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

// TestSurvey plants on a real API server what only the API server can tell of, and looks.
func TestSurvey(t *testing.T) {
	config := apiserver.Start(t, "--runtime-config=api/all=true", "--feature-gates=StorageVersionMigrator=true")
	client, err := kube.NewForConfig(config, "")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	// It has just started: its hooks run, and it has not put its own address down yet.
	if err := wait.PollUntilContextTimeout(ctx, 100*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		s := &survey{client: client, Survey: &cluster.Survey{}}
		ips, _, err := s.addresses(ctx, metav1.NamespaceDefault, "kubernetes")
		return err == nil && len(ips) == 1 && s.health(ctx) == nil && len(s.Unhealthy) == 0, nil
	}); err != nil {
		t.Fatalf("wait for the API server to be ready: %v", err)
	}
	post := func(path, body string) {
		t.Helper()
		err := client.Discovery().RESTClient().Post().AbsPath(path).Param("fieldManager", "helm").SetHeader("Content-Type", "application/json").Body([]byte(body)).Do(ctx).Error()
		if err != nil {
			t.Fatal(err)
		}
	}
	post("/apis/storage.k8s.io/v1beta1/volumeattributesclasses", `{"metadata":{"name":"fast"},"driverName":"d.example.invalid","parameters":{"a":"b"}}`)
	// What is the only version of a kind depends on the release that the lab has built last: alpha in 1.34, beta in 1.35.
	migration, spec := "v1alpha1", `{"resource":{"group":"apps","version":"v1","resource":"deployments"}}`
	if _, err := client.Discovery().ServerResourcesForGroupVersion("storagemigration.k8s.io/" + migration); err != nil {
		migration, spec = "v1beta1", `{"resource":{"group":"apps","resource":"deployments"}}`
	}
	post("/apis/storagemigration.k8s.io/"+migration+"/storageversionmigrations", `{"metadata":{"name":"old"},"spec":`+spec+`}`)
	post("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", `{"metadata":{"name":"shops.example.invalid"},"spec":{"group":"example.invalid","scope":"Namespaced",
		"names":{"plural":"shops","kind":"Shop"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}],
		"conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"service":{"namespace":"default","name":"nobody"}}}}}}`)
	post("/apis/apiregistration.k8s.io/v1/apiservices", `{"metadata":{"name":"v1.other.invalid"},"spec":{"group":"other.invalid","version":"v1","groupPriorityMinimum":1,"versionPriority":1,
		"insecureSkipTLSVerify":true,"service":{"namespace":"default","name":"nobody"}}}`)
	// It matches nothing that this test does: the server would ask nobody.
	post("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", `{"metadata":{"name":"deny"},"webhooks":[{"name":"deny.example.invalid","admissionReviewVersions":["v1"],
		"sideEffects":"None","failurePolicy":"Fail","timeoutSeconds":3,"rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["pods"]}],
		"clientConfig":{"service":{"namespace":"default","name":"nobody"}}}]}`)
	configs := client.CoreV1().ConfigMaps("kube-system")
	for name, data := range map[string]map[string]string{"kubeadm-config": {"ClusterConfiguration": "kind: ClusterConfiguration"}, "kubelet-config": {"kubelet": "kind: KubeletConfiguration"}} {
		if _, err := configs.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	plantHelm(ctx, t, client)
	if _, err := client.CoreV1().Namespaces().Get(ctx, corev1.NamespaceNodeLease, metav1.GetOptions{}); err != nil {
		t.Fatal(err)
	}
	now, err := client.Now(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for name, at := range map[string]time.Time{"right": now, "ahead": now.Add(2 * time.Minute), "behind": now.Add(-5 * time.Minute)} {
		lease := &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{RenewTime: &metav1.MicroTime{Time: at}}}
		if _, err := client.CoordinationV1().Leases(corev1.NamespaceNodeLease).Create(ctx, lease, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	v := version.MustParse("v1.34.4")
	in := &cluster.Cluster{Kubeadm: cluster.KubeadmConfig{KubernetesVersion: v}, Survey: &cluster.Survey{Nodes: []cluster.NodeLook{{Name: "right"}, {Name: "ahead"}, {Name: "behind"}}}}
	to := v
	to.Minor = 45
	if err := Survey(ctx, client, in, to); err != nil {
		t.Fatal(err)
	}
	s := in.Survey
	for _, u := range s.Unread {
		t.Errorf("not read: %+v", u)
	}
	if i := slices.IndexFunc(s.Stored, func(o cluster.StoredAPI) bool { return o.Kind == "VolumeAttributesClass" }); i < 0 || len(s.Stored[i].Writers) != 1 || s.Stored[i].Writers[0].Manager != "helm" || s.Stored[i].Writers[0].Object != "fast" {
		t.Errorf("the writer of an old version was not found: %+v", s.Stored)
	}
	// The alpha version is dropped as it is; the beta version has a successor, which a later release brings.
	lost := migration == "v1alpha1"
	if i := slices.IndexFunc(s.Stored, func(o cluster.StoredAPI) bool { return o.Kind == "StorageVersionMigration" }); i < 0 || lost != slices.Equal(s.Stored[i].Objects, []string{"old"}) || lost == (len(s.Stored[i].Writers) == 1) {
		t.Errorf("the object of the last version was not found: %+v", s.Stored)
	}
	if !slices.ContainsFunc(s.Requested, func(r cluster.RequestedAPI) bool {
		return r.Group == "storage.k8s.io" && r.Version == "v1beta1" && r.Resource == "volumeattributesclasses" && len(r.Servers) == 1
	}) {
		t.Errorf("the request for an old version was not found: %+v", s.Requested)
	}
	if i := slices.IndexFunc(s.APIs, func(a cluster.ServedAPI) bool { return a.Group == "storage.k8s.io" && a.Version == "v1beta1" }); i < 0 || s.APIs[i].Preferred || !s.APIs[i].Listed {
		t.Errorf("storage.k8s.io/v1beta1 is served and not preferred: %+v", s.APIs)
	}
	if len(s.CRDs) != 1 || s.CRDs[0].Conversion != "default/nobody" || s.CRDs[0].Ready != 0 || !slices.Equal(s.CRDs[0].Versions, []string{"v1"}) {
		t.Errorf("definitions %+v", s.CRDs)
	}
	want := cluster.Webhook{Configuration: "ValidatingWebhookConfiguration deny", Name: "deny.example.invalid", Fails: true, Service: "default/nobody", System: true, Pods: true, TimeoutSeconds: 3, ReviewVersions: []string{"v1"}}
	if len(s.Webhooks) != 1 || s.Webhooks[0].Ready != 0 || s.Webhooks[0].Name != want.Name || !s.Webhooks[0].Fails || !s.Webhooks[0].System || !s.Webhooks[0].Pods || s.Webhooks[0].Nodes {
		t.Errorf("webhooks %+v, want %+v", s.Webhooks, want)
	}
	if len(s.APIServices) != 1 || s.APIServices[0].Available || s.APIServices[0].Name != "v1.other.invalid" || s.APIServices[0].Cause == "" {
		t.Errorf("API services %+v", s.APIServices)
	}
	var keys []string
	for _, c := range s.Configs {
		keys = append(keys, c.ConfigMap+"/"+c.Key)
	}
	if !slices.Equal(keys, []string{"kubeadm-config/ClusterConfiguration", "kubelet-config/kubelet"}) {
		t.Errorf("configurations %v", keys)
	}
	for _, n := range s.Nodes {
		if d := n.ClockAhead; n.Name == "right" && d != 0 || n.Name == "ahead" && (d < time.Minute || d > 2*time.Minute) || n.Name == "behind" && (d > -4*time.Minute || d < -6*time.Minute) {
			t.Errorf("clock of %s is %s off", n.Name, d)
		}
	}
	if len(s.Unhealthy) > 0 {
		t.Errorf("unhealthy: %v", s.Unhealthy)
	}
	if s.Time.IsZero() || len(s.Servers) != 1 {
		t.Errorf("at %s, servers %+v", s.Time, s.Servers)
	}
	checkNearQuota(t, in, v)
	checkForbidden(ctx, t, config)
	checkHelm(t, in, to)
	checkHelmForbidden(ctx, t, config, in, to)
}

// asReader is the client of a user who may do nothing.
func asReader(t *testing.T, config *rest.Config) *kube.Client {
	t.Helper()
	config = rest.CopyConfig(config)
	config.Impersonate = rest.ImpersonationConfig{UserName: "reader"}
	client, err := kube.NewForConfig(config, "")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// checkForbidden: who may not list something is told of it in the API server's own words.
func checkForbidden(ctx context.Context, t *testing.T, config *rest.Config) {
	t.Helper()
	client := asReader(t, config)
	s := &survey{client: client, Survey: &cluster.Survey{}}
	err := s.all(ctx, []part{{"definitions of custom resources", s.crds, false}})
	if err != nil || len(s.Unread) != 1 || !strings.Contains(s.Unread[0].Cause, `User "reader" cannot list resource "customresourcedefinitions"`) {
		t.Errorf("not read %+v, %v", s.Unread, err)
	}
}

// checkNearQuota wants the size of a real database told, and held against what its etcd would be told.
func checkNearQuota(t *testing.T, in *cluster.Cluster, to version.Version) {
	t.Helper()
	d := in.Survey.Databases
	if len(d) != 1 || d[0].Server == "" || d[0].Etcd != "etcd-0" || d[0].Bytes < 16<<10 || d[0].Bytes > 1<<30 {
		t.Fatalf("databases %+v", d)
	}
	for quota, want := range map[int64]bool{0: false, d[0].Bytes * 2: false, d[0].Bytes * 10 / 9: true} {
		told := *in
		survey := *in.Survey
		told.Survey = &survey
		survey.Components = []cluster.Component{{Node: "cp-1", Name: "etcd", Flags: []cluster.Flag{{Name: "quota-backend-bytes", Value: strconv.FormatInt(quota, 10)}}}}
		found := slices.ContainsFunc(hazard.Find(hazard.Facts{Cluster: &told, To: to}), func(h hazard.Found) bool { return h.ID == "etcd-near-quota" })
		if found != want {
			t.Errorf("a quota of %d for %d bytes: found %t", quota, d[0].Bytes, found)
		}
	}
}

// TestSeenWebhooks: when a webhook is called is read from its rules and selectors, and nothing is claimed where conditions decide.
func TestSeenWebhooks(t *testing.T) {
	rule := func(group, resource string) admissionregistrationv1.RuleWithOperations {
		return admissionregistrationv1.RuleWithOperations{Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.OperationAll},
			Rule: admissionregistrationv1.Rule{APIGroups: []string{group}, Resources: []string{resource}}}
	}
	deleted := rule("*", "*")
	deleted.Operations = []admissionregistrationv1.OperationType{admissionregistrationv1.Delete}
	system := map[string]string{"kubernetes.io/metadata.name": "kube-system"}
	except := &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "kubernetes.io/metadata.name", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"kube-system"}}}}
	for name, tt := range map[string]struct {
		hook                admissionregistrationv1.ValidatingWebhook
		pods, system, nodes bool
	}{
		"pods":               {admissionregistrationv1.ValidatingWebhook{Rules: []admissionregistrationv1.RuleWithOperations{rule("", "pods")}}, true, true, false},
		"everything":         {admissionregistrationv1.ValidatingWebhook{Rules: []admissionregistrationv1.RuleWithOperations{rule("*", "*/*")}}, true, true, true},
		"what is deleted":    {admissionregistrationv1.ValidatingWebhook{Rules: []admissionregistrationv1.RuleWithOperations{deleted}}, false, false, false},
		"deployments":        {admissionregistrationv1.ValidatingWebhook{Rules: []admissionregistrationv1.RuleWithOperations{rule("apps", "deployments")}}, false, false, false},
		"without the system": {admissionregistrationv1.ValidatingWebhook{NamespaceSelector: except, Rules: []admissionregistrationv1.RuleWithOperations{rule("", "pods")}}, true, false, false},
		"by labels of pods": {admissionregistrationv1.ValidatingWebhook{ObjectSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"a": "b"}},
			Rules: []admissionregistrationv1.RuleWithOperations{rule("", "pods")}}, false, false, false},
		"on a condition": {admissionregistrationv1.ValidatingWebhook{MatchConditions: []admissionregistrationv1.MatchCondition{{Name: "c", Expression: "false"}}, Rules: []admissionregistrationv1.RuleWithOperations{rule("", "pods")}}, false, false, false},
	} {
		got, err := seen(hook{"ValidatingWebhookConfiguration x", tt.hook}, system)
		if err != nil || got.Pods != tt.pods || got.System != tt.system || got.Nodes != tt.nodes {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

// TestWantedLabels: a label that only one of several terms wants is not needed.
func TestWantedLabels(t *testing.T) {
	term := func(keys ...string) corev1.NodeSelectorTerm {
		var out corev1.NodeSelectorTerm
		for _, k := range keys {
			out.MatchExpressions = append(out.MatchExpressions, corev1.NodeSelectorRequirement{Key: k, Operator: corev1.NodeSelectorOpExists})
		}
		return out
	}
	for name, tt := range map[string]struct {
		terms []corev1.NodeSelectorTerm
		want  []string
	}{
		"one":    {[]corev1.NodeSelectorTerm{term("master", "ssd")}, []string{"master", "ssd"}},
		"either": {[]corev1.NodeSelectorTerm{term("master", "ssd"), term("control-plane", "ssd")}, []string{"ssd"}},
		"none":   {nil, nil},
	} {
		if got := wanted(tt.terms); !slices.Equal(got, tt.want) {
			t.Errorf("%s: got %v, want %v", name, got, tt.want)
		}
	}
}

// TestSurveyedPods: pods of one workload are told of once, and static pods with what they are told.
func TestSurveyedPods(t *testing.T) {
	yes := true
	pod := func(name string, change func(*corev1.Pod)) corev1.Pod {
		p := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"pod-template-hash": "abc"},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-abc", Controller: &yes}}}}
		p.Spec.Containers = []corev1.Container{{Image: "k8s.gcr.io/x:1"}}
		change(&p)
		return p
	}
	all := map[string][]corev1.Pod{
		"w-1": {pod("web-abc-1", func(p *corev1.Pod) {
			p.Spec.NodeSelector = map[string]string{"node-role.kubernetes.io/master": ""}
			p.Spec.Volumes = []corev1.Volume{{VolumeSource: corev1.VolumeSource{GitRepo: &corev1.GitRepoVolumeSource{}}},
				{VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data"}}}}
		})},
		"w-2": {pod("web-abc-2", func(p *corev1.Pod) { p.Spec.Tolerations = []corev1.Toleration{{Operator: corev1.TolerationOpExists}} }),
			pod("done", func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded })},
		"cp-1": {pod("kube-apiserver-cp-1", func(p *corev1.Pod) {
			p.Namespace, p.OwnerReferences = "kube-system", nil
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
			p.Labels = map[string]string{"tier": "control-plane", "component": "kube-apiserver"}
			p.Spec.Containers[0].Command = []string{"kube-apiserver", "--secure-port=6443", "--allow_privileged", "--v", "2"}
			p.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "ETCD_QUOTA_BACKEND_BYTES", Value: "8589934592"}, {Name: "GOGC", Value: "50"},
				{Name: "ETCD_NAME", ValueFrom: &corev1.EnvVarSource{}}}
		})},
	}
	s := surveyed(nil, all, map[string]string{"shop/data": "rbd"})
	if len(s.Components) != 1 || s.Components[0].Node != "cp-1" || !slices.Equal(s.Components[0].Flags,
		[]cluster.Flag{{Name: "secure-port", Value: "6443"}, {Name: "allow-privileged", Value: "true"}, {Name: "v", Value: "2"}}) {
		t.Errorf("components %+v", s.Components)
	}
	if want := []cluster.Flag{{Name: "ETCD_QUOTA_BACKEND_BYTES", Value: "8589934592"}}; !slices.Equal(s.Components[0].Env, want) {
		t.Errorf("environment %+v", s.Components[0].Env)
	}
	i := slices.IndexFunc(s.Workloads, func(w cluster.Workload) bool { return w.Kind == "Deployment" && w.Name == "web" })
	if len(s.Workloads) != 2 || i < 0 {
		t.Fatalf("workloads %+v", s.Workloads)
	}
	w := s.Workloads[i]
	if w.Pods != 2 || !slices.Equal(w.Nodes, []string{"w-1", "w-2"}) || !slices.Equal(w.Volumes, []string{"gitRepo", "persistentVolumeClaim", "rbd"}) || !slices.Equal(w.Tolerates, []string{"*"}) ||
		!slices.Equal(w.Selects, []string{"node-role.kubernetes.io/master"}) || strings.Join(w.Images, "") != "k8s.gcr.io/x:1" {
		t.Errorf("workload %+v", w)
	}
}
