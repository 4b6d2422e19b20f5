package step

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestWhenAMemberIsReplaced(t *testing.T) {
	v := version.MustParse("3.6.16")
	h := hostaction.EtcdHost{Local: "a",
		Members: []cluster.EtcdMember{{Name: "a", EtcdStatus: cluster.EtcdStatus{Version: v}}, {Name: "b", EtcdStatus: cluster.EtcdStatus{Version: v}}},
		Process: &cluster.EtcdProcess{Files: []cluster.TextFile{{Path: "/m", Text: "new"}}}}
	if !memberAt(h, "a", v) || !written(h.Process, []hostaction.FileChange{{Path: "/m", After: "new"}}) {
		t.Error("a member that serves as the release with its files in place is not taken for replaced")
	}
	if memberAt(h, "b", v) {
		t.Error("another host's member is taken for the local one")
	}
	if memberAt(h, "a", version.MustParse("3.7.3")) {
		t.Error("another release is taken for the one that is wanted")
	}
	for what, files := range map[string][]hostaction.FileChange{"another text": {{Path: "/m", After: "newer"}}, "another file": {{Path: "/n", After: "new"}}} {
		if written(h.Process, files) {
			t.Errorf("%s is taken for the one that is wanted", what)
		}
	}
	if written(nil, nil) {
		t.Error("a host without etcd is taken for done")
	}
	h.Members[0].Error = "connection refused"
	if memberAt(h, "a", v) {
		t.Error("a member that does not answer is taken for replaced")
	}
}

func TestKubeadmIsToldOfEtcdOnce(t *testing.T) {
	config := "apiVersion: kubeadm.k8s.io/v1beta3\netcd:\n  local:\n    dataDir: /var/lib/etcd\n"
	clients := fake.NewClientset(&corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", Name: "kubeadm-config"},
		Data: map[string]string{"ClusterConfiguration": config, "ClusterStatus": "theirs"}})
	a := kubeadmEtcd{base{Deps: Deps{Client: &kube.Client{Interface: clients}}}, plan.KubeadmEtcdParams{ImageTag: "3.6.16-0"}}
	if done, err := a.Done(t.Context()); err != nil || done {
		t.Fatalf("before: done %t, %v", done, err)
	}
	if err := a.Do(t.Context(), Reporter{}); err != nil {
		t.Fatal(err)
	}
	if done, err := a.Done(t.Context()); err != nil || !done {
		t.Fatalf("after: done %t, %v", done, err)
	}
	cm, err := clients.CoreV1().ConfigMaps("kube-system").Get(t.Context(), "kubeadm-config", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := cm.Data["ClusterConfiguration"], config+"    imageTag: 3.6.16-0\n"; got != want || cm.Data["ClusterStatus"] != "theirs" {
		t.Errorf("%q\nwant %q", got, want)
	}
}
