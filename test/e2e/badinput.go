package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// row is one way in which input, cluster or hosts can be bad. The product has to end with the code, name the thing, and change nothing.
type row struct {
	name string
	// args are those of the command; none is an ordinary upgrade to what the lab offers.
	args []string
	// hazard makes the bad thing for real, may change the call, and gives the way back.
	hazard func(ctx context.Context, e *env, c *call) (undo, error)
	code   int
	// words have to be in what the product says on standard error.
	words []string
	// and is a further proof; it may be nil.
	and func(ctx context.Context, e *env, o outcome) error
	// ignore are ends of snapshot names that change by themselves while the hazard is there.
	ignore []string
}

// undo takes a hazard away again.
type undo func(context.Context) error

// badInput runs every row on one cluster, the cheap ones first, and the one that upgrades it last.
func badInput(ctx context.Context, e *env) error {
	base, err := e.take(ctx)
	if err != nil {
		return err
	}
	if err := base.clean(); err != nil {
		return fmt.Errorf("begin on a clean cluster: %w", err)
	}
	for _, rows := range [][]row{inputRows(e), accessRows(), clusterRows(), agentRows(e), hostRows(e), runRows()} {
		for _, r := range rows {
			if !e.only.MatchString(r.name) {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			start, err := e.take(ctx)
			if err != nil {
				return fmt.Errorf("look at the cluster before row %q: %w", r.name, err)
			}
			if !e.check(r.name, func() error { return r.prove(ctx, e, start) }) {
				e.sweep(ctx)
			}
		}
	}
	if e.interrupt || !e.only.MatchString(interruptedName) {
		return nil
	}
	e.check(interruptedName, func() error { return e.interrupted(ctx) })
	return nil
}

// prove makes the hazard, runs the command between two looks at the cluster, and wants the cluster as at the start in the end.
func (r row) prove(ctx context.Context, e *env, start snapshot) (err error) {
	c := e.upgradeCall(r.arguments(e)...)
	if r.hazard != nil {
		undo, hazardErr := r.hazard(ctx, e, &c)
		defer func() {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
			defer cancel()
			if undo != nil {
				err = errors.Join(err, undo(ctx))
			}
			ignore := r.ignore
			if err != nil {
				// What the product left behind is known by now, and swept away later.
				ignore = append(ignore, " our files", " our units", "ConfigMap "+lockName, "namespace "+agentNamespace)
			}
			// The way back is proven as well, for the sake of the rows to come.
			if settleErr := e.settled(ctx, start, ignore...); settleErr != nil {
				err = errors.Join(err, fmt.Errorf("undo: %w", settleErr))
			}
		}()
		if hazardErr != nil {
			return fmt.Errorf("make the hazard: %w", hazardErr)
		}
	}
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o, err := e.product.run(ctx, c)
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	if d := before.without(r.ignore...).diff(after.without(r.ignore...)); d != "" {
		err = fmt.Errorf("the command changed something:\n%s", d)
	}
	if verdict := errors.Join(r.judge(o), err); verdict != nil {
		return fmt.Errorf("%w\n%s", verdict, o)
	}
	if r.and != nil {
		if err := r.and(ctx, e, o); err != nil {
			return fmt.Errorf("%w\n%s", err, o)
		}
	}
	return nil
}

func (r row) arguments(e *env) []string {
	if r.args != nil {
		return r.args
	}
	return []string{"cluster", "--to", e.target(), "--yes"}
}

func (r row) judge(o outcome) error {
	var errs []error
	if o.code != r.code {
		errs = append(errs, fmt.Errorf("exit code %d, want %d", o.code, r.code))
	}
	for _, w := range r.words {
		if !strings.Contains(o.stderr, w) {
			errs = append(errs, fmt.Errorf("standard error does not say %q", w))
		}
	}
	return errors.Join(errs...)
}
