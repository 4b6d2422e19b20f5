//go:build benchcheck

// Package benchcheck measures a check of a large cluster: a real API server with the objects of one, but without machines behind its nodes.
package benchcheck

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	storagev1beta1 "k8s.io/api/storage/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
)

var (
	nodes    = flag.Int("nodes", 5000, "nodes of the cluster")
	objects  = flag.Int("objects", 100000, "all objects of the cluster")
	releases = flag.Int("releases", 1000, "objects of these that are releases of Helm")
	limit    = flag.Duration("limit", time.Minute, "what the check may take")
	memory   = flag.Int64("memory", 1<<30, "bytes that the check may use")
)

func TestCheckOfALargeCluster(t *testing.T) {
	config := apiserver.Start(t, "--runtime-config=storage.k8s.io/v1beta1=true", "--max-requests-inflight=2000", "--max-mutating-requests-inflight=2000")
	fill(t, config)
	binary := filepath.Join(t.TempDir(), "kubectl-upgrade")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, "../../cmd/kubectl-upgrade").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	asked, kubeconfig := counted(t, config)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, "check", "--to", "v1.37.2", "-o", "json")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig, "XDG_STATE_HOME="+t.TempDir())
	began := time.Now()
	out, err := cmd.Output()
	took := time.Since(began)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	var report struct {
		Result, Error string
		Findings      []struct {
			ID       string
			Evidence []string
		}
	}
	if err := json.Unmarshal(out, &report); err != nil {
		t.Fatalf("read the report: %v\n%s", err, out)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		t.Fatal("the system tells nothing of memory")
	}
	peak := usage.Maxrss * 1024
	fmt.Printf("check of %d nodes and %d objects: %s, %d API calls, peak memory %d MiB\n", *nodes, *objects, took.Round(10*time.Millisecond), asked.Load(), peak>>20)
	found := map[string]int{}
	for _, f := range report.Findings {
		found[f.ID] = len(f.Evidence)
	}
	if found["api-written-storage.k8s.io-v1beta1-volumeattributesclass"] == 0 {
		t.Errorf("result %q (%s): what was planted was not found, but %v", report.Result, report.Error, found)
	}
	if n := found["helm-release-removed-api"]; n != *releases/10 {
		t.Errorf("%d releases of Helm were found, want a tenth of %d", n, *releases)
	}
	if took > *limit || peak > *memory {
		t.Errorf("it took %s and %d MiB; %s and %d MiB are allowed", took, peak>>20, *limit, *memory>>20)
	}
}

// counted puts a proxy before the API server that counts requests, and gives a kubeconfig for it.
func counted(t *testing.T, config *rest.Config) (*atomic.Int64, string) {
	t.Helper()
	target, err := url.Parse(config.Host)
	if err != nil {
		t.Fatal(err)
	}
	count := &atomic.Int64{}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.Transport = &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, MaxIdleConnsPerHost: 100} //nolint:gosec // the server's certificate is its own
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		count.Add(1)
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "kubeconfig")
	err = clientcmd.WriteToFile(clientcmdapi.Config{
		CurrentContext: "bench",
		Contexts:       map[string]*clientcmdapi.Context{"bench": {Cluster: "bench", AuthInfo: "bench"}},
		Clusters:       map[string]*clientcmdapi.Cluster{"bench": {Server: server.URL, InsecureSkipTLSVerify: true}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"bench": {Token: config.BearerToken}},
	}, file)
	if err != nil {
		t.Fatal(err)
	}
	return count, file
}

// fill makes nodes with a lease and pods each, and of all kinds that a check lists something; the rest are objects that it has nothing to do with.
func fill(t *testing.T, config *rest.Config) {
	t.Helper()
	config = rest.CopyConfig(config)
	config.QPS, config.Burst = -1, 0
	c, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(64)
	for name, data := range map[string]map[string]string{
		"kubeadm-config": {"ClusterConfiguration": "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\nkubernetesVersion: v1.34.4\n"},
		"kubelet-config": {"kubelet": "kind: KubeletConfiguration\n"},
	} {
		if _, err := c.CoreV1().ConfigMaps("kube-system").Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}, Data: data}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for _, ns := range []string{"default"} {
		account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "default", Namespace: ns}}
		if _, err := c.CoreV1().ServiceAccounts(ns).Create(ctx, account, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	left := *objects - 2**nodes - *releases
	pods, written := left/4, left/5
	for i := range *nodes {
		g.Go(func() error { return node(ctx, c, i) })
	}
	for i := range pods {
		g.Go(func() error {
			p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("pod-%d", i), Labels: map[string]string{"app": fmt.Sprint(i / 20)}},
				Spec: corev1.PodSpec{NodeName: fmt.Sprintf("node-%d", i%*nodes), Containers: []corev1.Container{{Name: "main", Image: "registry.example/app:1"}}}}
			_, err := c.CoreV1().Pods("default").Create(ctx, p, metav1.CreateOptions{})
			return err
		})
	}
	for i := range written {
		g.Go(func() error {
			v := &storagev1beta1.VolumeAttributesClass{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("class-%d", i)}, DriverName: "d.example.invalid", Parameters: map[string]string{"a": "b"}}
			_, err := c.StorageV1beta1().VolumeAttributesClasses().Create(ctx, v, metav1.CreateOptions{FieldManager: "helm"})
			return err
		})
	}
	for i := range *releases {
		g.Go(func() error { return release(ctx, c, i) })
	}
	for i := range left - pods - written {
		g.Go(func() error {
			m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("config-%d", i)}, Data: map[string]string{"a": "b"}}
			_, err := c.CoreV1().ConfigMaps("default").Create(ctx, m, metav1.CreateOptions{})
			return err
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
}

// release makes a release of Helm with a chart of a size as charts have, of which not much is left to compress. Every tenth has what the target lacks.
func release(ctx context.Context, c kubernetes.Interface, i int) error {
	const chart = 48 << 10
	var manifest strings.Builder
	for n := range 40 {
		fmt.Fprintf(&manifest, "---\n# Source: app/templates/%d.yaml\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-%d-%d\nspec:\n  replicas: %d\n", n, i, n, n)
	}
	if i%10 == 0 {
		fmt.Fprintf(&manifest, "---\n# Source: app/templates/class.yaml\napiVersion: storage.k8s.io/v1beta1\nkind: VolumeAttributesClass\nmetadata:\n  name: class-%d\n", i)
	}
	templates := make([]byte, chart)
	_, _ = rand.Read(templates) // it never fails
	text, err := json.Marshal(map[string]any{"name": fmt.Sprintf("app-%d", i), "chart": map[string]any{"templates": templates}, "manifest": manifest.String(), "version": 1})
	if err != nil {
		return err
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	if _, err := z.Write(text); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: fmt.Sprintf("sh.helm.release.v1.app-%d.v1", i), Labels: map[string]string{"owner": "helm", "name": fmt.Sprintf("app-%d", i), "status": "deployed"}},
		Type: "helm.sh/release.v1", Data: map[string][]byte{"release": []byte(base64.StdEncoding.EncodeToString(packed.Bytes()))}}
	_, err = c.CoreV1().Secrets("default").Create(ctx, s, metav1.CreateOptions{})
	return err
}

func node(ctx context.Context, c kubernetes.Interface, i int) error {
	name := fmt.Sprintf("node-%d", i)
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"kubernetes.io/hostname": name}}}
	if i < 3 {
		n.Labels["node-role.kubernetes.io/control-plane"] = ""
	}
	n, err := c.CoreV1().Nodes().Create(ctx, n, metav1.CreateOptions{})
	if err != nil {
		return err
	}
	n.Status.NodeInfo = corev1.NodeSystemInfo{KubeletVersion: "v1.34.4", ContainerRuntimeVersion: "containerd://2.1.5", KernelVersion: "6.1.0"}
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	if _, err := c.CoreV1().Nodes().UpdateStatus(ctx, n, metav1.UpdateOptions{}); err != nil {
		return err
	}
	now := metav1.NewMicroTime(time.Now())
	_, err = c.CoordinationV1().Leases(corev1.NamespaceNodeLease).Create(ctx, &coordinationv1.Lease{ObjectMeta: metav1.ObjectMeta{Name: name}, Spec: coordinationv1.LeaseSpec{RenewTime: &now}}, metav1.CreateOptions{})
	return err
}
