package manifest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const kubeadmText = `apiServer:
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta3
dns: {}
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kubernetesVersion: v1.33.4
`

func TestKubeadmIsToldOfEtcdsImage(t *testing.T) {
	tests := map[string]struct{ text, repository, tag, want string }{
		"as kubeadm writes it": {kubeadmText, "", "3.6.11-0",
			strings.Replace(kubeadmText, "/var/lib/etcd\n", "/var/lib/etcd\n    imageTag: 3.6.11-0\n", 1)},
		"another repository": {kubeadmText, "gcr.io/etcd-development", "v3.6.11",
			strings.Replace(kubeadmText, "/var/lib/etcd\n", "/var/lib/etcd\n    imageTag: v3.6.11\n    imageRepository: gcr.io/etcd-development\n", 1)},
		"a tag that was there": {strings.Replace(kubeadmText, "/var/lib/etcd\n", "/var/lib/etcd\n    imageTag: 3.5.24-0\n    extraArgs:\n      quota-backend-bytes: \"1\"\n", 1), "", "3.6.11-0",
			strings.Replace(kubeadmText, "/var/lib/etcd\n", "/var/lib/etcd\n    imageTag: 3.6.11-0\n    extraArgs:\n      quota-backend-bytes: \"1\"\n", 1)},
		"a tag that looks like a number": {kubeadmText, "", "3.6", strings.Replace(kubeadmText, "/var/lib/etcd\n", "/var/lib/etcd\n    imageTag: \"3.6\"\n", 1)},
		"nothing about etcd":             {"apiVersion: kubeadm.k8s.io/v1beta3\n", "", "3.6.11-0", "apiVersion: kubeadm.k8s.io/v1beta3\netcd:\n  local:\n    imageTag: 3.6.11-0\n"},
		"an empty local":                 {"etcd:\n  local: {}\nkind: x\n", "", "3.6.11-0", "etcd:\n  local:\n    imageTag: 3.6.11-0\nkind: x\n"},
		"no newline at the end":          {"etcd:\n    local:\n        dataDir: /d", "", "3.6.11-0", "etcd:\n    local:\n        dataDir: /d\n        imageTag: 3.6.11-0\n"},
	}
	for name, tt := range tests {
		got, err := SetKubeadmEtcd(tt.text, tt.repository, tt.tag)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if d := cmp.Diff(tt.want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if again, err := SetKubeadmEtcd(got, tt.repository, tt.tag); err != nil || again != got {
			t.Errorf("%s: a second time: %v\n%s", name, err, cmp.Diff(got, again))
		}
	}
}

func TestKubeadmIsNotToldWhatItCannotHear(t *testing.T) {
	for name, text := range map[string]string{
		"external":           "etcd:\n  external:\n    endpoints: [https://10.0.0.1:2379]\n",
		"a flow mapping":     "etcd: {local: {dataDir: /var/lib/etcd}}\n",
		"not YAML":           "etcd: [\n",
		"an anchor in local": "a: &x {dataDir: /d}\netcd:\n  local: *x\n",
	} {
		if got, err := SetKubeadmEtcd(text, "", "3.6.11-0"); err == nil {
			t.Errorf("%s: no error, but:\n%s", name, got)
		}
	}
}
