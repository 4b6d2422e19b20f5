package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// half is a run in the middle of its workers, the step of one of which waits.
func half(workers int) *script {
	t := tree(workers)
	s := newScript(t).phase(t.Phases[0], 3*time.Second).phase(t.Phases[1], 92*time.Second)
	s.do(10*time.Second, "nodes/cp-1/drain", "nodes/cp-1/kubelet", "nodes/cp-1/uncordon")
	s.do(10*time.Second, "nodes/w-1/drain", "nodes/w-1/kubelet", "nodes/w-1/uncordon")
	s.begin("nodes/w-2/drain").wait(4*time.Second).waiting("nodes/w-2/drain", "pod shop/db-0: PDB db allows no disruption")
	return s.wait(188 * time.Second)
}

func failed() *script {
	s := half(4).end("nodes/w-2/drain", event.Failed, 192*time.Second, "drain node \"w-2\": 1 pod still running:\nshop/db-0")
	for _, id := range []string{"nodes/w-2/kubelet", "nodes/w-2/uncordon", "nodes/w-3/drain", "nodes/w-3/kubelet", "nodes/w-3/uncordon",
		"nodes/w-4/drain", "nodes/w-4/kubelet", "nodes/w-4/uncordon", "finish/verify"} {
		s.end(id, event.Skipped, 0, "")
	}
	return s.emit(event.RunFinished{Time: s.now, Took: s.now.Sub(start), Error: "step nodes/w-2/drain: drain node \"w-2\""})
}

func finished() *script {
	t := tree(1)
	s := newScript(t)
	for _, g := range t.Phases[0].Groups {
		for _, st := range g.Steps {
			s.begin(st.ID).end(st.ID, event.Already, 0, "")
		}
	}
	for _, p := range t.Phases[1:] {
		s.phase(p, 41*time.Second)
	}
	return s.emit(event.RunFinished{Time: s.now, Took: s.now.Sub(start)})
}

// climbing is a climb in its second release, with the first two workers done, two at work and the rest still to come.
func climbing(workers int) *script {
	t := climb(workers, 2)
	s := newScript(t).phase(t.Phases[0], 2*time.Second).phase(t.Phases[1], 20*time.Second).phase(t.Phases[2], 20*time.Second)
	for _, n := range []string{"w-1", "w-2"} {
		for i, st := range []string{"cordon", "drain", "kubelet", "ready", "uncordon"} {
			s.do(time.Duration(i)*4*time.Second, "1.34/nodes/w-1/"+n+"/"+st)
		}
	}
	for _, n := range []string{"w-3", "w-4"} {
		s.do(0, "1.34/nodes/w-1/"+n+"/cordon").begin("1.34/nodes/w-1/" + n + "/drain")
	}
	return s.wait(3 * time.Second)
}

// crowd is a climb whose workers all go at once.
func crowd(workers int) *script {
	t := climb(workers, workers)
	s := newScript(t).phase(t.Phases[0], time.Second).phase(t.Phases[1], time.Second).phase(t.Phases[2], time.Second)
	for _, n := range names(workers) {
		s.do(0, "1.34/nodes/w-1/"+n+"/cordon").begin("1.34/nodes/w-1/" + n + "/drain")
	}
	return s.waiting("1.34/nodes/w-1/w-9/drain", "pod shop/db-0").wait(9 * time.Second)
}

// firstHop is a climb whose first control-plane node is at work.
func firstHop() *script {
	t := climb(4, 1)
	s := newScript(t).phase(t.Phases[0], 2*time.Second)
	return s.do(20*time.Second, "1.33/control-plane/cp-1/kubeadm").begin("1.33/control-plane/cp-1/node").wait(5 * time.Second)
}

func TestFrame(t *testing.T) {
	for _, c := range []struct {
		name          string
		script        *script
		width, height int
		look          Look
	}{
		{"before", (&script{now: start}).emit(event.Waiting{Time: start, For: "agent on w-1"}).wait(7 * time.Second), 80, 24, Look{}},
		{"begun", newScript(tree(2)).begin("prepare/cp-1/packages").wait(1500 * time.Millisecond), 80, 24, Look{}},
		{"between-steps", newScript(tree(1)).do(2*time.Second, "prepare/cp-1/packages").wait(time.Second), 80, 24, Look{}},
		{"half", half(4), 80, 24, Look{}},
		{"half-ascii", half(4), 80, 24, Look{ASCII: true}},
		{"half-colours", half(4), 80, 24, Look{Palette: Colours()}},
		{"half-narrow", half(4), 30, 24, Look{}},
		{"half-many", half(40), 80, 24, Look{}},
		{"climb-first", firstHop(), 80, 24, Look{}},
		{"climb", climbing(6), 80, 30, Look{}},
		{"climb-many", climbing(40), 80, 24, Look{}},
		{"climb-many-low", climbing(40), 80, 12, Look{}},
		{"climb-crowd", crowd(40), 80, 24, Look{}},
		{"half-low", half(40), 80, 10, Look{}},
		{"half-lower", half(40), 80, 7, Look{}},
		{"half-still-lower", half(40), 80, 5, Look{}},
		{"half-lowest", half(40), 80, 1, Look{}},
		{"failed", failed(), 80, 24, Look{}},
		{"failed-low", failed(), 80, 4, Look{}},
		{"finished", finished(), 80, 24, Look{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := c.look.Frame(c.script.model(), c.width, c.height, c.script.now)
			golden(t, c.name, strings.Join(got, "\n")+"\n")
			if len(got) > c.height {
				t.Errorf("%d lines, want at most %d", len(got), c.height)
			}
			for _, l := range got {
				if n := visible(l); n >= c.width {
					t.Errorf("%d columns, want less than %d: %q", n, c.width, l)
				}
			}
		})
	}
}

// However small the window, the picture fits and says something as long as there is a line for it.
func TestFrameFitsEverywhere(t *testing.T) {
	for name, s := range map[string]*script{"half": half(40), "failed": failed(), "finished": finished(), "climb": climbing(40), "crowd": crowd(9)} {
		m := s.model()
		for height := range 60 {
			for _, width := range []int{1, 2, 7, 20, 80} {
				got := Look{}.Frame(m, width, height, s.now)
				if len(got) > height || height > 0 && len(got) == 0 {
					t.Fatalf("%s: %d lines in %d", name, len(got), height)
				}
				for _, l := range got {
					if n := visible(l); n > max(1, width-1) {
						t.Fatalf("%s: %d columns of %d: %q", name, n, width, l)
					}
				}
			}
		}
	}
}

// However many nodes share a line, and however low the window is, every node of a phase that is worked on is named or counted.
func TestFrameCountsEveryNode(t *testing.T) {
	for name, c := range map[string]struct {
		s     *script
		depth int
		nodes int
	}{"half": {half(40), 1, 41}, "climb": {climbing(40), 2, 40}, "crowd": {crowd(40), 2, 40}} {
		m := c.s.model()
		for height := 12; height < 70; height++ {
			total := 0
			for _, l := range (Look{}).Frame(m, 80, height, c.s.now) {
				var n int
				f := strings.Fields(strings.TrimPrefix(l, strings.Repeat("  ", c.depth)))
				switch deep := !strings.HasPrefix(l, strings.Repeat("  ", c.depth)); {
				case deep || len(f) < 2:
				case len(f) == 2 && (f[1] == "more" || f[1] == "done"):
					if _, err := fmt.Sscan(f[0], &n); err != nil {
						t.Fatal(err)
					}
					total += n
				case strings.Contains(l, " and ") && strings.Contains(l, " more"):
					if _, err := fmt.Sscan(f[4], &n); err != nil {
						t.Fatalf("%q: %v", l, err)
					}
					total += n + 2
				case f[1] == "cp-1" || strings.HasPrefix(f[1], "w-"):
					total++
				}
			}
			if total != c.nodes {
				t.Errorf("%s: height %d shows or counts %d nodes of %d:\n%s", name, height, total, c.nodes, strings.Join(Look{}.Frame(m, 80, height, c.s.now), "\n"))
			}
		}
	}
}

// golden compares with testdata/NAME.golden, or writes it when UPDATE_GOLDEN is set.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	got = strings.ReplaceAll(got, "\x1b", "ESC")
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got:\n%s\nwant (UPDATE_GOLDEN=1 to accept):\n%s", got, want)
	}
}
