package knowledge

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestEtcdFor(t *testing.T) {
	for _, c := range []struct{ kubernetes, tag, want, minimum string }{
		{"1.5.0", "2.2.5", "2.2.5", ""},
		{"1.12.0", "3.2.24", "3.2.24", "3.2.18"},
		{"1.12.10", "3.2.24", "3.2.24", "3.2.18"},
		{"1.22.0", "3.5.0-0", "3.5.0", "3.2.18"},
		{"1.32.9", "3.5.16-0", "3.5.16", "3.5.11"},
		{"1.32.10", "3.5.24-0", "3.5.24", "3.5.24"},
		{"1.32.99", "3.5.24-0", "3.5.24", "3.5.24"},
		{"1.34.0", "3.6.4-0", "3.6.4", "3.5.21"},
		{"1.37.0", "3.7.0-0", "3.7.0", "3.5.24"},
		{"1.37.0-rc.0", "3.7.0-0", "3.7.0", "3.5.24"},
	} {
		p, err := EtcdFor(version.MustParse(c.kubernetes))
		if err != nil || p.Tag != c.tag || p.Default != etcd(c.want) || !strings.HasPrefix(p.Source, "https://") {
			t.Errorf("%s: %+v, %v", c.kubernetes, p, err)
		}
		minimum, err := MinExternalEtcd(version.MustParse(c.kubernetes))
		if err != nil || minimum.IsZero() != (c.minimum == "") || c.minimum != "" && minimum != etcd(c.minimum) {
			t.Errorf("%s: %s, %v", c.kubernetes, minimum, err)
		}
	}
	for _, v := range []string{"1.4.0", "1.99.0", "2.12.0"} {
		if p, err := EtcdFor(version.MustParse(v)); err == nil {
			t.Errorf("%s: %+v", v, p)
		}
	}
}

func TestPairings(t *testing.T) {
	rows := Pairings()
	for i, p := range rows {
		if i == 0 {
			continue
		}
		last := rows[i-1]
		if !last.Kubernetes.Less(p.Kubernetes) || p.Default.Less(last.Default) && p.Kubernetes.SameMinor(last.Kubernetes) || p.MinExternal.Less(last.MinExternal) && p.Kubernetes.SameMinor(last.Kubernetes) {
			t.Errorf("%s goes back", p.Kubernetes)
		}
		if p.Kubernetes.SameMinor(last.Kubernetes) && p.Tag == last.Tag && p.MinExternal == last.MinExternal {
			t.Errorf("%s says nothing new", p.Kubernetes)
		}
		if !p.Kubernetes.SameMinor(last.Kubernetes) && (last.Kubernetes.MinorsTo(p.Kubernetes) != 1 || p.Kubernetes.Patch != 0) {
			t.Errorf("%s: its minor does not begin with it, or one before is missing", p.Kubernetes)
		}
		if etcdIndex(p.Default.MinorString()) < 0 && p.Kubernetes.Minor > 5 {
			t.Errorf("%s: etcd %s is not known", p.Kubernetes, p.Default)
		}
	}
}

func TestCheckPairing(t *testing.T) {
	for _, c := range []struct {
		name, kubernetes, etcd, want string
	}{
		{"as kubeadm has it", "1.30.0", "3.5.12", ""},
		{"older, kubeadm moves it", "1.30.0", "3.5.10", ""},
		{"kubeadm takes 3.5 to 3.6 too early", "1.34.0", "3.5.21", "kubeadm-etcd-unready, kubeadm-etcd-bad?"},
		{"from a 3.5 that is fit", "1.35.0", "3.5.32", ""},
		{"kubeadm 1.37 takes 3.6.8 to 3.7", "1.37.0", "3.6.8", "kubeadm-etcd-unready"},
		{"kubeadm 1.37 from a 3.6 that is fit", "1.37.0", "3.6.16", ""},
		{"below the minimum too", "1.37.0", "3.5.21", "etcd-below-minimum, kubeadm-etcd-skips, kubeadm-etcd-unready"},
		{"past minors", "1.22.0", "3.3.10", "kubeadm-etcd-skips, kubeadm-etcd-bad"},
		{"kubeadm brings a bad release", "1.22.0", "3.4.13", "kubeadm-etcd-bad"},
		{"a bad release that is there already", "1.22.0", "3.5.0", ""},
		{"ours is better than kubeadm's", "1.22.0", "3.5.35", "etcd-newer?"},
		{"a newer minor", "1.22.0", "3.6.16", "etcd-newer?"},
		{"external and too old", "1.28.0", "3.4.3", "etcd-below-minimum"},
		{"nothing is known", "1.99.0", "3.7.3", "pairing-unknown?"},
		{"2.x", "1.6.0", "2.3.8", "etcd-below-minimum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if d := cmp.Diff(c.want, ids(t, CheckPairing(version.MustParse(c.kubernetes), etcd(c.etcd)))); d != "" {
				t.Errorf("%s beside %s (-want +got):\n%s", c.etcd, c.kubernetes, d)
			}
		})
	}
}

// ids lists the problems; a question mark is a warning.
func ids(t *testing.T, problems []Problem) string {
	t.Helper()
	var out []string
	for _, p := range problems {
		if p.Message == "" || p.Fix == "" || !strings.HasPrefix(p.Source, "https://") {
			t.Errorf("a problem that does not say enough: %+v", p)
		}
		id := p.ID
		if p.Warning {
			id += "?"
		}
		out = append(out, id)
	}
	return strings.Join(out, ", ")
}

func TestCheckBackend(t *testing.T) {
	for _, c := range []struct{ kubernetes, backend, etcd, want string }{
		{"1.3.0", "", "2.3.8", ""},
		{"1.3.0", "etcd3", "3.0.17", "storage-backend-gone"},
		{"1.5.0", "", "3.6.16", "v2-api-gone"},
		{"1.6.0", "", "3.0.17", ""},
		{"1.6.0", "", "2.3.8", "v3-api-missing"},
		{"1.8.0", "etcd2", "3.0.17", ""},
		{"1.12.0", "etcd2", "3.2.24", "storage-backend-deprecated?"},
		{"1.12.0", "etcd2", "3.4.16", "storage-backend-deprecated?, v2-api-off?"},
		{"1.12.0", "", "3.4.16", ""},
		{"1.13.0", "etcd2", "3.2.24", "storage-backend-gone"},
		{"1.13.0", "", "3.2.24", ""},
		{"1.30.0", "etcd4", "3.5.35", "storage-backend-gone"},
	} {
		if d := cmp.Diff(c.want, ids(t, CheckBackend(version.MustParse(c.kubernetes), c.backend, etcd(c.etcd)))); d != "" {
			t.Errorf("%s with %q beside %s (-want +got):\n%s", c.kubernetes, c.backend, c.etcd, d)
		}
	}
}

func TestStorageBackends(t *testing.T) {
	for v, want := range map[string]string{"1.3.0": "*etcd2", "1.4.0": "*etcd2 etcd3", "1.5.8": "*etcd2 etcd3", "1.6.0": "*etcd3 etcd2", "1.9.0": "*etcd3 etcd2-", "1.12.10": "*etcd3 etcd2-", "1.13.0": "*etcd3", "1.37.0": "*etcd3"} {
		var got []string
		for _, b := range StorageBackends(version.MustParse(v)) {
			s := b.Name
			if b.Default {
				s = "*" + s
			}
			if b.Deprecated {
				s += "-"
			}
			if !strings.HasPrefix(b.Source, "https://") {
				t.Errorf("%s: %+v", v, b)
			}
			got = append(got, s)
		}
		if d := cmp.Diff(want, strings.Join(got, " ")); d != "" {
			t.Errorf("%s (-want +got):\n%s", v, d)
		}
	}
}
