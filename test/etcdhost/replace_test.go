//go:build realetcd

package etcdhost

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/disk"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// writer writes one key after the other, and keeps what was acknowledged.
type writer struct {
	stop chan struct{}
	done chan []string
}

func write(t *testing.T, all []*member) *writer {
	t.Helper()
	var endpoints []string
	for _, m := range all {
		endpoints = append(endpoints, m.client)
	}
	c, err := clientv3.New(clientv3.Config{Endpoints: endpoints, Logger: zap.NewNop()})
	must(t, err)
	w := &writer{make(chan struct{}), make(chan []string, 1)}
	go func() {
		defer c.Close()
		var acknowledged []string
		for n := 0; ; n++ {
			select {
			case <-w.stop:
				w.done <- acknowledged
				return
			default:
			}
			key := fmt.Sprintf("/registry/w/%06d", n)
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			if _, err := c.Put(ctx, key, "x"); err == nil {
				acknowledged = append(acknowledged, key)
			}
			cancel()
		}
	}()
	return w
}

// end ends the writing and gives what was acknowledged.
func (w *writer) end() []string {
	close(w.stop)
	return <-w.done
}

// check wants every acknowledged key on a member.
func (w *writer) check(t *testing.T, m *member) {
	t.Helper()
	holds(t, m, w.end())
}

func holds(t *testing.T, m *member, keys []string) {
	t.Helper()
	r, err := m.v3(t).Get(t.Context(), "/registry/w/", clientv3.WithPrefix(), clientv3.WithKeysOnly())
	must(t, err)
	have := map[string]bool{}
	for _, kv := range r.Kvs {
		have[string(kv.Key)] = true
	}
	if len(keys) == 0 {
		t.Error("nothing was written")
	}
	for _, k := range keys {
		if !have[k] {
			t.Errorf("%s was acknowledged, and is lost", k)
		}
	}
}

// TestReplace takes three members from one minor to the next while somebody writes.
func TestReplace(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	start(t, all)
	w := write(t, all)
	for _, m := range all {
		h, a := m.host(t), m.replace("3.5.35", "3.6.16", all)
		got, err := h.Replace(t.Context(), a)
		must(t, err)
		if got.Unit != "etcd-"+m.name+".service" || got.Down <= 0 || got.Generation != 0 {
			t.Errorf("%s: %+v", m.name, got)
		}
		m.is(t, "3.6.16")
		before, _, err := local.AtDataDir(m.data)
		must(t, err)
		if _, err := h.Replace(t.Context(), a); err != nil {
			t.Errorf("asked again: %v", err)
		}
		if after, _, err := local.AtDataDir(m.data); err != nil || after.PID != before.PID {
			t.Errorf("asked again, process %d has become %d (%v)", before.PID, after.PID, err)
		}
	}
	if _, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.6.16"), Members: names(all)}); err != nil {
		t.Error(err)
	}
	w.check(t, all[1])
}

// TestReplaceGoesBack gives one member of three a flag that the new release does not know.
func TestReplaceGoesBack(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	start(t, all)
	m := all[2]
	sum, err := disk.Sum(m.program)
	must(t, err)
	a := m.replace("3.5.35", "3.6.16", all, "--enable-v2=true")
	_, err = m.host(t).Replace(t.Context(), a)
	if err == nil {
		t.Fatal("a flag that 3.6 does not know passes")
	}
	for _, want := range []string{"m3", "wait for etcd 3.6.16 to serve", "enable-v2", "runs as 3.5.35 again, as before, and is healthy"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
	m.is(t, "3.5.35")
	if now, err := disk.Sum(m.program); err != nil || now != sum {
		t.Errorf("the program is another one: %v", err)
	}
	p, _, err := local.AtDataDir(m.data)
	must(t, err)
	if strings.Join(p.Args, " ") != strings.Join(m.args, " ") {
		t.Errorf("its arguments are %v", p.Args)
	}
	if left, err := os.ReadDir(filepath.Join(m.work.EtcdKept(), m.name)); err == nil {
		t.Errorf("left: %v", left)
	}
	if _, err := all[0].host(t).Agree(t.Context(), hostaction.EtcdAgree{Access: accessAll(all[0], all), Version: v("3.5.35"), Members: names(all)}); err != nil {
		t.Error(err)
	}
}

// TestReplaceIsRefused asks for what would do harm.
func TestReplaceIsRefused(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 3)
	start(t, all)
	config := filepath.Join(all[0].dir, "environment")
	must(t, os.WriteFile(config, []byte("A=b\n"), 0o600))
	pid := func() int {
		p, _, err := local.AtDataDir(all[0].data)
		must(t, err)
		return p.PID
	}
	before := pid()
	refused := func(why string, a hostaction.EtcdReplace) {
		t.Helper()
		if _, err := all[0].host(t).Replace(t.Context(), a); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("want %q, got %v", why, err)
		}
		if now := pid(); now != before {
			t.Errorf("%s: process %d has become %d", why, before, now)
		}
	}
	a := all[0].replace("3.5.35", "3.6.16", all)
	a.From = v("3.5.30")
	refused("it is of v3.5.35, and the plan says v3.5.30", a)
	a = all[0].replace("3.5.35", "3.6.16", all)
	a.Files = []hostaction.FileChange{{Path: config, Before: strings.Repeat("0", 64), After: "A=c\n"}}
	refused("somebody has changed it since the plan was made", a)

	p, _, err := local.AtDataDir(all[1].data)
	must(t, err)
	must(t, syscall.Kill(p.PID, syscall.SIGKILL))
	refused("1 of the other 2 members are healthy, and 2 have to be: m2", all[0].replace("3.5.35", "3.6.16", all))
}

// TestReplaceAlone has no other member to rely on: its data are kept, and go back where the old program does not take them any more.
func TestReplaceAlone(t *testing.T) {
	t.Parallel()
	all := members(t, "3.5.35", 1, "--snapshot-count", "20")
	m, h := all[0], all[0].host(t)
	start(t, all)
	m.put(t, "a", 100)
	a := m.replace("3.5.35", "3.6.16", all)
	// Somebody writes until the member ends: all of that has to come back.
	w := write(t, all)
	written := sync.OnceValue(w.end)
	during := h
	during.Log = lines{h.Log, func(line string) {
		if strings.HasPrefix(line, "starting") {
			written()
		}
	}}
	got, err := during.Replace(t.Context(), a)
	must(t, err)
	if got.Generation != 1 {
		t.Errorf("replaced %+v", got)
	}
	if _, err := h.Agree(t.Context(), hostaction.EtcdAgree{Access: m.access(), Version: v("3.6.16"), Members: names(all)}); err != nil {
		t.Fatal(err)
	}
	if n := m.count(t, "a/"); n != 100 {
		t.Errorf("%d keys", n)
	}
	m.put(t, "b", 5)
	// 3.5 does not start on what 3.6 has made of the data.
	if _, err := h.Rollback(t.Context(), hostaction.EtcdRollback{Member: a}); err != nil {
		t.Fatal(err)
	}
	m.is(t, "3.5.35")
	if n, later := m.count(t, "a/"), m.count(t, "b/"); n != 100 || later != 0 {
		t.Errorf("%d keys from before, %d from after", n, later)
	}
	holds(t, m, written())
	// And the data of the newer one are not gone either.
	if kept, err := filepath.Glob(filepath.Join(m.data, ".etcd-migrate", "generations", "0002", "member", "snap", "db")); err != nil || len(kept) != 1 {
		t.Errorf("kept: %v, %v", kept, err)
	}
	if _, err := h.Rollback(t.Context(), hostaction.EtcdRollback{Member: a}); err != nil {
		t.Errorf("asked again: %v", err)
	}
}
