package etcd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/ask"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd/tool"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestStarts(t *testing.T) {
	db := func(cluster, storage string) *tool.Info {
		return &tool.Info{Database: &tool.Database{ClusterVersion: cluster, StorageVersion: storage}}
	}
	for name, c := range map[string]struct {
		info *tool.Info
		from string
		want bool
	}{
		"3.6 has started on it, and nobody has agreed on it": {db("3.5.0", ""), "3.5.35", true},
		"the cluster has agreed on 3.6":                      {db("3.6.0", ""), "3.5.35", false},
		"the data are of 3.6":                                {db("3.5.0", "3.6.0"), "3.5.35", false},
		"only the log says so":                               {&tool.Info{V2: tool.V2{ClusterVersion: "3.5.0"}, Database: &tool.Database{ClusterVersion: "3.4.0"}}, "3.4.16", false},
		"2.x without a database":                             {&tool.Info{V2: tool.V2{ClusterVersion: "2.3.0"}}, "2.3.8", true},
		"2.x with a database":                                {&tool.Info{V2: tool.V2{ClusterVersion: "2.3.0"}, Database: &tool.Database{}}, "2.3.8", false},
		"a cluster that has agreed on nothing yet":           {db("", ""), "3.5.35", true},
	} {
		if got := starts(c.info, version.MustParse(c.from)); got != c.want {
			t.Errorf("%s: %t", name, got)
		}
	}
}

func TestZombies(t *testing.T) {
	info := &tool.Info{Database: &tool.Database{Members: []tool.Member{{ID: 1, Name: "a"}, {ID: 2, Name: "b", Learner: true}, {ID: 9, Name: "gone"}, {ID: 4, Name: "d"}}}}
	live := &ask.Cluster{}
	for id, name := range map[uint64]string{1: "a", 2: "b", 3: "c", 4: "d"} {
		live.Members = append(live.Members, ask.Member{RaftID: id, EtcdMember: cluster.EtcdMember{Name: name, Learner: name == "d"}})
	}
	want := []string{
		"member 2 (b) is a learner in the database, and a voter in the cluster",
		"member 3 (c) is in the cluster, and not in the database",
		"member 4 (d) is a voter in the database, and a learner in the cluster",
		"member 9 (gone) is in the database, and no longer in the cluster",
	}
	if d := cmp.Diff(want, zombies(info, live)); d != "" {
		t.Error(d)
	}
	info.V2.Members = []tool.Member{{ID: 1}, {ID: 2, Learner: true}, {ID: 9}, {ID: 4}}
	if got := zombies(info, nil); len(got) > 0 {
		t.Errorf("by its own log: %v", got)
	}
}

func TestEditFiles(t *testing.T) {
	dir := t.TempDir()
	target, link := filepath.Join(dir, "target"), filepath.Join(dir, "link")
	if err := os.WriteFile(target, []byte("old"), 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, link); err != nil {
		t.Fatal(err)
	}
	h := Host{Log: t.Output()}
	sum, err := sumOf(target)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time it is done
		fresh := filepath.Join(dir, "fresh")
		a := hostaction.EditFiles{Files: []hostaction.FileChange{{Path: link, Before: sum, After: "new"}, {Path: fresh, After: "text"}}}
		if _, err := h.EditFiles(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		info, err := os.Lstat(target)
		if err != nil || info.Mode().Perm() != 0o640 {
			t.Errorf("mode of the file: %v, %v", info.Mode(), err)
		}
		if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
			t.Errorf("the link is none any more: %v, %v", info, err)
		}
	}
	// Nothing is written where one of the files is not what it was.
	a := hostaction.EditFiles{Files: []hostaction.FileChange{{Path: filepath.Join(dir, "another"), After: "x"}, {Path: target, Before: sum, After: "newer"}}}
	if _, err := h.EditFiles(t.Context(), a); err == nil || !strings.Contains(err.Error(), "somebody has changed it") {
		t.Errorf("err = %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "another")); err == nil {
		t.Error("a file was written all the same")
	}
}

func TestMigrates(t *testing.T) {
	pod := func(init string) []hostaction.FileChange {
		return []hostaction.FileChange{{After: "spec:\n  containers: [{name: etcd}]\n" + init}}
	}
	for init, want := range map[string]bool{
		"": false,
		"  initContainers: [{name: m, image: 'r/etcd-migrate:1', args: [migrate, --to, '3.6']}]":     true,
		"  initContainers: [{name: m, image: 'r/x:1', command: [/usr/local/bin/etcd-migrate]}]":      true,
		"  initContainers: [{name: m, image: 'r/etcd-migrate:1'}]":                                   true,
		"  initContainers: [{name: m, image: 'r/busybox:1', command: [sh, -c, 'echo etcd is due']}]": false,
	} {
		if got := migrates(pod(init)); got != want {
			t.Errorf("%s: %t", init, got)
		}
	}
}
