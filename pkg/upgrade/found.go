package upgrade

import (
	"slices"
	"sync"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// Found is what a step has found out or done, as the output type of its host action.
type Found struct {
	Step plan.Step
	Out  any
}

// found is collected from steps that run side by side.
type found struct {
	mu  sync.Mutex
	all []Found
}

func (f *found) keep(s plan.Step, out any) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all = append(f.all, Found{s, out})
}

// Found gives what the steps of a run have found out, in the order in which they did.
func (u *Upgrade) Found() []Found {
	u.found.mu.Lock()
	defer u.found.mu.Unlock()
	return slices.Clone(u.found.all)
}
