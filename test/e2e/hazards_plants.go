package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"
)

// plants are the offenders, those first that restart something, and the webhook last: it keeps pods of kube-system from being made.
func plants() []planted {
	return []planted{
		{id: "flag-kubelet-register-schedulable", names: []string{`node "w-1"`, "/etc/default/kubelet", "--register-schedulable=true"}, plant: kubeletFlag, host: true},
		{id: "certificate-ends", names: []string{`node "cp-1"`, "/etc/kubernetes/pki/old.crt"}, plant: oldCertificate, host: true},
		{id: "manifest-only-flag", names: []string{"kube-apiserver", `node "cp-1"`, "--runtime-config=admissionregistration.k8s.io/v1beta1=true"}, plant: oldAPIs},
		{id: "api-written-admissionregistration.k8s.io-v1beta1-validatingadmissionpolicy", names: []string{"old-policy", "old-client"},
			plant: object("/apis/admissionregistration.k8s.io/v1beta1/validatingadmissionpolicies", oldPolicy)},
		{id: "api-requested-admissionregistration.k8s.io-v1beta1-validatingadmissionpolicy", names: []string{"validatingadmissionpolicies", ":6443"}, plant: nothing},
		{id: "helm-release-removed-api", names: []string{"default/web", "admissionregistration.k8s.io/v1beta1 ValidatingAdmissionPolicy (old-policy)"}, plant: helmRelease},
		{id: "manifests-differ", names: []string{"kube-apiserver", "profiling", "true", "false"}, plant: inClusterConfiguration("apiServer", "profiling", "true")},
		{id: "gate-legacysidecarcontainers", names: []string{"kubeadm-config, scheduler.extraArgs", "LegacySidecarContainers"}, plant: inClusterConfiguration("scheduler", "feature-gates", "LegacySidecarContainers=true")},
		{id: "gate-deviceplugincdidevices", names: []string{"kubelet-config", "DevicePluginCDIDevices"}, plant: kubeletGate},
		{id: "gate-kubeadm-waitforallcontrolplanecomponents-locked", names: []string{"kubeadm-config, featureGates", "false"}, plant: kubeadmGate},
		{id: "apiservice-down", names: []string{"v1.example.invalid", "default/nobody"}, plant: object("/apis/apiregistration.k8s.io/v1/apiservices", deadAPIService)},
		{id: "crd-conversion-down", names: []string{"shops.example.invalid", "default/nobody"}, plant: object("/apis/apiextensions.k8s.io/v1/customresourcedefinitions", deadConversion)},
		{id: "label-master-gone", names: []string{"Deployment default/old-label"}, plant: object("/apis/apps/v1/namespaces/default/deployments", deployment("old-label", "", "nodeSelector: {node-role.kubernetes.io/master: ''}"))},
		{id: "registry-frozen", names: []string{"Deployment default/old-registry", "k8s.gcr.io/pause:3.1"}, plant: object("/apis/apps/v1/namespaces/default/deployments", deployment("old-registry", "k8s.gcr.io/pause:3.1", ""))},
		{id: "apparmor-annotation", names: []string{"Deployment default/old-registry"}, plant: nothing},
		{id: "single-replica", names: []string{"Deployment default/alone"}, plant: running("alone", "")},
		{id: "pod-stuck", names: []string{"pod default/tied"}, plant: running("tied", "nodeSelector: {kubernetes.io/hostname: w-1}")},
		{id: "pdb-two", names: []string{"pod default/twice", "first", "second"}, plant: twoBudgets},
		{id: "pdb-never", names: []string{"PDB default/alone"}, plant: object("/apis/policy/v1/namespaces/default/poddisruptionbudgets", neverBudget)},
		{id: "bare-pod", names: []string{"pod default/bare"}, plant: barePod},
		{id: "emptydir-data", names: []string{"pod default/bare"}, plant: nothing},
		{id: "package-pinned", names: []string{`node "w-1"`, "package kubelet", "/etc/apt/preferences.d/keep-kubelet"}, plant: pin, host: true},
		{id: "node-cordoned", names: []string{`node "w-2"`}, plant: cordoned},
		{id: "dns-down", names: []string{"kube-system/kube-dns"}, plant: noDNS},
		{id: "webhook-on-one-node", names: []string{"ask.example.invalid", "default/alone"}, plant: loneWebhook},
		{id: "webhook-down", names: []string{"deny.example.invalid", "default/nobody"}, plant: nothing},
		{id: "webhook-system-down", names: []string{"deny.example.invalid", "default/nobody"}, plant: object("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", deadWebhook)},
	}
}

// nothing is for what an offender beside it makes.
func nothing(context.Context, *env) (undo, error) { return nil, nil }

// object makes an object, as a client that names itself old-client, and deletes it again.
func object(path, text string) func(context.Context, *env) (undo, error) {
	return func(ctx context.Context, e *env) (undo, error) {
		body, err := yaml.YAMLToJSON([]byte(text))
		if err != nil {
			return nil, err
		}
		var meta metav1.PartialObjectMetadata
		if err := yaml.Unmarshal(body, &meta); err != nil {
			return nil, err
		}
		rest := e.client.Discovery().RESTClient()
		back := func(ctx context.Context) error {
			err := rest.Delete().AbsPath(path, meta.Name).Do(ctx).Error()
			if apierrors.IsNotFound(err) {
				return nil
			}
			return err
		}
		return back, rest.Post().AbsPath(path).Param("fieldManager", "old-client").SetHeader("Content-Type", "application/json").Body(body).Do(ctx).Error()
	}
}

const oldPolicy = `
apiVersion: admissionregistration.k8s.io/v1beta1
kind: ValidatingAdmissionPolicy
metadata: {name: old-policy}
spec:
  failurePolicy: Ignore
  matchConstraints:
    resourceRules: [{apiGroups: [example.invalid], apiVersions: ["*"], operations: [CREATE], resources: [nothings]}]
  validations: [{expression: "true"}]
`

// helmRelease makes the Secret in which Helm would keep a release that has installed the old policy.
func helmRelease(ctx context.Context, e *env) (undo, error) {
	text, err := json.Marshal(map[string]any{"name": "web", "version": 1, "manifest": "---\n# Source: web/templates/policy.yaml" + oldPolicy})
	if err != nil {
		return nil, err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	release := base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString(packed.Bytes())))
	return object("/api/v1/namespaces/default/secrets", `
apiVersion: v1
kind: Secret
metadata: {name: sh.helm.release.v1.web.v1, namespace: default, labels: {owner: helm, name: web, status: deployed, version: "1"}}
type: helm.sh/release.v1
data: {release: `+release+`}
`)(ctx, e)
}

const deadAPIService = `
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.example.invalid}
spec:
  group: example.invalid
  version: v1
  groupPriorityMinimum: 100
  versionPriority: 100
  insecureSkipTLSVerify: true
  service: {namespace: default, name: nobody}
`

const deadConversion = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: shops.example.invalid}
spec:
  group: example.invalid
  scope: Namespaced
  names: {plural: shops, singular: shop, kind: Shop, listKind: ShopList}
  versions:
  - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}
  conversion:
    strategy: Webhook
    webhook:
      conversionReviewVersions: [v1]
      clientConfig: {service: {namespace: default, name: nobody, path: /}}
`

const deadWebhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: deny}
webhooks:
- name: deny.example.invalid
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 1
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  clientConfig: {service: {namespace: default, name: nobody, path: /}}
`

const neverBudget = `
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: alone, namespace: default}
spec:
  minAvailable: 1
  selector: {matchLabels: {app: alone}}
`

// deployment is one pod of an image; without one, of what every node has.
func deployment(name, image, spec string) string {
	annotation := ""
	if image != "" {
		annotation = `annotations: {container.apparmor.security.beta.kubernetes.io/main: unconfined}`
	} else {
		image = "registry.k8s.io/pause:3.10"
	}
	return fmt.Sprintf(`
apiVersion: apps/v1
kind: Deployment
metadata: {name: %[1]s, namespace: default}
spec:
  replicas: 1
  selector: {matchLabels: {app: %[1]s}}
  template:
    metadata:
      labels: {app: %[1]s}
      %[3]s
    spec:
      %[4]s
      containers: [{name: main, image: %[2]q, imagePullPolicy: IfNotPresent}]
`, name, image, annotation, spec)
}

// running is a deployment whose only pod runs, so that budgets count it.
func running(name, spec string) func(context.Context, *env) (undo, error) {
	return func(ctx context.Context, e *env) (undo, error) {
		image, err := e.pauseImage(ctx)
		if err != nil {
			return nil, err
		}
		back, err := object("/apis/apps/v1/namespaces/default/deployments", strings.Replace(deployment(name, "", spec), "registry.k8s.io/pause:3.10", image, 1))(ctx, e)
		if err != nil {
			return back, err
		}
		return back, poll(ctx, 2*time.Minute, "deployment "+name+" to be available", func(ctx context.Context) (bool, error) {
			d, err := e.client.AppsV1().Deployments("default").Get(ctx, name, metav1.GetOptions{})
			return err == nil && d.Status.AvailableReplicas == 1, err
		})
	}
}

// several plants one after the other, and takes all of it away again.
func several(plants ...func(context.Context, *env) (undo, error)) func(context.Context, *env) (undo, error) {
	return func(ctx context.Context, e *env) (undo, error) {
		var all []undo
		back := func(ctx context.Context) error {
			var errs []error
			for _, u := range slices.Backward(all) {
				errs = append(errs, u(ctx))
			}
			return errors.Join(errs...)
		}
		for _, plant := range plants {
			u, err := plant(ctx, e)
			if u != nil {
				all = append(all, u)
			}
			if err != nil {
				return back, err
			}
		}
		return back, nil
	}
}

// twoBudgets selects one pod twice, which each budget alone would let go.
func twoBudgets(ctx context.Context, e *env) (undo, error) {
	budget := func(name string) func(context.Context, *env) (undo, error) {
		return object("/apis/policy/v1/namespaces/default/poddisruptionbudgets", fmt.Sprintf(`
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: %s, namespace: default}
spec:
  maxUnavailable: 1
  selector: {matchLabels: {app: twice}}
`, name))
	}
	back, err := several(running("twice", ""), budget("first"), budget("second"))(ctx, e)
	if err != nil {
		return back, err
	}
	return back, poll(ctx, time.Minute, "the budgets to count their pod", func(ctx context.Context) (bool, error) {
		for _, name := range []string{"first", "second"} {
			b, err := e.client.PolicyV1().PodDisruptionBudgets("default").Get(ctx, name, metav1.GetOptions{})
			if err != nil || b.Status.DisruptionsAllowed != 1 {
				return false, err
			}
		}
		return true, nil
	})
}

// pin keeps the kubelet where it is, as administrators do.
func pin(ctx context.Context, e *env) (undo, error) {
	const file = "/etc/apt/preferences.d/keep-kubelet"
	back := func(ctx context.Context) error {
		_, err := e.lab.exec(ctx, "w-1", "rm", "-f", file)
		return err
	}
	return back, e.lab.put(ctx, "w-1", file, "644", strings.NewReader("Package: kubelet\nPin: version 1.33.*\nPin-Priority: 1001\n"))
}

// cordoned is what somebody else has cordoned.
func cordoned(ctx context.Context, e *env) (undo, error) {
	set := func(ctx context.Context, to bool) error {
		_, err := e.client.CoreV1().Nodes().Patch(ctx, "w-2", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"unschedulable":%t}}`, to), metav1.PatchOptions{})
		return err
	}
	return func(ctx context.Context) error { return set(ctx, false) }, set(ctx, true)
}

// loneWebhook is served by one pod, on whose node all depends.
func loneWebhook(ctx context.Context, e *env) (undo, error) {
	const service = `
apiVersion: v1
kind: Service
metadata: {name: alone, namespace: default}
spec:
  selector: {app: alone}
  ports: [{port: 443}]
`
	const webhook = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: ask}
webhooks:
- name: ask.example.invalid
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Fail
  timeoutSeconds: 1
  namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}
  rules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  clientConfig: {service: {namespace: default, name: alone, path: /}}
`
	back, err := several(object("/api/v1/namespaces/default/services", service),
		object("/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations", webhook))(ctx, e)
	if err != nil {
		return back, err
	}
	return back, poll(ctx, time.Minute, "service default/alone to have an endpoint", func(ctx context.Context) (bool, error) {
		l, err := e.client.DiscoveryV1().EndpointSlices("default").List(ctx, metav1.ListOptions{LabelSelector: "kubernetes.io/service-name=alone"})
		return err == nil && len(l.Items) == 1 && len(l.Items[0].Endpoints) == 1, err
	})
}

// pauseImage is the pause image that the nodes have.
func (e *env) pauseImage(ctx context.Context) (string, error) {
	n, err := e.client.CoreV1().Nodes().Get(ctx, "w-1", metav1.GetOptions{})
	if err != nil {
		return "", err
	}
	for _, i := range n.Status.Images {
		for _, name := range i.Names {
			if strings.Contains(name, "pause") && !strings.Contains(name, "@") {
				return name, nil
			}
		}
	}
	return "", errors.New("node w-1 has no pause image")
}

// barePod runs on a worker and keeps data of its own.
func barePod(ctx context.Context, e *env) (undo, error) {
	image, err := e.pauseImage(ctx)
	if err != nil {
		return nil, err
	}
	return object("/api/v1/namespaces/default/pods", fmt.Sprintf(`
apiVersion: v1
kind: Pod
metadata: {name: bare, namespace: default}
spec:
  nodeName: w-1
  terminationGracePeriodSeconds: 0
  volumes: [{name: data, emptyDir: {}}]
  containers: [{name: main, image: %q, imagePullPolicy: IfNotPresent, volumeMounts: [{name: data, mountPath: /data}]}]
`, image))(ctx, e)
}

// noDNS takes CoreDNS down, and waits until its service has nobody left.
func noDNS(ctx context.Context, e *env) (undo, error) {
	scale := func(ctx context.Context, n int) error {
		_, err := e.client.AppsV1().Deployments("kube-system").Patch(ctx, "coredns", types.MergePatchType, fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, n), metav1.PatchOptions{})
		return err
	}
	back := func(ctx context.Context) error {
		if err := scale(ctx, 2); err != nil {
			return err
		}
		return poll(ctx, 2*time.Minute, "CoreDNS to be back", func(ctx context.Context) (bool, error) {
			d, err := e.client.AppsV1().Deployments("kube-system").Get(ctx, "coredns", metav1.GetOptions{})
			return err == nil && d.Status.AvailableReplicas == 2, err
		})
	}
	if err := scale(ctx, 0); err != nil {
		return back, err
	}
	return back, poll(ctx, 2*time.Minute, "CoreDNS to be gone", func(ctx context.Context) (bool, error) {
		l, err := e.client.CoreV1().Pods("kube-system").List(ctx, metav1.ListOptions{LabelSelector: "k8s-app=kube-dns"})
		return err == nil && len(l.Items) == 0, err
	})
}

// editConfig changes a document in a ConfigMap of kube-system, and puts it back.
func editConfig(name, key string, edit func(map[string]any)) func(context.Context, *env) (undo, error) {
	return func(ctx context.Context, e *env) (undo, error) {
		configs := e.client.CoreV1().ConfigMaps("kube-system")
		cm, err := configs.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return nil, err
		}
		was := cm.Data[key]
		back := func(ctx context.Context) error {
			cm, err := configs.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			cm.Data[key] = was
			_, err = configs.Update(ctx, cm, metav1.UpdateOptions{})
			return err
		}
		var doc map[string]any
		if err := yaml.Unmarshal([]byte(was), &doc); err != nil {
			return nil, err
		}
		edit(doc)
		text, err := yaml.Marshal(doc)
		if err != nil {
			return nil, err
		}
		cm.Data[key] = string(text)
		_, err = configs.Update(ctx, cm, metav1.UpdateOptions{})
		return back, err
	}
}

func inClusterConfiguration(section, flag, value string) func(context.Context, *env) (undo, error) {
	return editConfig("kubeadm-config", "ClusterConfiguration", func(doc map[string]any) {
		part, _ := doc[section].(map[string]any)
		if part == nil {
			part = map[string]any{}
		}
		list, _ := part["extraArgs"].([]any)
		part["extraArgs"] = append(list, map[string]any{"name": flag, "value": value})
		doc[section] = part
	})
}

func kubeletGate(ctx context.Context, e *env) (undo, error) {
	return editConfig("kubelet-config", "kubelet", func(doc map[string]any) {
		gates, _ := doc["featureGates"].(map[string]any)
		if gates == nil {
			gates = map[string]any{}
		}
		gates["DevicePluginCDIDevices"] = true
		doc["featureGates"] = gates
	})(ctx, e)
}

func kubeadmGate(ctx context.Context, e *env) (undo, error) {
	return editConfig("kubeadm-config", "ClusterConfiguration", func(doc map[string]any) {
		doc["featureGates"] = map[string]any{"WaitForAllControlPlaneComponents": false}
	})(ctx, e)
}

// oldAPIs edits the API server's manifest by hand, as people do: it serves an old version again, and has a flag with another value than is configured.
func oldAPIs(ctx context.Context, e *env) (undo, error) {
	const manifest = "/etc/kubernetes/manifests/kube-apiserver.yaml"
	was, err := e.lab.exec(ctx, "cp-1", "cat", manifest)
	if err != nil {
		return nil, err
	}
	flag := "    - kube-apiserver\n"
	now := strings.Replace(was, flag, flag+"    - --runtime-config=admissionregistration.k8s.io/v1beta1=true\n    - --profiling=false\n", 1)
	put := func(ctx context.Context, text string, served bool) error {
		if err := e.lab.put(ctx, "cp-1", manifest, "600", strings.NewReader(text)); err != nil {
			return err
		}
		return poll(ctx, 3*time.Minute, "the API server to come back", func(ctx context.Context) (bool, error) {
			_, err := e.client.Discovery().RESTClient().Get().AbsPath("/apis/admissionregistration.k8s.io/v1beta1").Do(ctx).Raw()
			if served != (err == nil) || !served && !apierrors.IsNotFound(err) {
				return false, nil
			}
			p, err := e.client.CoreV1().Pods("kube-system").Get(ctx, "kube-apiserver-cp-1", metav1.GetOptions{})
			if err != nil {
				return false, nil //nolint:nilerr // it has just come back
			}
			hand := strings.Contains(strings.Join(p.Spec.Containers[0].Command, " "), "--profiling=false")
			return hand == served && len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].Ready, nil
		})
	}
	back := func(ctx context.Context) error { return put(ctx, was, false) }
	return back, put(ctx, now, true)
}

// kubeletFlag gives a kubelet a flag where an administrator does.
func kubeletFlag(ctx context.Context, e *env) (undo, error) {
	const file = "/etc/default/kubelet"
	was, err := e.lab.exec(ctx, "w-1", "sh", "-c", "cat "+file+" 2>/dev/null || true")
	if err != nil {
		return nil, err
	}
	put := func(ctx context.Context, text string) error {
		if err := e.lab.put(ctx, "w-1", file, "644", strings.NewReader(text)); err != nil {
			return err
		}
		began := time.Now().Truncate(time.Second) // as exact as heartbeats are
		if _, err := e.lab.exec(ctx, "w-1", "systemctl", "restart", "kubelet"); err != nil {
			return err
		}
		// A kubelet that has just started says that it is not ready, and a little later that it is.
		return poll(ctx, 2*time.Minute, "the kubelet of w-1 to be ready anew", func(ctx context.Context) (bool, error) {
			n, err := e.client.CoreV1().Nodes().Get(ctx, "w-1", metav1.GetOptions{})
			if err != nil {
				return false, err
			}
			return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
				return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue && !c.LastHeartbeatTime.Time.Before(began)
			}), nil
		})
	}
	back := func(ctx context.Context) error { return put(ctx, was) }
	args, _ := strings.CutPrefix(strings.TrimSpace(was), "KUBELET_EXTRA_ARGS=")
	args = strings.TrimSpace(strings.Trim(args, `"'`) + " --register-schedulable=true")
	return back, put(ctx, fmt.Sprintf("KUBELET_EXTRA_ARGS=%q\n", args))
}

// oldCertificate puts a certificate beside kubeadm's that has ended.
func oldCertificate(ctx context.Context, e *env) (undo, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	c := x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().AddDate(-1, 0, 0), NotAfter: time.Now().AddDate(0, 0, -1)}
	der, err := x509.CreateCertificate(rand.Reader, &c, &c, key.Public(), key)
	if err != nil {
		return nil, err
	}
	const file = "/etc/kubernetes/pki/old.crt"
	back := func(ctx context.Context) error {
		_, err := e.lab.exec(ctx, "cp-1", "rm", "-f", file)
		return err
	}
	return back, e.lab.put(ctx, "cp-1", file, "644", bytes.NewReader(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
}
