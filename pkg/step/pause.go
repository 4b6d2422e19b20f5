package step

import (
	"context"
	"errors"
)

// ErrPaused says that the plan wants the operator to look before it goes on.
var ErrPaused = errors.New("paused, as asked for")

type pause struct{ base }

func (pause) Done(context.Context) (bool, error) { return false, nil }

func (pause) Do(context.Context, Reporter) error { return ErrPaused }
