package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/engine"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

var (
	began    = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)
	from, to = version.MustParse("v1.33.13"), version.MustParse("v1.34.4")
)

// evil is a text of somebody else's that would be markup.
const evil = `<script>alert(1)</script>|"` + "`"

// stopped is a run that upgraded w-1 and failed in the drain of w-2, with one gap of the API.
func stopped() *Report {
	p := &plan.Plan{Kind: plan.UpgradeKind, From: from, To: to, Path: []version.Version{to}, Digest: "sha256:1", Cluster: plan.ClusterRef{UID: "uid", Server: "https://10.0.0.1:6443", Context: evil},
		Reasons: []string{"cp-1 goes first"}, Etcd: &plan.EtcdPlan{Changes: []plan.EtcdChange{{Node: "cp-1", Member: evil, Path: "/etc/kubernetes/manifests/etcd.yaml", To: to, Diff: "-a\n+b\n"}}}}
	ph := plan.Phase{ID: "1.34/nodes/w-1", Title: "Workers"}
	r := &Report{APIVersion: plan.APIVersion, Kind: "ClusterUpgradeReport", ExitCode: 3, Result: "stopped", Error: "step w-2/drain: " + evil, Next: "kubectl upgrade cluster --to v1.34.4",
		From: from, To: to, Plan: p, Started: began, Took: plan.Duration(5 * time.Minute),
		Findings: []preflight.Finding{{ID: "capacity", Severity: preflight.Warning, Object: `node "w-1"`, Message: evil, Fix: "add a node", Link: "https://kubernetes.io/x"}},
		Probe:    &Probe{Requests: 100, Failed: 3, Longest: plan.Duration(1500 * time.Millisecond), Gaps: []Gap{{Start: began.Add(30 * time.Second), Took: plan.Duration(1500 * time.Millisecond), Steps: []string{"w-1/kubelet"}, Error: "refused"}}},
		Etcd:     &EtcdDone{Snapshots: []hostaction.Snapshot{{Node: "cp-1", Path: "/var/lib/etcd-backup/x.db", Size: 7, SHA256: strings.Repeat("ab", 32), Hash: "deadbeef", Verified: true}}}}
	r.Members = []cluster.EtcdMember{{Name: evil, Node: "cp-1", Leader: true, EtcdStatus: cluster.EtcdStatus{Version: version.MustParse("v3.6.11"), Alarms: []string{"NOSPACE"}}}}
	at := began
	for _, n := range []string{"w-1", "w-2"} {
		p.Nodes = append(p.Nodes, plan.NodeSummary{Name: n, Role: "worker", Kubelet: from, Evicted: []string{"shop/db-0"},
			Stops: []plan.NodeStop{{Version: to, Packages: []plan.PackageChange{{Name: "kubelet", From: "1.33.13-1.1", To: "1.34.4-1.1", Action: "upgrade"}}}}})
		g := plan.Group{ID: ph.ID + "/" + n, Title: n}
		for _, k := range []plan.Kind{plan.Cordon, plan.Drain, of(hostaction.RestartKubelet{}), plan.Uncordon} {
			s := plan.Step{ID: n + "/" + string(k), Title: string(k), Kind: k, Node: n}
			g.Steps = append(g.Steps, s)
			res := engine.Result{ID: s.ID, Node: n, State: event.Done, Started: at, Took: plan.Duration(30 * time.Second), Step: s}
			switch {
			case n == "w-2" && k == plan.Drain:
				res.State, res.Error = event.Failed, evil
			case n == "w-2" && k != plan.Cordon:
				res.State, res.Started, res.Took = event.Skipped, time.Time{}, 0
			}
			r.Steps = append(r.Steps, res)
			at = at.Add(30 * time.Second)
		}
		ph.Groups = append(ph.Groups, g)
	}
	p.Phases = []plan.Phase{ph}
	r.Nodes = Nodes(r.Steps)
	return r
}

func html(t *testing.T, r *Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := HTML(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestHTMLTellsEverything(t *testing.T) {
	got := html(t, stopped())
	for _, want := range []string{
		"Upgrade v1.33.13 to v1.34.4", `<span class="result">stopped</span>`, "https://10.0.0.1:6443", "sha256:1", "upgrade kubelet 1.33.13-1.1 → 1.34.4-1.1",
		`class="c-drain"`, `class="c-failed"`, `class="c-gap"`, `class="c-cordoned"`, "longest gap 1.5s", "capacity", "add a node", `href="https://kubernetes.io/x"`,
		strings.Repeat("ab", 32), "deadbeef", "restored and served once", "kubectl upgrade cluster --to v1.34.4", "kubectl upgrade abort",
		"kubectl upgrade abort --rollback-node w-1", "kubectl upgrade etcd verify /var/lib/etcd-backup/x.db@cp-1", "cp-1 goes first", "planned:",
		"<td>cp-1</td><td>-</td><td>3.6.11</td><td>leader</td><td>-</td><td>alarm NOSPACE</td>",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

// A report is looked at where there is no network, and holds text of many others.
func TestHTMLNeedsAndTrustsNobody(t *testing.T) {
	got := html(t, stopped())
	for _, bad := range []string{"<script", "src=", "@import", "url(", "<link", "javascript:"} {
		if strings.Contains(got, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	body := got[strings.Index(got, "<body>"):strings.Index(got, "</html>")]
	for d := xml.NewDecoder(strings.NewReader(body)); ; {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("the page is not well-formed: %v", err)
		}
	}
}

func TestTimelineStaysInItsPicture(t *testing.T) {
	r := stopped()
	// The API is probed before the first step and after the last one, too.
	for _, at := range []time.Duration{-time.Minute, time.Hour} {
		r.Probe.Gaps = append(r.Probe.Gaps, Gap{Start: began.Add(at), Took: plan.Duration(time.Second), Error: "refused"})
	}
	tl := newTimeline(r, stepsOf(r.Plan))
	if len(tl.Lanes) != 2 || len(tl.Gaps) != 3 || len(tl.Lanes[0].Boxes) != 4 || len(tl.Lanes[1].Boxes) != 2 {
		t.Fatalf("timeline %+v", tl)
	}
	// A node that is not opened again stays marked to the end.
	if c := tl.Lanes[1].Cordons; len(c) != 1 || c[0].X+c[0].W < float64(tl.Right)-1 {
		t.Errorf("cordon of w-2: %+v", c)
	}
	for _, m := range regexp.MustCompile(`<rect class="[a-z-]+" x="([0-9.]+)" y="([0-9]+)" width="([0-9.]+)" height="([0-9]+)"`).FindAllStringSubmatch(html(t, r), -1) {
		var n [4]float64
		for i := range n {
			v, err := strconv.ParseFloat(m[i+1], 64)
			if err != nil {
				t.Fatal(err)
			}
			n[i] = v
		}
		if n[0] < float64(tl.Left) || n[0]+n[2] > float64(tl.Width) || n[1] < float64(tl.Top) || n[1]+n[3] > float64(tl.Bottom) || n[2] <= 0 {
			t.Errorf("%s lies outside of %+v", m[0], tl)
		}
	}
	if tl := newTimeline(&Report{}, nil); tl != nil {
		t.Errorf("a run without steps has a timeline: %+v", tl)
	}
}

// A report that was kept as JSON gives the same page.
func TestPageOfAKeptReport(t *testing.T) {
	r := stopped()
	text, err := Encode(".json", r)
	if err != nil {
		t.Fatal(err)
	}
	var again Report
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if html(t, &again) != html(t, r) {
		t.Error("the page of the report that was read again is another one")
	}
}

func TestMarkdown(t *testing.T) {
	text, err := Encode(".md", stopped())
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	for _, want := range []string{"# Upgrade v1.33.13 to v1.34.4: stopped\n", "| w-1 | worker | done | 2m0s | 2m0s | 1 | upgrade kubelet 1.33.13-1.1 → 1.34.4-1.1 |",
		"planned: upgrade kubelet", "sha256 `" + strings.Repeat("ab", 32) + "`", "```\nkubectl upgrade abort\n```", "longest gap 1.5s", " | cp-1 | - | 3.6.11 | leader | - | alarm NOSPACE |"} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	// Outside of fences nothing of others is markup.
	for i, part := range strings.Split(got, "```") {
		if i%2 == 0 && strings.Contains(part, "<script") {
			t.Errorf("markup of others in\n%s", part)
		}
	}
}

func TestWriteFile(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"r.html", "R.MD", "r.json"} {
		path := filepath.Join(dir, name)
		if err := WriteFile(path, stopped()); err != nil {
			t.Fatal(err)
		}
		if text, err := os.ReadFile(path); err != nil || len(text) < 100 {
			t.Errorf("%s: %d bytes, %v", name, len(text), err)
		}
	}
	if err := WriteFile(filepath.Join(dir, "r.pdf"), stopped()); err == nil || !strings.Contains(err.Error(), ".html, .md, .json") {
		t.Errorf("r.pdf: %v", err)
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 3 {
		t.Errorf("%v are left, %v", files, err)
	}
}
