package upgrade

import (
	"fmt"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// StaleError says that a saved plan is not the one that would be made now.
type StaleError struct {
	// Differences are sentences, the most telling first.
	Differences []string
}

// namedDifferences is how many differences an error names: those that come later mostly follow from the first.
const namedDifferences = 5

func (e *StaleError) Error() string {
	named := e.Differences[:min(len(e.Differences), namedDifferences)]
	text := "the saved plan is stale, nothing was changed: " + strings.Join(named, "; ")
	if more := len(e.Differences) - len(named); more > 0 {
		text += fmt.Sprintf("; and %d more differences", more)
	}
	return text
}

// sameCluster refuses a saved plan that was made for another cluster, before anything is sent there.
func (u *Upgrade) sameCluster(c *cluster.Cluster) error {
	if u.opts.Saved == nil || u.opts.Saved.Cluster.UID == c.UID {
		return nil
	}
	of := u.opts.Saved.Cluster
	return fmt.Errorf("the saved plan is for another cluster: it was made for %s (UID %s), this is %s (UID %s)", of.Server, of.UID, c.Server, c.UID)
}

// notStale wants the saved plan to be the one that was made just now. Where nothing is left to do, nothing can be done wrong.
func (u *Upgrade) notStale(now *plan.Plan) error {
	if u.opts.Saved == nil || now.Empty() {
		return nil
	}
	if d := plan.Differences(u.opts.Saved, now); d != nil {
		return &StaleError{Differences: d}
	}
	return nil
}
