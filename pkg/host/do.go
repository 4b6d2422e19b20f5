package host

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// DefaultTimeout is that of a request without one.
const DefaultTimeout = time.Hour

// slack is how much longer systemd lets an action run than the action itself: the latter can still say what it was at.
const slack = 3 * time.Minute

// Do starts a request, or attaches to it when it runs already, or finds its stored result; it writes frames to out until the result.
// Offset is where to go on in the log.
func Do(ctx context.Context, work workdir.Dir, r hostaction.Request, offset int64, out io.Writer) error {
	if err := workdir.CheckID(r.ID); err != nil {
		return err
	}
	bin, err := Install(work)
	if err != nil {
		return err
	}
	s := store(work.Run(r.ID))
	if err := os.MkdirAll(string(s), 0o700); err != nil {
		return fmt.Errorf("store request %s: %w", r.ID, err)
	}
	if err := begin(ctx, s, r, bin); err != nil {
		return err
	}
	f := follower{store: s, unit: workdir.Unit(r.ID), id: r.ID, offset: offset, out: out}
	return f.follow(ctx)
}

// begin makes sure that there is something to follow: a running unit, a result, or a unit that it starts.
// The lock makes two callers of one ID agree on which.
func begin(ctx context.Context, s store, r hostaction.Request, bin string) error {
	unlock, err := file.Lock(ctx, s.lock(), "host-agent do", func(string) {})
	if err != nil {
		return err
	}
	defer unlock()
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return err
	}
	defer sd.Close()
	active, err := sd.Active(ctx, workdir.Unit(r.ID))
	if err != nil || active {
		return err
	}
	known, err := settled(s, r)
	if err != nil || known {
		return err
	}
	if err := s.reset(r); err != nil {
		return err
	}
	return sd.Start(ctx, systemd.Transient{
		Name:        workdir.Unit(r.ID),
		Description: fmt.Sprintf("kubectl upgrade: %s (%s)", r.ID, r.Kind),
		Start:       []string{bin, "run", "--dir", string(s)},
		Stopped:     []string{bin, "finish", "--dir", string(s)},
		Env:         []string{"HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"},
		Limit:       limit(r) + slack,
	})
}

// settled tells whether this very request has ended, or was cut off, before. A request of another nonce is a new one, unless
// it asks again for what went well and cannot be told by looking.
func settled(s store, r hostaction.Request) (bool, error) {
	old, ok, err := s.readRequest()
	if err != nil || !ok {
		return false, err
	}
	res, ended, err := s.readResult()
	if err != nil {
		return false, err
	}
	if hostaction.Once(r.Kind) && ended && res.Error == "" && bytes.Equal(old.Params, r.Params) {
		return true, nil
	}
	return old.Nonce == r.Nonce && (ended || s.begun()), nil
}

func limit(r hostaction.Request) time.Duration {
	if r.Timeout <= 0 {
		return DefaultTimeout
	}
	return r.Timeout
}
