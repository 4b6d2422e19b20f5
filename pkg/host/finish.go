package host

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	etcdhost "github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/etcd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/staticpod"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Finish runs after the unit's main process has ended in whatever way (ExecStopPost=) and leaves a result when that process could not.
// Only here is it known how it ended; the unit itself is gone the next moment.
func Finish(ctx context.Context, dir string) error {
	s := store(dir)
	if _, ended, err := s.readResult(); ended || err != nil {
		return err
	}
	// What systemd tells the commands that run after the main process, systemd.exec(5).
	err := interrupted(s, fmt.Sprintf("the agent's process ended without a result: systemd says %q, %s %s",
		os.Getenv("SERVICE_RESULT"), os.Getenv("EXIT_CODE"), os.Getenv("EXIT_STATUS")))
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	return errors.Join(err, staticpod.Mend(), etcdhost.Resume(ctx))
}

// interrupted stores the result of a request that left none.
func interrupted(s store, why string) error {
	r, ok, err := s.readRequest()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("finish request of %s: there is none", string(s))
	}
	res := hostaction.Result{ID: r.ID, Nonce: r.Nonce, Kind: r.Kind, Finished: time.Now().UTC(), Error: why, Code: hostaction.CodeInterrupted}
	if os.Getenv("SERVICE_RESULT") == "timeout" {
		res.Code = hostaction.CodeTimeout
	}
	if info, err := os.Stat(s.request()); err == nil {
		res.Started = info.ModTime().UTC()
	}
	return writeJSON(s.result(), res)
}
