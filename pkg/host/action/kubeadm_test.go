package action

import "testing"

func TestOnlyDiffKeepsWhatKubeadmWouldChange(t *testing.T) {
	const diff = `--- /etc/kubernetes/manifests/kube-apiserver.yaml
+++ new manifest
@@ -1,3 +1,3 @@
 spec:
-    image: registry.k8s.io/kube-apiserver:v1.33.13
+    image: registry.k8s.io/kube-apiserver:v1.34.4
+    args: [--a]
`
	said := "[upgrade/diff] Reading configuration from the \"kubeadm-config\" ConfigMap in namespace \"kube-system\"...\n" + diff +
		"[upgrade/diff] FYI: You can look at this config file with 'kubectl -n kube-system get cm kubeadm-config -o yaml'\n"
	if got := onlyDiff(said); got != diff {
		t.Errorf("of\n%s\nthis is left:\n%s", said, got)
	}
	if got := onlyDiff("[upgrade/diff] nothing\n"); got != "" {
		t.Errorf("of nothing, %q is left", got)
	}
}
