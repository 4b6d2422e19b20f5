package agent

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
	"k8s.io/streaming/pkg/httpstream"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// silence is how long a stream may say nothing before it is taken for dead: the agent writes a frame every five seconds.
const silence = 20 * time.Second

// ActionError is an action that ran on the host and failed there.
type ActionError struct {
	Node   string
	Result hostaction.Result
}

// Error leaves the action's kind out: what the host says begins with what it was to do.
func (e *ActionError) Error() string { return fmt.Sprintf("node %q: %s", e.Node, e.Result.Error) }

// Code gives the code of an ActionError in err, or nothing.
func Code(err error) string {
	if e, ok := errors.AsType[*ActionError](err); ok {
		return e.Result.Code
	}
	return ""
}

// Follow takes what an action says while it runs. Its fields may be nil.
type Follow struct {
	// Log gets each line of output.
	Log func(line string)
	// Waiting gets why the agent cannot be heard just now; empty when it is heard again.
	Waiting func(why string)
}

// Do runs one action on a node and decodes its output into out, unless out is nil. The action outlives this call:
// a broken stream says nothing about it (metalk8s#2889), so Do connects again and goes on listening until the result
// is there or the time is over. An action of the same ID that still runs is attached to.
func (a *Agents) Do(ctx context.Context, node, id string, action hostaction.Action, timeout time.Duration, f Follow, out any) error {
	return a.do(ctx, node, id, action, timeout, f, out, "")
}

// Begin starts an action that goes on by itself, and returns once it has written a line that begins as until says. Do with the same ID goes on listening.
func (a *Agents) Begin(ctx context.Context, node, id string, action hostaction.Action, timeout time.Duration, f Follow, until string) error {
	return a.do(ctx, node, id, action, timeout, f, nil, until)
}

// Secret is one of this process, for hosts to know each other by.
func (a *Agents) Secret() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.secret == "" {
		a.secret = rand.Text()
	}
	return a.secret
}

// nonce is the same for one ID as long as this process lives: an action that Begin has started is not done once more because it ended before Do.
func (a *Agents) nonce(node, id, until string) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	key := node + " " + id
	n, begun := a.begun[key]
	switch {
	case until != "":
		n = rand.Text()
		if a.begun == nil {
			a.begun = map[string]string{}
		}
		a.begun[key] = n
	case !begun:
		n = rand.Text()
	}
	return n
}

func (a *Agents) do(ctx context.Context, node, id string, action hostaction.Action, timeout time.Duration, f Follow, out any, until string) error {
	req, err := hostaction.NewRequest(id, a.nonce(node, id, until), action, timeout)
	if err != nil {
		return err
	}
	// The host bounds the work; beyond that, an agent which is not heard for this long is given up.
	ctx, cancel := context.WithTimeoutCause(ctx, timeout+5*time.Minute,
		fmt.Errorf("no result within %s: it may still run there, and the same command listens to it again", timeout+5*time.Minute))
	defer cancel()
	s := &session{agents: a, node: node, req: req, follow: f, heard: time.Now(), until: until}
	for {
		result, err := s.once(ctx)
		switch {
		case errors.Is(err, errBegun):
			s.say("")
			return nil
		case err == nil && result.Error != "":
			return &ActionError{Node: node, Result: *result}
		case err == nil:
			s.say("")
			if out == nil || len(result.Output) == 0 {
				return nil
			}
			if err := json.Unmarshal(result.Output, out); err != nil {
				return fmt.Errorf("read output of %s on node %q: %w", req.Kind, node, err)
			}
			return nil
		case isFatal(err), isRefusal(err) && time.Since(s.heard) > refusalPatience:
			return fmt.Errorf("run %s on node %q: %w", req.Kind, node, err)
		}
		s.say(fmt.Sprintf("agent on node %q: %s", node, kube.Brief(err)))
		select {
		case <-ctx.Done():
			cause := context.Cause(ctx)
			if errors.Is(err, cause) {
				return fmt.Errorf("run %s on node %q: %w", req.Kind, node, cause)
			}
			return fmt.Errorf("run %s on node %q: %w (last: %w)", req.Kind, node, cause, err)
		case <-time.After(poll):
		}
	}
}

// session is one action followed over as many streams as it takes.
type session struct {
	agents *Agents
	node   string
	req    hostaction.Request
	follow Follow
	offset int64
	said   string
	// heard is when the last frame came.
	heard time.Time
	// until, if not empty, begins the line at which nobody listens any more.
	until string
}

// errBegun ends a session that was to last no longer.
var errBegun = errors.New("the action has begun")

func (s *session) say(why string) {
	if s.follow.Waiting != nil && why != s.said {
		s.follow.Waiting(why)
	}
	s.said = why
}

// once opens one stream and reads it to its end.
func (s *session) once(ctx context.Context) (*hostaction.Result, error) {
	pod, err := s.agents.ready(ctx, s.node)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(s.req)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watchdog := time.AfterFunc(silence, func() { cancel(fmt.Errorf("nothing heard for %s", silence)) })
	defer watchdog.Stop()

	read, write := io.Pipe()
	var stderr bytes.Buffer
	streamed := make(chan error, 1)
	go func() {
		err := s.agents.exec(ctx, pod, []string{"/host-agent", "do", "--offset", strconv.FormatInt(s.offset, 10)}, bytes.NewReader(body), write, &stderr)
		write.CloseWithError(io.EOF)
		streamed <- err
	}()
	var result *hostaction.Result
	begun := false
	lines := bufio.NewReader(read)
	for result == nil && !begun {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			break
		}
		watchdog.Reset(silence)
		s.heard = time.Now()
		var f hostaction.Frame
		if json.Unmarshal(line, &f) != nil {
			continue // a line cut short by a broken stream; it comes again from the offset
		}
		s.say("")
		if f.Log != nil {
			s.offset = f.Log.Next
			if s.follow.Log != nil {
				s.follow.Log(f.Log.Text)
			}
			begun = s.until != "" && strings.HasPrefix(f.Log.Text, s.until)
		}
		result = f.Result
	}
	if result != nil {
		return result, nil
	}
	cancel(nil)
	read.Close()
	err = <-streamed
	if begun {
		return nil, errBegun
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(cause, context.Canceled) {
		return nil, cause
	}
	if err == nil {
		err = errors.New("the stream ended without a result")
	}
	return nil, told(err, stderr.String())
}

// toldError is what the agent itself says, in place of how the stream ended.
type toldError struct {
	text string
	err  error
}

func (e *toldError) Error() string { return e.text }
func (e *toldError) Unwrap() error { return e.err }

// told adds to the error of a stream what the agent has written.
func told(err error, stderr string) error {
	text := strings.TrimPrefix(strings.TrimSpace(stderr), "host-agent: ")
	switch {
	case text == "":
		return err
	case isFatal(err):
		return &toldError{text, err}
	}
	return fmt.Errorf("%w: %s", err, text)
}

// exec runs a command in the agent's pod, over WebSocket where the server speaks it and over SPDY where it does not.
func (a *Agents) exec(ctx context.Context, pod corev1.Pod, command []string, stdin io.Reader, stdout, stderr io.Writer) error {
	req := a.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(pod.Namespace).Name(pod.Name).SubResource("exec").
		VersionedParams(&corev1.PodExecOptions{Container: container, Command: command, Stdin: stdin != nil, Stdout: true, Stderr: true}, scheme.ParameterCodec)
	spdy, err := remotecommand.NewSPDYExecutor(a.client.Config, "POST", req.URL())
	if err != nil {
		return fmt.Errorf("prepare exec: %w", err)
	}
	websocket, err := remotecommand.NewWebSocketExecutor(a.client.Config, "GET", req.URL().String())
	if err != nil {
		return fmt.Errorf("prepare exec: %w", err)
	}
	both, err := remotecommand.NewFallbackExecutor(websocket, spdy, func(err error) bool {
		return httpstream.IsUpgradeFailure(err) || httpstream.IsHTTPSProxyError(err)
	})
	if err != nil {
		return fmt.Errorf("prepare exec: %w", err)
	}
	return both.StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: stdin, Stdout: stdout, Stderr: stderr})
}

// Purge removes what the agent left on a host. It fails while an action of ours still runs there.
func (a *Agents) Purge(ctx context.Context, node string) error {
	pods, err := a.pods(ctx)
	if err != nil {
		return err
	}
	pod, ok := pods[node]
	if !ok {
		return fmt.Errorf("purge node %q: no agent pod is there; what is left in /var/lib/kubectl-upgrade is harmless", node)
	}
	var stdout, stderr bytes.Buffer
	if err := a.exec(ctx, pod, []string{"/host-agent", "purge"}, nil, &stdout, &stderr); err != nil {
		return fmt.Errorf("purge node %q: %w; what is left there is harmless", node, told(err, stderr.String()))
	}
	return nil
}

// isFatal tells errors that another try does not mend: the agent itself refused.
// A command that was killed (128 and above) says nothing about the action.
func isFatal(err error) bool {
	code, ok := errors.AsType[exec.CodeExitError](err)
	return ok && code.Code > 0 && code.Code < 126
}

// refusalPatience is how long the API server may refuse the operator before it is believed: one that has just started
// refuses everybody until its authorizer has read the roles.
const refusalPatience = 2 * time.Minute

func isRefusal(err error) bool {
	return apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) || strings.Contains(err.Error(), "is forbidden:")
}
