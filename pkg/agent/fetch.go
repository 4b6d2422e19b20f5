package agent

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// fetchPatience is how long a transfer may get no further before it is given up. An API server that restarts takes less.
const fetchPatience = 6 * time.Minute

// Fetch brings a file that a host offers to this machine. A transfer that breaks goes on where it was. What has the name at the end is whole; what was
// there under the name before is left, if it is the same file, and never overwritten otherwise.
func (a *Agents) Fetch(ctx context.Context, node string, f hostaction.Offered, to string, follow Follow) error {
	if have, err := sumOf(to); err == nil {
		if have == f.SHA256 {
			return nil
		}
		return fmt.Errorf("fetch file from node %q: %s is there already, and another file", node, to)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("fetch file from node %q: %w", node, err)
	}
	part, err := os.OpenFile(to+".part", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("fetch file from node %q: %w", node, err)
	}
	defer part.Close()
	if err := a.fetch(ctx, node, f, part, follow); err != nil {
		return fmt.Errorf("fetch file from node %q: %w", node, err)
	}
	if err := errors.Join(part.Sync(), part.Close()); err != nil {
		return fmt.Errorf("fetch file from node %q: %w", node, err)
	}
	have, err := sumOf(to + ".part")
	if err == nil && have != f.SHA256 {
		err = fmt.Errorf("its checksum is %s, not %s", have, f.SHA256)
		err = errors.Join(err, os.Remove(to+".part"))
	}
	if err == nil {
		err = os.Rename(to+".part", to)
	}
	if err != nil {
		return fmt.Errorf("fetch file from node %q: %w", node, err)
	}
	return nil
}

// fetch appends until all of it is there.
func (a *Agents) fetch(ctx context.Context, node string, f hostaction.Offered, part *os.File, follow Follow) error {
	moved := time.Now()
	for {
		info, err := part.Stat()
		if err != nil {
			return err
		}
		at := info.Size()
		if at >= f.Size {
			return nil
		}
		err = a.stream(ctx, node, f.Name, at, part)
		if now, statErr := part.Stat(); statErr == nil && now.Size() > at {
			moved = time.Now()
		}
		switch {
		case err == nil:
			continue
		case isFatal(err), time.Since(moved) > fetchPatience:
			return err
		}
		if follow.Waiting != nil {
			follow.Waiting(fmt.Sprintf("agent on node %q: %s", node, kube.Brief(err)))
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (last: %w)", context.Cause(ctx), err)
		case <-time.After(poll):
		}
	}
}

func (a *Agents) stream(ctx context.Context, node, name string, offset int64, to io.Writer) error {
	pods, err := a.pods(ctx)
	if err != nil {
		return err
	}
	pod, ok := pods[node]
	if !ok || !isReady(pod) {
		return errors.New("no agent pod is ready there")
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()
	var stderr bytes.Buffer
	err = a.exec(ctx, pod, []string{"/host-agent", "give", "--name", name, "--offset", strconv.FormatInt(offset, 10)}, nil, watched{to, watchdog}, &stderr)
	if err != nil {
		return told(err, stderr.String())
	}
	return nil
}

// watched puts off a watchdog with every byte.
type watched struct {
	io.Writer
	dog *time.Timer
}

func (w watched) Write(p []byte) (int, error) {
	w.dog.Reset(silence)
	return w.Writer.Write(p)
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
