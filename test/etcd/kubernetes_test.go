//go:build realetcd

package etcd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/loopback"
)

// apiServer is a kube-apiserver 1.12, the last that knows both storage backends. It listens without TLS, as that release can.
type apiServer struct {
	t    *testing.T
	base string
	cmd  *exec.Cmd
	log  string
}

func startAPIServer(t *testing.T, backend, etcd string) *apiServer {
	t.Helper()
	program := os.Getenv("KUBE_APISERVER_1_12")
	if program == "" {
		t.Fatal("KUBE_APISERVER_1_12 is not set: run make test-etcd")
	}
	free, err := loopback.Free(t.Context(), 2)
	if err != nil {
		t.Fatal(err)
	}
	host, insecure, err := net.SplitHostPort(free[0])
	if err != nil {
		t.Fatal(err)
	}
	_, secure, err := net.SplitHostPort(free[1])
	if err != nil {
		t.Fatal(err)
	}
	state := t.TempDir()
	a := &apiServer{t: t, base: "http://" + free[0], log: filepath.Join(state, "log")}
	log, err := os.Create(a.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	a.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), program, "--storage-backend="+backend, "--etcd-servers="+etcd,
		"--insecure-bind-address="+host, "--insecure-port="+insecure, "--bind-address="+host, "--secure-port="+secure,
		"--cert-dir="+state, "--service-cluster-ip-range=10.0.0.0/24", "--disable-admission-plugins=ServiceAccount", "--authorization-mode=RBAC")
	a.cmd.Stdout, a.cmd.Stderr = log, log
	if err := a.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.stop)
	eventually(t, "wait for the API server", func(ctx context.Context) bool {
		for _, path := range []string{"/healthz", "/api/v1/namespaces/kube-system", "/api/v1/namespaces/default/services/kubernetes"} {
			if _, err := a.do(ctx, http.MethodGet, path, nil); err != nil {
				return false
			}
		}
		return true
	})
	return a
}

func (a *apiServer) stop() {
	if a.cmd.ProcessState != nil {
		return
	}
	_ = a.cmd.Process.Kill() // it may have ended
	_ = a.cmd.Wait()         // it was killed
	if a.t.Failed() {
		if text, err := os.ReadFile(a.log); err == nil {
			a.t.Logf("the API server said, last: %s", text[max(0, len(text)-2000):])
		}
	}
}

func (a *apiServer) do(ctx context.Context, method, path string, body any) (map[string]any, error) {
	var in bytes.Buffer
	if body != nil {
		if err := json.NewEncoder(&in).Encode(body); err != nil {
			return nil, err
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, a.base+path, &in)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
	}
	var out map[string]any
	if err := json.Unmarshal(answer, &out); err != nil && string(answer) != "ok" {
		return nil, err
	}
	return out, nil
}

type object = map[string]any

func (a *apiServer) create(path, apiVersion, kind, name string, rest object) {
	a.t.Helper()
	o := object{"apiVersion": apiVersion, "kind": kind, "metadata": object{"name": name, "labels": object{"made": "before"}}}
	maps.Copy(o, rest)
	if _, err := a.do(a.t.Context(), http.MethodPost, path, o); err != nil {
		a.t.Fatal(err)
	}
}

// fill makes objects of many kinds, changes some, and deletes some.
func (a *apiServer) fill() {
	a.t.Helper()
	const shop = "/api/v1/namespaces/shop"
	pod := object{"metadata": object{"labels": object{"app": "web"}}, "spec": object{"containers": []object{{"name": "c", "image": "registry.example/web:1"}}}}
	selector := object{"matchLabels": object{"app": "web"}}
	a.create("/api/v1/namespaces", "v1", "Namespace", "shop", nil)
	a.create(shop+"/serviceaccounts", "v1", "ServiceAccount", "shop", nil)
	for i := range 40 {
		a.create(shop+"/configmaps", "v1", "ConfigMap", fmt.Sprintf("config-%02d", i), object{"data": object{"text": strings.Repeat(fmt.Sprint(i, " ü\n"), 50)}})
		a.create(shop+"/secrets", "v1", "Secret", fmt.Sprintf("secret-%02d", i), object{"data": object{"key": []byte{0, 255, byte(i)}}})
		a.create(shop+"/pods", "v1", "Pod", fmt.Sprintf("pod-%02d", i), object{"spec": pod["spec"]})
		a.create(shop+"/events", "v1", "Event", fmt.Sprintf("event-%02d", i), object{"involvedObject": object{"namespace": "shop", "name": "pod-00"}, "reason": "Seen"})
	}
	a.create(shop+"/services", "v1", "Service", "web", object{"spec": object{"selector": object{"app": "web"}, "ports": []object{{"port": 80}}}})
	a.create(shop+"/services", "v1", "Service", "outside", object{"spec": object{"type": "NodePort", "ports": []object{{"port": 81}}}})
	a.create("/api/v1/nodes", "v1", "Node", "w-1", nil)
	a.create("/api/v1/persistentvolumes", "v1", "PersistentVolume", "disk", object{"spec": object{"capacity": object{"storage": "1Gi"},
		"accessModes": []string{"ReadWriteOnce"}, "hostPath": object{"path": "/data"}}})
	a.create("/apis/apps/v1/namespaces/shop/deployments", "apps/v1", "Deployment", "web", object{"spec": object{"selector": selector, "template": pod}})
	a.create("/apis/apps/v1/namespaces/shop/daemonsets", "apps/v1", "DaemonSet", "log", object{"spec": object{"selector": selector, "template": pod}})
	a.create("/apis/batch/v1/namespaces/shop/jobs", "batch/v1", "Job", "once", object{"spec": object{"template": object{"spec": object{"restartPolicy": "Never",
		"containers": []object{{"name": "c", "image": "registry.example/web:1"}}}}}})
	a.create("/apis/policy/v1beta1/namespaces/shop/poddisruptionbudgets", "policy/v1beta1", "PodDisruptionBudget", "web", object{"spec": object{"minAvailable": 1, "selector": selector}})
	a.create("/apis/apiextensions.k8s.io/v1beta1/customresourcedefinitions", "apiextensions.k8s.io/v1beta1", "CustomResourceDefinition", "toys.shop.example",
		object{"spec": object{"group": "shop.example", "version": "v1", "scope": "Cluster", "names": object{"plural": "toys", "singular": "toy", "kind": "Toy", "listKind": "ToyList"}}})
	eventually(a.t, "make a custom resource", func(ctx context.Context) bool {
		_, err := a.do(ctx, http.MethodPost, "/apis/shop.example/v1/toys", object{"apiVersion": "shop.example/v1", "kind": "Toy", "metadata": object{"name": "bear"}, "colour": "brown"})
		return err == nil
	})
	for i := range 10 {
		if _, err := a.do(a.t.Context(), http.MethodDelete, fmt.Sprint(shop, "/configmaps/config-0", i), nil); err != nil {
			a.t.Fatal(err)
		}
		path := fmt.Sprint(shop, "/configmaps/config-1", i)
		o, err := a.do(a.t.Context(), http.MethodGet, path, nil)
		if err != nil {
			a.t.Fatal(err)
		}
		o["data"] = object{"text": "changed"}
		if _, err := a.do(a.t.Context(), http.MethodPut, path, o); err != nil {
			a.t.Fatal(err)
		}
	}
}

var serversOwn = []string{"/api/v1/endpoints default/kubernetes", "/api/v1/services default/kubernetes", "/api/v1/configmaps kube-system/extension-apiserver-authentication"}

// objects are all that the server lists, of every kind and in its version of preference, by path and name.
func (a *apiServer) objects() map[string]object {
	a.t.Helper()
	get := func(path string) object {
		out, err := a.do(a.t.Context(), http.MethodGet, path, nil)
		if err != nil {
			a.t.Fatal(err)
		}
		return out
	}
	bases := []string{"/api/v1"}
	for _, g := range get("/apis")["groups"].([]any) {
		bases = append(bases, "/apis/"+g.(object)["preferredVersion"].(object)["groupVersion"].(string))
	}
	all := map[string]object{}
	for _, base := range bases {
		for _, r := range get(base)["resources"].([]any) {
			r := r.(object)
			if !slices.Contains(r["verbs"].([]any), any("list")) || r["name"] == "componentstatuses" {
				continue
			}
			path := base + "/" + r["name"].(string)
			items, _ := get(path)["items"].([]any) // null where there are none
			for _, i := range items {
				meta := i.(object)["metadata"].(object)
				all[fmt.Sprint(path, " ", meta["namespace"], "/", meta["name"])] = i.(object)
			}
		}
	}
	// These a server writes itself whenever it starts, with its address and certificates: they are there, that is all.
	for name := range all {
		if strings.HasPrefix(name, "/apis/apiregistration.k8s.io/") || slices.Contains(serversOwn, name) {
			all[name] = nil
		}
	}
	return all
}

// TestKubernetes has an API server that stored its objects in etcd 2 go on with etcd 3: it serves each as it was, down to its
// resource version.
func TestKubernetes(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	r := start(t, "2.3.8", dir, nil)
	a := startAPIServer(t, "etcd2", r.Endpoint)
	a.fill()
	want := a.objects()
	a.stop()
	_, urls := r.membersV2()
	r.stop()
	if len(want) < 200 {
		t.Fatalf("only %d objects are there", len(want))
	}
	for _, to := range []string{"3.2.32", "3.3.27", "3.6.16"} {
		t.Run(to, func(t *testing.T) {
			t.Parallel()
			r := start(t, to, migrated(t, dir, minorOf(to), migrate.Auto), urls)
			leases(t, r)
			a := startAPIServer(t, "etcd3", r.Endpoint)
			got := a.objects()
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("%d objects have become %d (-want +got):\n%.4000s", len(want), len(got), d)
			}
			a.create("/api/v1/namespaces/shop/configmaps", "v1", "ConfigMap", "after", nil)
			if n := len(a.objects()); n != len(want)+1 {
				t.Errorf("%d objects are there after one more was made, %d before", n, len(want))
			}
		})
	}
}

// leases wants every event to go within its hour.
func leases(t *testing.T, r *running) {
	t.Helper()
	c := r.client()
	resp, err := c.Get(t.Context(), "/registry/events/", clientv3.WithPrefix())
	if err == nil && resp.Count == 0 {
		err = errors.New("there is none")
	}
	if err != nil {
		t.Fatalf("read events: %v", err)
	}
	for _, kv := range resp.Kvs {
		if left := r.ttl(t.Context(), c, kv.Lease); left <= 0 || left > 3601 { // leases end at whole seconds
			t.Errorf("%s has %ds left", kv.Key, left)
		}
	}
}
