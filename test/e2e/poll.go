package main

import (
	"context"
	"fmt"
	"time"
)

// poll asks until the answer is yes. The error says what was waited for.
func poll(ctx context.Context, patience time.Duration, what string, ask func(context.Context) (bool, error)) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		if yes, err := ask(ctx); yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, ctx.Err())
		case <-limit.C:
			return fmt.Errorf("wait for %s: not within %s", what, patience)
		case <-tick.C:
		}
	}
}
