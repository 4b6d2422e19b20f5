package ui

import (
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

var start = time.Date(2026, 1, 2, 15, 4, 5, 0, time.UTC)

// tree is a run of one control-plane node and some workers.
func tree(workers int) event.Tree {
	step := func(id, title string) event.Step { return event.Step{ID: id, Title: title} }
	t := event.Tree{Title: "Upgrade v1.33.1 to v1.34.2"}
	prepare := event.Phase{ID: "prepare", Title: "Fetch packages and images"}
	nodes := event.Phase{ID: "nodes", Title: "Nodes to v1.34.2"}
	for _, n := range append([]string{"cp-1"}, names(workers)...) {
		prepare.Groups = append(prepare.Groups, event.Group{ID: "prepare/" + n, Title: n, Steps: []event.Step{
			step("prepare/"+n+"/packages", "download packages"), step("prepare/"+n+"/images", "pull images"),
		}})
		nodes.Groups = append(nodes.Groups, event.Group{ID: "nodes/" + n, Title: n, Steps: []event.Step{
			step("nodes/"+n+"/drain", "drain"), step("nodes/"+n+"/kubelet", "restart kubelet"), step("nodes/"+n+"/uncordon", "uncordon"),
		}})
	}
	cp := event.Phase{ID: "1.34/control-plane", Title: "Control plane to v1.34.2", Groups: []event.Group{{
		ID: "1.34/control-plane/cp-1", Title: "cp-1", Steps: []event.Step{step("1.34/control-plane/cp-1/apply", "kubeadm upgrade apply v1.34.2")},
	}}}
	finish := event.Phase{ID: "finish", Title: "Finish", Groups: []event.Group{{
		ID: "finish/cluster", Title: "cluster", Steps: []event.Step{step("finish/verify", "verify every node")},
	}}}
	t.Phases = []event.Phase{prepare, cp, nodes, finish}
	return t
}

// climb is a run over two releases, with three control-plane nodes and some workers that go side by side.
func climb(workers, parallel int) event.Tree {
	t := event.Tree{Title: "Upgrade v1.32.9 to v1.34.2"}
	phase := func(hop, id, title string, parallel int, nodes []string, steps ...string) {
		p := event.Phase{ID: id, Title: title, Hop: hop, Parallel: parallel}
		for _, n := range nodes {
			g := event.Group{ID: id + "/" + n, Title: n}
			for _, s := range steps {
				g.Steps = append(g.Steps, event.Step{ID: g.ID + "/" + s, Title: s})
			}
			p.Groups = append(p.Groups, g)
		}
		t.Phases = append(t.Phases, p)
	}
	masters := []string{"cp-1", "cp-2", "cp-3"}
	phase("", "prepare", "Fetch packages and images", 3, append(masters, names(workers)...), "packages", "images")
	phase("v1.33.6", "1.33/control-plane", "Control plane to v1.33.6", 1, masters, "kubeadm", "node", "ready")
	phase("v1.34.2", "1.34/control-plane", "Control plane to v1.34.2", 1, masters, "kubeadm", "node", "ready")
	phase("v1.34.2", "1.34/nodes/w-1", "Workers to v1.34.2", parallel, names(workers), "cordon", "drain", "kubelet", "ready", "uncordon")
	phase("", "finish", "Finish", 1, []string{"cluster"}, "verify")
	return t
}

func names(workers int) []string {
	var out []string
	for i := range workers {
		out = append(out, fmt.Sprintf("w-%d", i+1))
	}
	return out
}

// script makes events at a clock that it moves on by itself.
type script struct {
	now    time.Time
	events []event.Event
}

func newScript(t event.Tree) *script {
	return &script{now: start, events: []event.Event{event.RunStarted{Time: start, Tree: t}}}
}

func (s *script) wait(d time.Duration) *script { s.now = s.now.Add(d); return s }

func (s *script) emit(e event.Event) *script { s.events = append(s.events, e); return s }

func (s *script) begin(id string) *script { return s.emit(event.StepStarted{Time: s.now, ID: id}) }

func (s *script) end(id string, state event.State, took time.Duration, err string) *script {
	return s.emit(event.StepFinished{Time: s.now, ID: id, State: state, Took: took, Error: err})
}

// do runs a step from beginning to end.
func (s *script) do(took time.Duration, ids ...string) *script {
	for _, id := range ids {
		s.begin(id).wait(took).end(id, event.Done, took, "")
	}
	return s
}

func (s *script) phase(p event.Phase, took time.Duration) *script {
	for _, g := range p.Groups {
		for _, st := range g.Steps {
			s.do(took, st.ID)
		}
	}
	return s
}

func (s *script) waiting(id, what string) *script {
	return s.emit(event.StepWaiting{Time: s.now, ID: id, For: what})
}

func (s *script) model() *Model {
	m := &Model{}
	for _, e := range s.events {
		m.Apply(e)
	}
	return m
}
