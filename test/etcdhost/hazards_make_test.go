//go:build realetcd

package etcdhost

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"golang.org/x/sys/unix"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/local"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
)

// leads tells whether the member answers, and is the one of an ID.
func (m *member) leads(ctx context.Context, t *testing.T, id uint64) bool {
	t.Helper()
	a, err := m.asks(t).Status(ctx, m.client)
	return err == nil && id != 0 && a.ID == id && a.Leader == id
}

// down kills members, by their place.
func down(which ...int) func(*testing.T, []*member, *preflight.EtcdInput) {
	return func(t *testing.T, all []*member, _ *preflight.EtcdInput) {
		t.Helper()
		for _, i := range which {
			must(t, syscall.Kill(all[i].pid(t), syscall.SIGKILL))
			eventually(t, "end", func(context.Context) error {
				_, runs, err := local.AtDataDir(all[i].data)
				if runs {
					err = errors.New("it runs")
				}
				return err
			})
		}
		// The others notice after an election's time-out, and elect another one where they are a majority.
		majority := 2*len(which) < len(all)
		eventually(t, "have a leader, or none", func(ctx context.Context) error {
			a, err := all[0].asks(t).Status(ctx, all[0].client)
			led := err == nil && slices.ContainsFunc(all, func(m *member) bool { return m.leads(ctx, t, a.Leader) })
			if led != majority {
				return fmt.Errorf("there is one: %t (%v)", led, err)
			}
			return nil
		})
	}
}

func learner(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, err := all[0].v3(t).MemberAddAsLearner(ctx, []string{"http://" + free(t, 1)[0]})
	must(t, err)
}

// fill writes until the quota says no.
func fill(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := all[0].v3(t)
	for {
		if _, err := c.Put(ctx, "/registry/fat", strings.Repeat("x", 50_000)); err != nil {
			if !strings.Contains(err.Error(), "database space exceeded") {
				t.Fatal(err)
			}
			return
		}
	}
}

// corrupt raises the alarm as a member does whose hash is another than the leader's.
func corrupt(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	alarm(t, all[0], etcdserverpb.AlarmRequest_ACTIVATE, all[0].asksID(t), etcdserverpb.AlarmType_CORRUPT)
}

// smallDisk gives a member a disk of its own.
func smallDisk(t *testing.T, all []*member) {
	t.Helper()
	dir := all[0].data
	must(t, os.Mkdir(dir, 0o700))
	if err := unix.Mount("etcd-hazard", dir, "tmpfs", 0, "size=256m"); err != nil {
		t.Fatalf("mount a small disk (be root): %v", err)
	}
	t.Cleanup(func() { must(t, unix.Unmount(dir, unix.MNT_DETACH)) })
}

// fillDisk leaves a megabyte of it.
func fillDisk(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	var s unix.Statfs_t
	must(t, unix.Statfs(all[0].data, &s))
	f, err := os.Create(filepath.Join(all[0].data, "full"))
	must(t, err)
	defer f.Close()
	must(t, unix.Fallocate(int(f.Fd()), 0, 0, int64(s.Bavail)*s.Bsize-1<<20)) //nolint:gosec // the disk is small
}

func passwords(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	c := all[0].v3(t)
	_, err := c.UserAdd(ctx, "root", "secret")
	must(t, err)
	_, err = c.UserGrantRole(ctx, "root", "root")
	must(t, err)
	_, err = c.AuthEnable(ctx)
	must(t, err)
}

func v2Keys(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	resp, err := http.PostForm(all[0].client+"/v2/keys/coreos.com/network", url.Values{"value": {"x"}})
	must(t, err)
	resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Fatal(resp.Status)
	}
}

// zombie leaves a member in the database that the cluster does not have, which 3.4 neither heeds nor takes out: https://github.com/etcd-io/etcd/issues/20967
func zombie(t *testing.T, all []*member, _ *preflight.EtcdInput) {
	t.Helper()
	m := all[0]
	m.stop(t)
	db, err := bolt.Open(filepath.Join(m.data, "member", "snap", "db"), 0o600, &bolt.Options{Timeout: time.Second})
	must(t, err)
	must(t, db.Update(func(tx *bolt.Tx) error {
		gone, err := json.Marshal(map[string]any{"id": 0x1234, "name": "gone", "peerURLs": []string{"http://127.0.0.9:2380"}})
		if err != nil {
			return err
		}
		return tx.Bucket([]byte("members")).Put([]byte("0000000000001234"), gone)
	}))
	must(t, db.Close())
	m.start(t)
	m.serves(t)
}

// apart makes each member a cluster of its own.
func apart(t *testing.T, all []*member) {
	t.Helper()
	for _, m := range all {
		m.args[len(m.args)-1] = m.name + "=" + m.peer
	}
}

// halfWay has the last member run another release, as after an upgrade that was cut short.
func halfWay(release string) func(*testing.T, []*member) {
	return func(t *testing.T, all []*member) {
		t.Helper()
		last := all[len(all)-1]
		must(t, os.Remove(last.program))
		must(t, os.Symlink(filepath.Join(tools, "etcd-"+release), last.program))
	}
}

func storedByV2(t *testing.T, all []*member, in *preflight.EtcdInput) {
	t.Helper()
	text := "spec: {containers: [{name: kube-apiserver, command: [kube-apiserver, --storage-backend=etcd2, '--etcd-servers=" + all[0].client + "']}]}"
	c, err := local.ServerOf("kube-apiserver.yaml", []byte(text))
	must(t, err)
	c.Node = all[0].name
	in.Cluster.Etcd = &cluster.Etcd{Clients: []cluster.EtcdClient{*c}}
}

func backupInside(t *testing.T, all []*member, in *preflight.EtcdInput) {
	t.Helper()
	in.BackupDir = filepath.Join(all[0].data, "snapshots")
}
