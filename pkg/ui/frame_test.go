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
	for name, s := range map[string]*script{"half": half(40), "failed": failed(), "finished": finished()} {
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

func TestFrameCountsEveryNode(t *testing.T) {
	s := half(40)
	m := s.model()
	for height := 9; height < 50; height++ {
		total := 0
		for _, l := range (Look{}).Frame(m, 80, height, s.now) {
			var n int
			f := strings.Fields(l)
			switch {
			case strings.HasPrefix(l, "    ") && len(f) == 2 && (f[1] == "more" || f[1] == "done"):
				if _, err := fmt.Sscan(f[0], &n); err != nil {
					t.Fatal(err)
				}
				total += n
			case strings.HasPrefix(l, "  ") && len(f) > 1 && (f[1] == "cp-1" || strings.HasPrefix(f[1], "w-")):
				total++
			}
		}
		if total != 41 {
			t.Errorf("height %d shows or counts %d nodes of 41", height, total)
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
