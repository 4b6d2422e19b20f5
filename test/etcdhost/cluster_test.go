//go:build realetcd

package etcdhost

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// member is one member and the host that it runs on.
type member struct {
	name         string
	client, peer string
	dir          string
	data         string
	program      string
	args         []string
	work         workdir.Dir
	units        units
	log          *bytes.Buffer
}

// host is where the agent works.
func (m *member) host(t *testing.T) etcdhost.Host {
	t.Helper()
	return etcdhost.Host{Work: m.work, Log: t.Output(), Services: m.units.connect}
}

// free finds addresses of loopback that nobody else is likely to use.
func free(t *testing.T, n int) []string {
	t.Helper()
	host := fmt.Sprintf("127.%d.%d.%d:0", 1+rand.IntN(254), rand.IntN(256), 1+rand.IntN(254))
	out := make([]string, n)
	for i := range out {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", host)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		out[i] = l.Addr().String()
	}
	return out
}

// members prepares a cluster that does not run yet.
func members(t *testing.T, release string, n int, extra ...string) []*member {
	t.Helper()
	addresses := free(t, 2*n)
	var all []*member
	var initial []string
	for i := range n {
		m := &member{name: fmt.Sprintf("m%d", i+1), client: "http://" + addresses[2*i], peer: "http://" + addresses[2*i+1], dir: t.TempDir(), log: &bytes.Buffer{}}
		m.data, m.program, m.work, m.units = filepath.Join(m.dir, "data"), filepath.Join(m.dir, "etcd"), workdir.Dir(filepath.Join(m.dir, "work")), units(m.dir)
		must(t, os.MkdirAll(string(m.work), 0o700))
		must(t, os.Symlink(tools, m.work.Etcd()))
		must(t, disk.Copy(program(release), m.program))
		initial = append(initial, m.name+"="+m.peer)
		all = append(all, m)
	}
	for _, m := range all {
		m.args = append([]string{"--name", m.name, "--data-dir", m.data, "--listen-client-urls", m.client, "--advertise-client-urls", m.client,
			"--listen-peer-urls", m.peer, "--initial-advertise-peer-urls", m.peer, "--initial-cluster", strings.Join(initial, ",")}, extra...)
	}
	return all
}

// program is the server of a release.
func program(release string) string {
	path := filepath.Join(tools, "etcd-"+release)
	if _, err := os.Stat(path); err != nil {
		return filepath.Join(knownBad, "etcd-"+release)
	}
	return path
}

// start runs the members and waits until all of them serve.
func start(t *testing.T, all []*member) {
	t.Helper()
	for _, m := range all {
		m.start(t)
	}
	for _, m := range all {
		m.serves(t)
	}
}

func (m *member) start(t *testing.T, env ...string) {
	t.Helper()
	cmd := exec.Command(m.program, m.args...)
	cmd.Dir = m.dir
	cmd.Env = append([]string{"ETCD_UNSUPPORTED_ARCH=" + runtime.GOARCH}, env...)
	cmd.Stdout, cmd.Stderr = m.log, m.log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(t, begin(cmd))
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(done)
	}()
	t.Cleanup(func() {
		// Whatever runs on the directory now, be it this process or one that took its place.
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			p, ok, err := local.AtDataDir(m.data)
			if err != nil || !ok {
				break
			}
			_ = syscall.Kill(p.PID, syscall.SIGKILL)
			<-tick.C // a killed process is there for a moment
		}
		<-done
	})
}

func (m *member) access() hostaction.EtcdAccess {
	return hostaction.EtcdAccess{Endpoints: []string{m.client}}
}

// accessAll begins with the member itself.
func accessAll(m *member, all []*member) hostaction.EtcdAccess {
	a := m.access()
	for _, o := range all {
		if o != m {
			a.Endpoints = append(a.Endpoints, o.client)
		}
	}
	return a
}

func names(all []*member) []string {
	var out []string
	for _, m := range all {
		out = append(out, m.name)
	}
	return out
}

func (m *member) asks(t *testing.T) *ask.Client {
	t.Helper()
	c, err := ask.New(m.access())
	must(t, err)
	return c
}

// serves waits until the member is healthy and the cluster has agreed on a version.
func (m *member) serves(t *testing.T) {
	t.Helper()
	c := m.asks(t)
	eventually(t, m.name+" serves", func(ctx context.Context) error {
		if p, ok, err := local.AtDataDir(m.data); err != nil || !ok {
			t.Fatalf("%s has ended (%d, %v):\n%s", m.name, p.PID, err, m.log)
		}
		a, err := c.Status(ctx, m.client)
		if err == nil && a.ClusterVersion.IsZero() {
			err = fmt.Errorf("no cluster version")
		}
		if err == nil {
			err = c.Health(ctx, m.client)
		}
		return err
	})
}

func (m *member) v3(t *testing.T) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{m.client}, Logger: zap.NewNop()})
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

// put writes keys.
func (m *member) put(t *testing.T, prefix string, n int) {
	t.Helper()
	c := m.v3(t)
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	for i := range n {
		if _, err := c.Put(ctx, fmt.Sprintf("/registry/%s/%d", prefix, i), strings.Repeat("x", 100)); err != nil {
			t.Fatal(err)
		}
	}
}

// count reads how many keys there are below a prefix.
func (m *member) count(t *testing.T, prefix string) int64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	r, err := m.v3(t).Get(ctx, "/registry/"+prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
	must(t, err)
	return r.Count
}

// local finds the member as the agent does.
func (m *member) local(t *testing.T) *local.Member {
	t.Helper()
	p, ok, err := local.AtDataDir(m.data)
	if err != nil || !ok {
		t.Fatalf("find %s: %t, %v", m.name, ok, err)
	}
	l, err := local.OfProcess(t.Context(), m.units, p)
	must(t, err)
	return l
}

// replace is the action for the member with arguments changed.
func (m *member) replace(from, to string, all []*member, args ...string) hostaction.EtcdReplace {
	return hostaction.EtcdReplace{Name: m.name, From: v(from), Version: v(to), Run: cluster.EtcdAsProcess, Access: accessAll(m, all), Binary: m.program,
		Args: append(slices.Clone(m.args), args...), Env: []string{"ETCD_UNSUPPORTED_ARCH=" + runtime.GOARCH}, Owner: fmt.Sprintf("%d:%d", os.Getuid(), os.Getgid()),
		DataDir: m.data, Wait: time.Minute}
}

func (m *member) is(t *testing.T, release string) {
	t.Helper()
	a, err := m.asks(t).Status(t.Context(), m.client)
	if err != nil || a.Version != v(release) {
		t.Fatalf("%s is of %s, want %s: %v", m.name, a.Version, release, err)
	}
}

func v(s string) version.Version { return version.MustParse(s) }

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for a condition.
func eventually(t *testing.T, what string, so func(ctx context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := so(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-tick.C:
		}
	}
}
