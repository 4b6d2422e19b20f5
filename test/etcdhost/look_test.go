//go:build realetcd

package etcdhost

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// TestLook asks a member of each kind of release for everything.
func TestLook(t *testing.T) {
	t.Parallel()
	for _, release := range []string{"2.3.8", "3.0.17", "3.2.32", "3.3.27", "3.4.16", "3.5.35", "3.6.16", "3.7.3"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			var extra []string
			if release[0] == '3' {
				extra = []string{"--quota-backend-bytes", "-1"}
			}
			all := members(t, release, 1, extra...)
			m := all[0]
			start(t, all)
			if release[0] == '3' {
				m.put(t, "a", 10)
			}
			l := m.local(t)
			access, err := l.Reach(t.Context(), nil)
			must(t, err)
			if l.Run != cluster.EtcdAsProcess || l.Binary != m.program || l.DataDir != m.data || l.Name != "m1" || l.ClientURL != m.client ||
				l.Owner != fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()) || l.PID == 0 || strings.Join(l.Args, " ") != strings.Join(m.args, " ") {
				t.Errorf("process %+v", l.EtcdProcess)
			}
			c, err := ask.New(access)
			must(t, err)
			got, err := c.Cluster(t.Context(), access.Endpoints)
			must(t, err)
			one := got.Members[0]
			if len(got.Members) != 1 || got.Asked != one.RaftID || one.Error != "" || !one.Leader || one.Learner || one.Version != v(release) || one.Auth || len(one.Alarms) > 0 {
				t.Errorf("cluster %+v", got)
			}
			if !one.ClusterVersion.SameMinor(v(release)) || !got.Version.SameMinor(v(release)) || one.RaftIndex == 0 || one.RaftTerm == 0 {
				t.Errorf("cluster version %s, %+v", got.Version, one)
			}
			checkEra(t, release, one, l.Quota)
			must(t, c.Health(t.Context(), m.client))
		})
	}
}

// checkEra knows what each release can tell.
func checkEra(t *testing.T, release string, m ask.Member, quota int64) {
	t.Helper()
	is := v(release)
	if v2 := is.Major < 3; (m.V2Index == 0) != !v2 || (m.Revision == 0) != v2 || (m.DBSize == 0) != v2 {
		t.Errorf("indexes of %+v", m)
	}
	if is.Major >= 3 && quota != -1 {
		t.Errorf("quota is %d", quota)
	}
	if has := !is.Less(v("3.6.0")); m.StorageVersion.IsZero() == has {
		t.Errorf("storage version %s", m.StorageVersion)
	}
	if can := !is.Less(v("3.3.0")); (m.Leases >= 0) != can {
		t.Errorf("%d leases", m.Leases)
	}
}

// TestSettings starts members that are told what they are in other ways than by flags.
func TestSettings(t *testing.T) {
	t.Parallel()
	t.Run("environment", func(t *testing.T) {
		t.Parallel()
		m := members(t, "3.4.16", 1)[0]
		m.args = nil
		m.start(t, "ETCD_NAME="+m.name, "ETCD_DATA_DIR=data", "ETCD_LISTEN_CLIENT_URLS="+m.client, "ETCD_ADVERTISE_CLIENT_URLS="+m.client,
			"ETCD_LISTEN_PEER_URLS="+m.peer, "ETCD_INITIAL_ADVERTISE_PEER_URLS="+m.peer, "ETCD_INITIAL_CLUSTER="+m.name+"="+m.peer)
		m.serves(t)
		reached(t, m)
	})
	t.Run("file", func(t *testing.T) {
		t.Parallel()
		m := members(t, "3.5.35", 1)[0]
		text := fmt.Sprintf("name: %s\ndata-dir: %s\nlisten-client-urls: %s\nadvertise-client-urls: %s\nlisten-peer-urls: %s\ninitial-advertise-peer-urls: %s\ninitial-cluster: %s=%s\n",
			m.name, m.data, m.client, m.client, m.peer, m.peer, m.name, m.peer)
		path := filepath.Join(m.dir, "etcd.yaml")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		m.args = []string{"--config-file", path, "--name", "somebody-else"}
		m.start(t)
		m.serves(t)
		if l := reached(t, m); len(l.Files) != 1 || l.Files[0].Kind != "config" || l.Files[0].Text != text {
			t.Errorf("files %+v", l.Files)
		}
	})
	t.Run("tls", func(t *testing.T) {
		t.Parallel()
		m := members(t, "3.5.35", 1)[0]
		pki := certificates(t, m.dir, m.client)
		m.client = strings.Replace(m.client, "http://", "https://", 1)
		for i, a := range m.args {
			if strings.HasPrefix(a, "http://") && (m.args[i-1] == "--listen-client-urls" || m.args[i-1] == "--advertise-client-urls") {
				m.args[i] = m.client
			}
		}
		m.args = append(m.args, "--cert-file="+pki.cert, "--key-file="+pki.key, "--trusted-ca-file="+pki.ca, "--client-cert-auth")
		m.start(t)
		access := hostaction.EtcdAccess{Endpoints: []string{m.client}, CAFile: pki.ca, CertFile: pki.cert, KeyFile: pki.key}
		c, err := ask.New(access)
		must(t, err)
		eventually(t, "serve with TLS", func(ctx ctx) error { return c.Health(ctx, m.client) })
		l := reached(t, m)
		if l.CAFile != pki.ca || l.CertFile != pki.cert || l.KeyFile != pki.key || l.ClientURL != m.client {
			t.Errorf("access %+v", l.Access())
		}
		if a, err := c.Status(t.Context(), m.client); err != nil || a.Version != v("3.5.35") || a.ClusterVersion.IsZero() {
			t.Errorf("status %+v, %v", a, err)
		}
	})
}

// TestMixed has a member of 3.0 in a cluster that agrees on 2.3, which refuses all of the v3 API.
func TestMixed(t *testing.T) {
	t.Parallel()
	all := members(t, "2.3.8", 2)
	must(t, os.Remove(all[1].program))
	must(t, os.Symlink(filepath.Join(tools, "etcd-3.0.17"), all[1].program))
	start(t, all)
	c := all[1].asks(t)
	got, err := c.Cluster(t.Context(), []string{all[1].client})
	must(t, err)
	old, _ := got.Find("m1")
	young, _ := got.Find("m2")
	if !got.Version.SameMinor(v("2.3.0")) || old.Version != v("2.3.8") || young.Version != v("3.0.17") || old.Error != "" || young.Error != "" || young.V2Index == 0 {
		t.Errorf("cluster %+v", got)
	}
	must(t, c.Health(t.Context(), all[1].client))
}

// TestData reads the bytes of members that run.
func TestData(t *testing.T) {
	t.Parallel()
	for release, storage := range map[string]string{"2.3.8": "etcd2", "3.3.27": "etcd3", "3.6.16": "etcd3"} {
		t.Run(release, func(t *testing.T) {
			t.Parallel()
			all := members(t, release, 1)
			m := all[0]
			start(t, all)
			want := 0
			if release != "3.6.16" {
				for _, key := range []string{"/registry/pods/a", "/coreos.com/network/config"} {
					resp, err := http.PostForm(m.client+"/v2/keys"+key, url.Values{"value": {"x"}})
					must(t, err)
					resp.Body.Close()
				}
				want = 2
			}
			if release[0] == '3' {
				m.put(t, "a", 10)
			}
			l := m.local(t)
			access, err := l.Reach(t.Context(), nil)
			must(t, err)
			c, err := m.asks(t).Cluster(t.Context(), access.Endpoints)
			must(t, err)
			d, err := m.host(t).Data(t.Context(), l, c)
			must(t, err)
			if d.V2Keys != want || len(d.V2Prefixes) != want || d.Storage != storage || len(d.Zombies) > 0 || (d.V2Writes > 0) != (want > 0) {
				t.Errorf("data %+v", d)
			}
			if left, err := filepath.Glob(filepath.Join(string(m.work), "etcd-look-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %v, %v", left, err)
			}
		})
	}
}
