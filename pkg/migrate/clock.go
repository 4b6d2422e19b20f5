package migrate

import (
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
)

// clockError is how far the clocks of two machines may lie apart.
const clockError = time.Minute

// judgeClock refuses to reckon how long keys still have to live with a clock that was set back: the log says what time it
// was already when a leader last let keys expire.
func judgeClock(i *datadir.Info, p *Plan, now time.Time) error {
	if len(p.Steps) == 0 || p.Steps[0].Kind != Convert || i.V2.KeysWithTTL == 0 {
		return nil
	}
	if behind := i.State.Synced.Sub(now); behind > clockError {
		return refuse("the clock says %s, and the log %s already: with it, %d keys would live too long; set the clock",
			now.UTC().Format(time.RFC3339), i.State.Synced.UTC().Format(time.RFC3339), i.V2.KeysWithTTL)
	}
	return nil
}
