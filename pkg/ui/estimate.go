package ui

import (
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// estimate is what the steps that are done tell of those that are not: how long a step takes, by what its siblings have in common.
// Nothing is guessed: what no sibling has done yet has no estimate.
type estimate map[string]time.Duration

// learn takes the median of every kind of step. What was found done took no time, and teaches nothing.
func learn(m *Model) estimate {
	took := map[string][]time.Duration{}
	for _, p := range m.Tree.Phases {
		for _, g := range p.Groups {
			for _, s := range m.of(g) {
				if s.State == event.Done {
					key := sibling(p, g, s)
					took[key] = append(took[key], s.Took)
				}
			}
		}
	}
	e := estimate{}
	for key, all := range took {
		slices.Sort(all)
		e[key] = all[len(all)/2]
	}
	return e
}

// sibling is what a step has in common with those that do the same for other nodes, and at other releases of the way: its ID without
// the node, and without the release.
func sibling(p event.Phase, g event.Group, s *Step) string {
	phase := p.ID
	if p.Hop != "" {
		if _, rest, ok := strings.Cut(p.ID, "/"); ok {
			phase, _, _ = strings.Cut(rest, "/")
		}
	}
	return phase + " " + strings.TrimPrefix(s.ID, g.ID)
}

// group is how long the rest of a node takes, if every step of the rest has an estimate.
func (e estimate) group(m *Model, p event.Phase, g event.Group, now time.Time) (left time.Duration, known bool) {
	for _, s := range m.of(g) {
		if s.State != event.Pending && s.State != event.Running {
			continue
		}
		took, ok := e[sibling(p, g, s)]
		if !ok {
			return 0, false
		}
		if s.State == event.Running {
			took = max(0, took-now.Sub(s.Started))
		}
		left += took
	}
	return left, true
}

// phase is how long the rest of a phase takes when as many nodes as may go side by side always do.
func (e estimate) phase(m *Model, p event.Phase, now time.Time) (left time.Duration, known bool) {
	lanes := make([]time.Duration, max(1, p.Parallel))
	for _, g := range p.Groups {
		took, ok := e.group(m, p, g, now)
		if !ok {
			return 0, false
		}
		i := slices.Index(lanes, slices.Min(lanes))
		lanes[i] += took
	}
	return slices.Max(lanes), true
}

// run is how long the rest of a run takes. A phase of one group that nothing is known of does something once, such as the last look at
// everything: it is left out. Of nodes that nothing is known of, nothing is said.
func (e estimate) run(m *Model, now time.Time) (left time.Duration, known bool) {
	for _, p := range m.Tree.Phases {
		took, ok := e.phase(m, p, now)
		if !ok && len(p.Groups) > 1 {
			return 0, false
		}
		left += took
	}
	return left, true
}

// about rounds up to what an estimate is worth.
func about(d time.Duration) string {
	unit := time.Minute
	switch {
	case d <= time.Minute:
		unit = 10 * time.Second
	case d <= 10*time.Minute:
		unit = 30 * time.Second
	}
	text := (d + unit - 1).Truncate(unit).String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	return text
}
