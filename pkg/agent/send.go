package agent

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Source gives the files of a bundle.
type Source interface {
	// Read opens a file from a byte on.
	Read(f hostaction.File, offset int64) (io.ReadCloser, error)
}

// standstill is how long a transfer may get no further before it is given up. An API server that restarts takes less.
const standstill = 6 * time.Minute

// Held asks how much of some files of a bundle is on a node.
func (a *Agents) Held(ctx context.Context, node, digest string, files []hostaction.File) ([]hostaction.Held, error) {
	pod, err := a.ready(ctx, node)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(files)
	if err != nil {
		return nil, fmt.Errorf("encode list of files: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if err := a.exec(ctx, pod, []string{"/host-agent", "held", "--bundle", digest}, bytes.NewReader(append(list, '\n')), &stdout, &stderr); err != nil {
		return nil, fmt.Errorf("ask node %q for its files: %w", node, told(err, stderr.String()))
	}
	var out []hostaction.Held
	if err := json.Unmarshal(stdout.Bytes(), &out); err != nil {
		return nil, fmt.Errorf("ask node %q for its files: read its answer: %w", node, err)
	}
	if len(out) != len(files) {
		return nil, fmt.Errorf("ask node %q for its files: it answers for %d of %d", node, len(out), len(files))
	}
	return out, nil
}

// Send brings files of a bundle to a node, those that are not there. A nil source means that the agent's own image carries them. A
// transfer that breaks goes on where it was; it is given up when it gets no further. The agent checks every file before it keeps it.
func (a *Agents) Send(ctx context.Context, node, digest string, files []hostaction.File, from Source, f Follow) error {
	s := &sending{agents: a, node: node, digest: digest, from: from, follow: f, moved: time.Now()}
	for {
		err := s.once(ctx, files)
		refused, ok := errors.AsType[*intakeError](err)
		switch {
		case err == nil:
			s.say("")
			return nil
		case ok:
			return fmt.Errorf("send files to node %q: %w", node, refused)
		case isFatal(err), time.Since(s.moved) > standstill:
			return fmt.Errorf("send files to node %q: %w", node, err)
		}
		s.say(fmt.Sprintf("agent on node %q: %v", node, err))
		select {
		case <-ctx.Done():
			return fmt.Errorf("send files to node %q: %w (last: %w)", node, context.Cause(ctx), err)
		case <-time.After(poll):
		}
	}
}

// intakeError is the agent's word that a file cannot be taken in; another try does not mend it.
type intakeError struct{ text string }

func (e *intakeError) Error() string { return e.text }

type sending struct {
	agents       *Agents
	node, digest string
	from         Source
	follow       Follow
	said         string
	// moved is when a byte last arrived.
	moved time.Time
}

func (s *sending) say(what string) {
	if s.follow.Waiting != nil && what != s.said {
		s.follow.Waiting(what)
	}
	s.said = what
}

func (s *sending) log(format string, args ...any) {
	if s.follow.Log != nil {
		s.follow.Log(fmt.Sprintf(format, args...))
	}
}

func (s *sending) once(ctx context.Context, files []hostaction.File) error {
	held, err := s.agents.Held(ctx, s.node, s.digest, files)
	if err != nil {
		return err
	}
	for i, h := range held {
		if h.Whole {
			continue
		}
		began := time.Now()
		if err := s.file(ctx, files[i], h.Bytes); err != nil {
			return err
		}
		s.log("%s: %s in %s", files[i].Path, mib(files[i].Size), time.Since(began).Round(100*time.Millisecond))
	}
	return nil
}

func mib(bytes int64) string { return fmt.Sprintf("%.1f MiB", float64(bytes)/(1<<20)) }

// file sends one file, from a byte on.
func (s *sending) file(ctx context.Context, f hostaction.File, offset int64) error {
	pod, err := s.agents.ready(ctx, s.node)
	if err != nil {
		return err
	}
	command := []string{"/host-agent", "take", "--bundle", s.digest, "--path", f.Path, "--size", strconv.FormatInt(f.Size, 10), "--sha256", f.SHA256}
	var stdin io.Reader
	if s.from != nil {
		command[1] = "put"
		command = append(command, "--offset", strconv.FormatInt(offset, 10))
		content, err := s.from.Read(f, offset)
		if err != nil {
			return &intakeError{err.Error()}
		}
		defer content.Close()
		stdin = content
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()
	read, write := io.Pipe()
	defer read.Close()
	var stderr bytes.Buffer
	streamed := make(chan error, 1)
	go func() {
		err := s.agents.exec(ctx, pod, command, stdin, write, &stderr)
		write.CloseWithError(io.EOF)
		streamed <- err
	}()
	last := hostaction.Intake{}
	for lines := bufio.NewReader(read); ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		watchdog.Reset(silence)
		if json.Unmarshal(line, &last) != nil {
			continue
		}
		if last.Bytes > offset {
			offset, s.moved = last.Bytes, time.Now()
		}
		if last.Whole || last.Error != "" {
			break
		}
		s.say(fmt.Sprintf("%s: %s of %s", f.Path, mib(last.Bytes), mib(f.Size)))
	}
	if last.Whole {
		return nil
	}
	cancel(nil)
	read.Close()
	err = <-streamed
	cause := context.Cause(ctx)
	switch {
	case last.Error != "" && last.Bytes >= f.Size:
		return &intakeError{last.Error} // all of it came, and it was not taken
	case last.Error != "":
		return errors.New(last.Error)
	case cause != nil && !errors.Is(cause, context.Canceled):
		return cause
	case err == nil:
		err = errors.New("the stream ended before the file was there")
	}
	if text := strings.TrimSpace(stderr.String()); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	return err
}

// CarriedManifest reads the manifest of the bundle that the agent's image carries, from the agent of a node.
func (a *Agents) CarriedManifest(ctx context.Context, node string) ([]byte, error) {
	pod, err := a.ready(ctx, node)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	if err := a.exec(ctx, pod, []string{"/host-agent", "manifest"}, nil, &stdout, &stderr); err != nil {
		return nil, fmt.Errorf("ask the agent on node %q for its bundle: %w", node, told(err, stderr.String()))
	}
	return stdout.Bytes(), nil
}

// ready gives the agent's pod on a node, which has to be ready.
func (a *Agents) ready(ctx context.Context, node string) (corev1.Pod, error) {
	pods, err := a.pods(ctx)
	if err != nil {
		return corev1.Pod{}, err
	}
	pod, ok := pods[node]
	if !ok {
		return corev1.Pod{}, fmt.Errorf("find the agent on node %q: no pod of it is there", node)
	}
	if !isReady(pod) {
		cause, _ := notReadyCause(pod)
		return corev1.Pod{}, errors.New(cause)
	}
	return pod, nil
}
