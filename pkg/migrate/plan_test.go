package migrate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/raft/v3/raftpb"
	"google.golang.org/protobuf/proto"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/raftlog"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

func binaries(t *testing.T, versions ...string) *hops.Binaries {
	t.Helper()
	dir := t.TempDir()
	for _, v := range versions {
		if err := os.WriteFile(filepath.Join(dir, "etcd-"+v), nil, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	b, err := hops.Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var all = []string{"2.3.8", "3.0.17", "3.1.20", "3.2.32", "3.3.27", "3.4.16", "3.5.35", "3.6.16", "3.7.3"}

func v2Data(members int) *datadir.Info {
	i := &datadir.Info{Version: "2.3", NodeID: 1, Contents: &v2.Contents{}, V2: datadir.V2{Keys: 1, LogWrites: 3, Prefixes: map[string]int{"/registry": 1}}}
	for n := range members {
		i.V2.Members = append(i.V2.Members, v2.Member{ID: uint64(n + 1)}) //nolint:gosec // small
	}
	return i
}

func v3Data(version string) *datadir.Info {
	i := &datadir.Info{Version: version, NodeID: 1, Log: &raftlog.Log{}, Contents: &v2.Contents{}, Database: &datadir.Database{Keys: 5, Revision: 9}, V2: datadir.V2{Members: []v2.Member{{ID: 1}}}}
	if version >= "3.6" {
		i.Database.StorageVersion, i.Database.Members = version, i.V2.Members
	}
	return i
}

// killed is a member whose log has a write that did not reach the database.
func killed(i *datadir.Info) *datadir.Info {
	index, put := i.Database.ConsistentIndex+1, &etcdserverpb.InternalRaftRequest{Put: &etcdserverpb.PutRequest{Key: []byte("k")}}
	data, err := proto.Marshal(put)
	if err != nil {
		panic(err)
	}
	i.Log.Entries = []*raftpb.Entry{{Index: &index, Data: data}}
	return i
}

// three is one member of three.
func three(version string) *datadir.Info {
	i := v3Data(version)
	i.V2.Members = append(i.V2.Members, v2.Member{ID: 2}, v2.Member{ID: 3})
	return i
}

// leftover has a key of the v2 API beside those of v3.
func leftover(i *datadir.Info) *datadir.Info {
	i.V2.Keys = 1
	return i
}

func steps(p *Plan) string {
	var list []string
	for _, s := range p.Steps {
		list = append(list, fmt.Sprintf("%s %s", s.Kind, s.Minor))
	}
	return strings.Join(list, ", ")
}

func TestMakePlan(t *testing.T) {
	for _, c := range []struct {
		name     string
		info     *datadir.Info
		to       string
		strategy Strategy
		want     string
	}{
		{"v2 straight", v2Data(1), "3.6", Auto, "convert 3.5, run 3.6"},
		{"v2 to an old one", v2Data(1), "3.2", Auto, "convert 3.2, run 3.2"},
		{"v2 stepwise", v2Data(1), "3.1", Stepwise, "convert 3.0, run 3.0, run 3.1"},
		{"v2 of three", v2Data(3), "3.7", Auto, "convert 3.5, check 3.7"},
		{"straight", v3Data("3.3"), "3.5", Auto, "rebase 3.5, run 3.5"},
		{"straight over 3.5", v3Data("3.4"), "3.7", Auto, "rebase 3.5, run 3.7"},
		{"with keys that 3.5 still serves", leftover(v3Data("3.3")), "3.5", Auto, "run 3.4, run 3.5"},
		{"stepwise", v3Data("3.3"), "3.5", Stepwise, "run 3.4, run 3.5"},
		{"stepwise over 3.5", v3Data("3.4"), "3.7", Stepwise, "run 3.5, rebase 3.5, run 3.6, run 3.7"},
		{"stepwise from 3.5", v3Data("3.5"), "3.6", Stepwise, "run 3.5, rebase 3.5, run 3.6"},
		{"killed", killed(v3Data("3.4")), "3.6", Auto, "run 3.5, rebase 3.5, run 3.6"},
		{"3.6 as it is", v3Data("3.6"), "3.7", Restore, "run 3.7"},
		{"restore", v3Data("3.1"), "3.6", Restore, "rebase 3.5, run 3.6"},
		{"restore what was killed", killed(v3Data("3.1")), "3.6", Restore, "run 3.1, rebase 3.5, run 3.6"},
		{"v2 stays", v2Data(1), "2.3", Auto, ""},
		{"back", v3Data("3.7"), "3.5", Auto, "rebase 3.5, run 3.5"},
		{"back by one", v3Data("3.7"), "3.6", Restore, "rebase 3.5, run 3.6"},
		{"back as etcd does it", v3Data("3.7"), "3.5", Stepwise, "downgrade 3.6, run 3.6, downgrade 3.5, run 3.5"},
		{"one of three to the next", three("3.4"), "3.5", Auto, ""},
		{"nothing to do", v3Data("3.6"), "3.6", Auto, ""},
	} {
		p, err := MakePlan(c.info, c.to, Options{Strategy: c.strategy, Downgrade: true}, binaries(t, all...))
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := steps(p); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

func TestMakePlanRefuses(t *testing.T) {
	auth := v2Data(1)
	auth.V2.AuthEnabled = true
	both := v3Data("3.5")
	both.V2.Keys, both.Contents.Keys = 1, []v2.Key{{Path: "/coreos.com/network/config"}}
	removed, learner, corrupt, logged := v3Data("3.5"), v3Data("3.5"), v3Data("3.5"), three("3.5")
	removed.NodeID = 7
	learner.V2.Members[0].Learner = true
	corrupt.Database.Alarms = []string{"CORRUPT of 1"}
	logged.V2.LogWrites = 1
	for name, c := range map[string]struct {
		info *datadir.Info
		to   string
		drop bool
		want error
	}{
		"newer than the target":       {v3Data("3.6"), "3.5", false, ErrRefused},
		"passwords":                   {auth, "3.6", false, ErrRefused},
		"passwords left behind":       {auth, "3.6", true, nil},
		"v2 keys that v3 lacks":       {both, "3.6", false, ErrRefused},
		"v2 keys that 3.5 still has":  {v3Data("3.4"), "3.5", false, nil},
		"v2 keys that are not wanted": {both, "3.6", true, nil},
		"one of three":                {three("3.3"), "3.5", false, ErrRefused},
		"leftovers in one of three":   {logged, "3.6", false, ErrRefused},
		"back without being asked":    {v3Data("3.6"), "3.5", false, ErrRefused},
		"a removed member":            {removed, "3.6", false, ErrRefused},
		"a learner":                   {learner, "3.6", false, ErrRefused},
		"corrupt data":                {corrupt, "3.6", false, ErrRefused},
	} {
		if _, err := MakePlan(c.info, c.to, Options{Strategy: Auto, DropV2: c.drop}, binaries(t, all...)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := MakePlan(v3Data("3.3"), "3.5", Options{Strategy: Stepwise}, binaries(t, "3.5.35")); !errors.Is(err, hops.ErrMissing) {
		t.Errorf("3.4 is not at hand: %v", err)
	}
}
