//go:build realetcd

package etcdhost

import (
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// conversions are what each host is asked for. The first member is the one that begins.
func conversions(all []*member, to, token string) []hostaction.EtcdRebuild {
	out := rebuilds(all, to, hostaction.Snapshot{}, token)
	for i, m := range all {
		a := &out[i]
		a.Restore.Snapshot, a.Restore.RevisionBump, a.Restore.Version = filepath.Join(m.dir, "converted", "etcd.db"), 0, v(to)
		a.Member.From = v("2.3.8")
		_, listen, _ := strings.Cut(all[0].peer, "://")
		a.Convert = &hostaction.EtcdConversion{Members: names(all), First: all[0].name, Listen: listen, From: all[0].peer, Secret: "s", Prefixes: []string{"/registry"}}
	}
	return out
}

func put2(t *testing.T, m *member, key, value string) {
	t.Helper()
	resp, err := http.PostForm(m.client+"/v2/keys"+key, url.Values{"value": {value}})
	must(t, err)
	resp.Body.Close()
}

// TestConvert has three hosts take a cluster of 2.3 to the v3 API without anybody who tells them when.
func TestConvert(t *testing.T) {
	t.Parallel()
	for name, to := range map[string]string{"3.2": "3.2.32", "3.6": "3.6.16", "3.4 among peers with certificates": "3.4.16"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			all := members(t, "2.3.8", 3)
			var peer hostaction.EtcdAccess
			if strings.Contains(name, "certificates") {
				peer = secure(t, all)
			}
			start(t, all)
			for _, key := range []string{"/registry/pods/a", "/registry/pods/b"} {
				put2(t, all[0], key, "x")
			}
			actions := conversions(all, to, "converted")
			for _, a := range actions {
				a.Convert.Peer = peer
			}
			var hosts errgroup.Group
			for i := range all {
				hosts.Go(func() error {
					_, err := all[i].host(t).Rebuild(t.Context(), actions[i])
					return err
				})
			}
			must(t, hosts.Wait())
			agree := hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v(to), Members: names(all)}
			if _, err := all[0].host(t).Agree(t.Context(), agree); err != nil {
				t.Fatal(err)
			}
			for i, m := range all {
				if n := m.count(t, "pods/"); n != 2 {
					t.Errorf("%s has %d keys", m.name, n)
				}
				before := m.pid(t)
				if _, err := m.host(t).Rebuild(t.Context(), actions[i]); err != nil || m.pid(t) != before {
					t.Errorf("%s, asked again, is started once more: %v", m.name, err)
				}
			}
			all[1].put(t, "after", 3)
			if n := all[2].count(t, "after/"); n != 3 {
				t.Errorf("%d keys that were written afterwards", n)
			}
		})
	}
}

// secure has the members show each other certificates.
func secure(t *testing.T, all []*member) hostaction.EtcdAccess {
	t.Helper()
	files := certificates(t, t.TempDir(), all[0].peer) // they are all on one host
	for _, m := range all {
		for i, a := range m.args {
			for _, o := range all {
				a = strings.ReplaceAll(a, o.peer, "https"+strings.TrimPrefix(o.peer, "http"))
			}
			m.args[i] = a
		}
		m.args = append(m.args, "--peer-cert-file", files.cert, "--peer-key-file", files.key, "--peer-trusted-ca-file", files.ca, "--peer-client-cert-auth")
	}
	for _, m := range all {
		m.peer = "https" + strings.TrimPrefix(m.peer, "http")
	}
	return hostaction.EtcdAccess{CAFile: files.ca, CertFile: files.cert, KeyFile: files.key}
}

// TestConvertGoesBack: data that must not be left behind without consent keep the first host from it. It serves as before, and so do those that waited.
func TestConvertGoesBack(t *testing.T) {
	t.Parallel()
	all := members(t, "2.3.8", 3)
	start(t, all)
	put2(t, all[0], "/registry/pods/a", "x")
	must(t, protect2(t, all[0]))
	actions := conversions(all, "3.2.32", "converted")
	waits := make(chan error, 2)
	for i := 1; i < 3; i++ {
		go func() {
			_, err := all[i].host(t).Rebuild(t.Context(), actions[i])
			waits <- err
		}()
	}
	if _, err := all[0].host(t).Rebuild(t.Context(), actions[0]); err == nil || !strings.Contains(err.Error(), "runs as 2.3.8 again") {
		t.Errorf("the first host: %v", err)
	}
	for left := 2; left > 0; {
		for _, m := range all[1:] {
			if _, err := m.host(t).Recall(t.Context(), hostaction.EtcdRecall{}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case err := <-waits:
			if err == nil || !strings.Contains(err.Error(), "recalled") {
				t.Errorf("a host that waited: %v", err)
			}
			left--
		case <-time.After(2 * time.Second):
		}
	}
	for _, m := range all {
		m.serves(t)
		m.is(t, "2.3.8")
	}
}

// protect2 has the v2 API ask for passwords, which the v3 API does not know.
func protect2(t *testing.T, m *member) error {
	t.Helper()
	for _, ask := range [][2]string{{"/v2/auth/users/root", `{"user":"root","password":"secret"}`}, {"/v2/auth/enable", ""}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, m.client+ask[0], strings.NewReader(ask[1]))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return err
		}
		resp.Body.Close()
	}
	return nil
}
