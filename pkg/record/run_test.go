package record

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// large is the plan of a cluster with so many workers, 40 pods on each.
func large(t *testing.T, workers int) *plan.Plan {
	t.Helper()
	from, to := version.MustParse("v1.33.1"), version.MustParse("v1.34.4")
	c := &cluster.Cluster{UID: "uid", Server: "https://10.0.0.1:6443", Version: from, Kubeadm: cluster.KubeadmConfig{KubernetesVersion: from}}
	packages := plan.Packages{}
	full := map[string]string{"kubeadm": "1.34.4-1.1", "kubelet": "1.34.4-1.1", "kubectl": "1.34.4-1.1"}
	for i := range workers + 3 {
		n := cluster.Node{Name: fmt.Sprintf("ip-10-0-%d-%d.eu-central-1.compute.internal", i/250, i%250), Role: cluster.Worker, Ready: true, KubeletVersion: from,
			Host: &cluster.Host{Packages: []cluster.Package{{Name: "kubeadm", Held: true}, {Name: "kubelet", Held: true}, {Name: "kubectl", Held: true}}}}
		if i < 3 {
			n.Role = cluster.ControlPlane
			for _, s := range plan.ControlPlaneComponents {
				n.StaticPods = append(n.StaticPods, cluster.StaticPod{Component: s, Version: from, Ready: true})
			}
		}
		for p := range 40 {
			n.Pods = append(n.Pods, cluster.Pod{Namespace: fmt.Sprintf("team-%d", p%7), Name: fmt.Sprintf("service-%d-%s-%s", p, random(5), random(3)), Controller: "ReplicaSet"})
		}
		c.Nodes = append(c.Nodes, n)
		change := []hostaction.PackageChange{{Name: "kubelet", From: "1.33.1-1.1", To: "1.34.4-1.1", Action: "upgrade"}}
		packages[n.Name] = map[version.Version]hostaction.Resolution{to: {Versions: full, Kubeadm: change, Rest: change}}
	}
	p, err := plan.ForCluster(plan.Input{Cluster: c, Path: []version.Version{to}, Packages: packages})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func random(bytes int) string {
	b := make([]byte, bytes)
	_, _ = rand.Read(b) // it never fails
	return hex.EncodeToString(b)
}

func total(cm *corev1.ConfigMap) int {
	n := size(cm)
	for _, b := range cm.BinaryData {
		n += len(b)
	}
	return n
}

func packed(t *testing.T, r Run) *corev1.ConfigMap {
	t.Helper()
	p, err := packPlan(&r)
	if err != nil {
		t.Fatal(err)
	}
	cm, err := configMap(&r, "token", p)
	if err != nil {
		t.Fatal(err)
	}
	return cm
}

// TestThousandNodesFit: plan and journal of a thousand nodes, every step finished.
func TestThousandNodesFit(t *testing.T) {
	r := testRun("large")
	r.Plan = large(t, 1000)
	at := time.Now().UTC()
	for s := range r.Plan.Steps() {
		at = at.Add(1234567 * time.Microsecond)
		r.apply(event.StepStarted{Time: at, ID: s.ID})
		r.apply(event.StepFinished{Time: at, ID: s.ID, State: event.Done, Took: 1234567 * time.Microsecond})
	}
	cm := packed(t, r)
	t.Logf("%d steps take %d bytes", len(r.Journal), total(cm))
	if n := total(cm); n > roomFor {
		t.Fatalf("the record takes %d bytes, a ConfigMap holds %d", n, roomFor)
	}
	back, err := readConfigMap(cm)
	if err != nil {
		t.Fatal(err)
	}
	// A comparison by fields would take minutes.
	want, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := json.Marshal(back); err != nil || !bytes.Equal(want, got) {
		t.Errorf("what is read back is not what was written (%v)", err)
	}
}

func TestWhatDoesNotFitIsLeftOut(t *testing.T) {
	r := testRun("too large")
	for range 40000 {
		r.Plan.Reasons = append(r.Plan.Reasons, random(30))
	}
	r.apply(event.StepFinished{Time: time.Now().UTC(), ID: "a", State: event.Done})
	cm := packed(t, r)
	if n := total(cm); n > roomFor {
		t.Fatalf("the record takes %d bytes, a ConfigMap holds %d", n, roomFor)
	}
	back, err := readConfigMap(cm)
	if err != nil || back.Plan != nil || len(back.Journal) != 1 || !strings.Contains(back.LeftOut, "the plan takes") {
		t.Errorf("read back plan %v, journal %v, left out %q, %v", back.Plan, back.Journal, back.LeftOut, err)
	}
}

func TestJournalIsReadBack(t *testing.T) {
	logs, err := OpenLogs("journal-uid", "20260101T000000Z-v1.34.4")
	if err != nil {
		t.Fatal(err)
	}
	r := testRun("20260101T000000Z-v1.34.4")
	j, err := logs.Begin(r, t.Errorf)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC()
	events := []event.Event{
		event.StepStarted{Time: at, ID: "a"}, event.StepWaiting{Time: at, ID: "a", For: "x"}, event.StepOutput{Time: at, ID: "a", Line: "no"},
		event.StepFinished{Time: at.Add(time.Second), ID: "a", State: event.Done, Took: time.Second},
		event.Notice{Time: at, Text: "hello"}, event.ProbeGap{Start: at, End: at.Add(time.Second), Steps: []string{"a"}},
		event.StepFinished{Time: at, ID: "z", State: event.Skipped},
		event.StepStarted{Time: at.Add(2 * time.Second), ID: "b"}, event.StepWaiting{Time: at.Add(3 * time.Second), ID: "b", For: "pod db-0"},
	}
	want := r.clone()
	for _, e := range events {
		j.Emit(e)
		want.apply(e)
	}
	// A run that is killed may leave half a line.
	if _, err := j.file.WriteString(`{"time":"2026-01-01T00:0`); err != nil {
		t.Fatal(err)
	}
	back, err := Local("journal-uid", "")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(&want, back); d != "" || len(back.Journal) != 1 || len(back.Steps) != 1 {
		t.Errorf("read back: %s", d)
	}
	text, err := os.ReadFile(filepath.Join(logs.Dir(), journalFile))
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Split(string(text), "\n"); !strings.Contains(lines[0], `"plan":{`) || strings.Contains(string(text), `"no"`) {
		t.Errorf("journal:\n%s", text)
	}
	if none, err := Local("journal-uid", "20270101T000000Z-v1.34.4"); none != nil || err != nil {
		t.Errorf("a run that never was: %+v, %v", none, err)
	}
}

func TestEndOfAJournal(t *testing.T) {
	for _, id := range []string{"20260101T000000Z-v1.33.1", "20260102T000000Z-v1.34.4"} {
		logs, err := OpenLogs("end-uid", id)
		if err != nil {
			t.Fatal(err)
		}
		j, err := logs.Begin(testRun(id), t.Errorf)
		if err != nil {
			t.Fatal(err)
		}
		j.Emit(event.StepStarted{Time: time.Now(), ID: "a"})
		j.Finish(Paused, nil)
	}
	r, err := Local("end-uid", "")
	if err != nil || r.ID != "20260102T000000Z-v1.34.4" || r.State != Paused || len(r.Steps) != 0 {
		t.Errorf("the last run is %+v, %v", r, err)
	}
}

func TestUnfinished(t *testing.T) {
	for _, c := range []struct {
		server string
		end    State
		want   bool
	}{{"https://killed:6443", "", true}, {"https://failed:6443", Failed, true}, {"https://done:6443", Done, false}, {"https://given-up:6443", GivenUp, false}} {
		r := testRun("20260101T000000Z-v1.34.4")
		r.Plan.Cluster.Server = c.server
		logs, err := OpenLogs("uid of "+filepath.Base(c.server), r.ID)
		if err != nil {
			t.Fatal(err)
		}
		j, err := logs.Begin(r, t.Errorf)
		if err != nil {
			t.Fatal(err)
		}
		if c.end != "" {
			j.Finish(c.end, nil)
		}
		if got := Unfinished(c.server); got != c.want {
			t.Errorf("%s, which ended as %q: unfinished %v", c.server, c.end, got)
		}
	}
	if Unfinished("https://unheard-of:6443") {
		t.Error("a server that was never upgraded is in the middle of an upgrade")
	}
}

func TestMerge(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	entry := func(id string, after time.Duration, s event.State) Entry {
		return Entry{ID: id, Started: at.Add(after), Took: plan.Duration(time.Second), State: s}
	}
	inCluster, local := testRun("1"), testRun("1")
	inCluster.Plan, inCluster.LeftOut = nil, "the plan is too large"
	inCluster.Updated = at.Add(3 * time.Second)
	inCluster.Steps = []Step{{ID: "b", Started: at.Add(2 * time.Second)}}
	inCluster.Journal = []Entry{entry("a", 0, event.Done), entry("c", 0, event.Failed)}
	local.Updated, local.State = at.Add(time.Minute), Failed
	local.Journal = []Entry{entry("a", 0, event.Done), entry("b", 2*time.Second, event.Done), entry("c", 30*time.Second, event.Done)}
	for _, got := range []*Run{Merge(&inCluster, &local), Merge(&local, &inCluster)} {
		want := []Entry{entry("a", 0, event.Done), entry("b", 2*time.Second, event.Done), entry("c", 30*time.Second, event.Done)}
		if d := cmp.Diff(want, got.Journal); d != "" {
			t.Error(d)
		}
		if got.State != Failed || len(got.Steps) != 0 || got.Plan == nil || got.LeftOut != "" {
			t.Errorf("merged %+v", got)
		}
	}
	other := testRun("2")
	if got := Merge(&inCluster, &other); got != &inCluster {
		t.Errorf("a run that is another was merged: %+v", got)
	}
	if got := Merge(nil, &local); got != nil {
		t.Errorf("a cluster without a record got %+v", got)
	}
}
