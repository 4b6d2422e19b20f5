package host

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/systemd"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

const (
	pollLog = 200 * time.Millisecond
	// pollUnit is how often systemd is asked whether the unit is still there.
	pollUnit = time.Second
	// alive is how long the stream may be silent.
	alive = 5 * time.Second
	// deaf is how long systemd may not answer: it does not while it re-executes itself after an upgrade of its own package.
	deaf = time.Minute
)

// follower turns the log and the result of a request into frames.
type follower struct {
	store  store
	unit   string
	id     string
	offset int64
	out    io.Writer

	spoke, looked, heard time.Time
}

func (f *follower) follow(ctx context.Context) error {
	tick := time.NewTicker(pollLog)
	defer tick.Stop()
	f.spoke, f.heard = time.Now(), time.Now()
	for {
		// The result is looked for before the log is read: whatever the action wrote is then in the log.
		res, ended, err := f.store.readResult()
		if err != nil {
			return err
		}
		if !ended {
			if res, ended, err = f.vanished(ctx); err != nil {
				return err
			}
		}
		if err := f.drain(ended); err != nil {
			return err
		}
		if ended {
			return f.send(hostaction.Frame{Result: &res})
		}
		if time.Since(f.spoke) >= alive {
			if err := f.send(hostaction.Frame{Alive: true}); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("follow %s: %w", f.id, context.Cause(ctx))
		case <-tick.C:
		}
	}
}

// vanished makes the result of a unit that is gone and left none.
func (f *follower) vanished(ctx context.Context) (hostaction.Result, bool, error) {
	if time.Since(f.looked) < pollUnit {
		return hostaction.Result{}, false, nil
	}
	f.looked = time.Now()
	active, err := f.active(ctx)
	if err != nil {
		if time.Since(f.heard) < deaf {
			return hostaction.Result{}, false, nil
		}
		return hostaction.Result{}, false, err
	}
	f.heard = time.Now()
	if active {
		return hostaction.Result{}, false, nil
	}
	// It may have ended between the two looks.
	if r, ok, err := f.store.readResult(); ok || err != nil {
		return r, ok, err
	}
	if err := interrupted(f.store, "unit "+f.unit+" ended without a result, by a reboot or a crash"); err != nil {
		return hostaction.Result{}, false, err
	}
	return f.store.readResult()
}

// active asks over a connection of its own: one that was open while systemd re-executed itself is dead.
func (f *follower) active(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, alive)
	defer cancel()
	sd, err := systemd.Connect(ctx)
	if err != nil {
		return false, err
	}
	defer sd.Close()
	return sd.Active(ctx, f.unit)
}

// drain sends the lines of the log from the offset on; a last line without an end only when nothing follows any more.
func (f *follower) drain(ended bool) error {
	log, err := os.Open(f.store.log())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read log of %s: %w", f.id, err)
	}
	defer log.Close()
	info, err := log.Stat()
	if err != nil {
		return fmt.Errorf("read log of %s: %w", f.id, err)
	}
	if f.offset > info.Size() {
		f.offset = 0 // the offset belongs to the log of an earlier request
	}
	if _, err := log.Seek(f.offset, io.SeekStart); err != nil {
		return fmt.Errorf("read log of %s: %w", f.id, err)
	}
	for b := bufio.NewReader(log); ; {
		line, err := b.ReadString('\n')
		if line == "" || err != nil && !ended {
			return nil
		}
		f.offset += int64(len(line))
		l := &hostaction.LogLine{Text: strings.TrimSuffix(line, "\n"), Next: f.offset}
		if err := f.send(hostaction.Frame{Log: l}); err != nil {
			return err
		}
	}
}

func (f *follower) send(fr hostaction.Frame) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(fr); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	f.spoke = time.Now()
	if _, err := f.out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("write frame: %w", err)
	}
	return nil
}
