package manifest

import (
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
)

const apiserverPod = `apiVersion: v1
kind: Pod
metadata:
  name: kube-apiserver
spec:
  containers:
  - command:
    - kube-apiserver
    - --advertise-address=192.168.122.11
    # kept apart
    - --etcd-servers-overrides=/events#https://10.0.0.1:2379;https://10.0.0.2:2379,apps/deployments#https://10.0.0.3:2379
    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt
    - --etcd-certfile=/etc/kubernetes/pki/apiserver-etcd-client.crt
    - --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key
    - --etcd-servers=https://127.0.0.1:2379,https://192.168.122.12:2379
    - --insecure-port=0
    - --allow-privileged # a truth
    - --tls-cert-file=/etc/kubernetes/pki/apiserver.crt
    image: k8s.gcr.io/kube-apiserver:v1.12.10
    name: kube-apiserver
`

func TestReadAPIServer(t *testing.T) {
	s, err := ReadAPIServer([]byte(apiserverPod))
	if err != nil {
		t.Fatal(err)
	}
	want := APIServer{
		Image: "k8s.gcr.io/kube-apiserver:v1.12.10", Servers: []string{"https://127.0.0.1:2379", "https://192.168.122.12:2379"},
		Overrides: []string{"/events#https://10.0.0.1:2379;https://10.0.0.2:2379", "apps/deployments#https://10.0.0.3:2379"},
		Prefix:    "/registry", CAFile: "/etc/kubernetes/pki/etcd/ca.crt", CertFile: "/etc/kubernetes/pki/apiserver-etcd-client.crt", KeyFile: "/etc/kubernetes/pki/apiserver-etcd-client.key",
	}
	flags := s.Flags
	s.Flags = nil
	if d := gocmp.Diff(want, s); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if len(flags) != 9 || flags[7] != (ServerFlag{"allow-privileged", "true"}) {
		t.Errorf("flags: %v", flags)
	}
	if c := s.Client(); c.Servers[1] != "https://192.168.122.12:2379" || c.Prefix != "/registry" {
		t.Errorf("client: %+v", c)
	}
	s, err = ReadAPIServer([]byte(strings.Replace(apiserverPod, "--insecure-port=0", "--storage-backend=etcd2\n    - --etcd-prefix=/k8s\n    - --storage-backend=etcd3", 1)))
	if err != nil || s.Backend != "etcd3" || s.Prefix != "/k8s" {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestEditAPIServer(t *testing.T) {
	str := func(s string) *string { return &s }
	with := strings.Replace(apiserverPod, "    - --tls", "    - --storage-backend=etcd2 # until it is migrated\n    - --tls", 1)
	for _, c := range []struct {
		name, text string
		flags      map[string]*string
		want       string
	}{
		{"nothing", apiserverPod, nil, ""},
		{"no such flag to take out", apiserverPod, map[string]*string{"storage-backend": nil}, ""},
		{"a new flag", apiserverPod, map[string]*string{"storage-backend": str("etcd3")}, "+    - --storage-backend=etcd3"},
		{"a flag that is there", with, map[string]*string{"storage-backend": str("etcd3")}, "-    - --storage-backend=etcd2 # until it is migrated\n+    - --storage-backend=etcd3 # until it is migrated"},
		{"take it out", with, map[string]*string{"storage-backend": nil}, "-    - --storage-backend=etcd2 # until it is migrated"},
		{"certificates", apiserverPod, map[string]*string{"etcd-cafile": str("/new/ca.crt"), "etcd-keyfile": str("/new/key")},
			"-    - --etcd-cafile=/etc/kubernetes/pki/etcd/ca.crt\n+    - --etcd-cafile=/new/ca.crt\n-    - --etcd-keyfile=/etc/kubernetes/pki/apiserver-etcd-client.key\n+    - --etcd-keyfile=/new/key"},
		{"in two arguments", strings.Replace(apiserverPod, "--insecure-port=0", "--storage-backend\n    - etcd2", 1), map[string]*string{"storage-backend": str("etcd3")}, "-    - etcd2\n+    - etcd3"},
		{"a truth", apiserverPod, map[string]*string{"allow-privileged": str("false")}, "-    - --allow-privileged # a truth\n+    - --allow-privileged=false # a truth"},
	} {
		t.Run(c.name, func(t *testing.T) {
			after, err := EditAPIServer([]byte(c.text), c.flags)
			if err != nil {
				t.Fatal(err)
			}
			var changed []string
			for _, l := range strings.Split(Diff("f", []byte(c.text), after), "\n") {
				if strings.HasPrefix(l, "+ ") || strings.HasPrefix(l, "- ") {
					changed = append(changed, l)
				}
			}
			if d := gocmp.Diff(c.want, strings.Join(changed, "\n")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
			s, err := ReadAPIServer(after)
			if err != nil {
				t.Fatal(err)
			}
			for name, v := range c.flags {
				got := ""
				for _, f := range s.Flags {
					if f.Name == name {
						got = f.Value
					}
				}
				if (v == nil) != (got == "") || v != nil && got != *v {
					t.Errorf("--%s is %q", name, got)
				}
			}
		})
	}
}

func TestEditAPIServerRefusals(t *testing.T) {
	v := "x"
	if _, err := EditAPIServer([]byte("kind: Pod\nspec:\n  containers:\n  - name: kube-apiserver\n    command: [kube-apiserver, --a=b]\n"), map[string]*string{"b": &v}); err == nil || !strings.Contains(err.Error(), "one line") {
		t.Errorf("%v", err)
	}
}

func FuzzEditAPIServer(f *testing.F) {
	f.Add(apiserverPod, "storage-backend", "etcd3")
	f.Fuzz(func(t *testing.T, text, name, v string) {
		after, err := EditAPIServer([]byte(text), map[string]*string{name: &v})
		if err != nil {
			return
		}
		s, err := ReadAPIServer(after)
		if err != nil {
			t.Fatalf("%v:\n%s", err, after)
		}
		for _, flag := range s.Flags {
			if flag.Name == name && flag.Value != v {
				t.Fatalf("--%s is %q, not %q", name, flag.Value, v)
			}
		}
	})
}
