package main

import (
	"context"
	"fmt"
	"time"
)

// poll asks until the answer is yes. Errors pass: the API server goes away during an upgrade, and one that has just started
// refuses everybody. When the time is over, the error says what was waited for, and the last error.
func poll(ctx context.Context, patience time.Duration, what string, ask func(context.Context) (bool, error)) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		yes, err := ask(ctx)
		if yes {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-limit.C:
			if err != nil {
				return fmt.Errorf("wait for %s: not within %s: %w", what, patience, err)
			}
			return fmt.Errorf("wait for %s: not within %s", what, patience)
		case <-tick.C:
		}
	}
}
