package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// abort gives up an upgrade that is interrupted while the first worker has its new kubelet installed and its old one running. The
// cluster has to serve as before then, with that worker gone forward; the worker goes back; and the same upgrade goes through.
func abort(ctx context.Context, e *env) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	if !e.check("an abort with nothing unfinished says so", func() error { return e.nothingToAbort(ctx, before) }) {
		return nil
	}
	var worker string
	if !e.check("an upgrade is interrupted in the middle of the first worker", func() (err error) {
		worker, err = e.interruptAtWorker(ctx)
		return err
	}) {
		return nil
	}
	if !e.check("the abort is not begun without confirmation", func() error { return e.abortUnconfirmed(ctx) }) ||
		!e.check("the abort leaves every node in service", func() error { return e.aborted(ctx, before, worker, e.target()) }) ||
		!e.check("what cannot go back is refused", func() error { return e.rollbackRefused(ctx) }) ||
		!e.check("the worker goes back to its old kubelet", func() error { return e.wentBack(ctx, before, worker) }) {
		return nil
	}
	e.check("the same upgrade goes through", func() error {
		o, err := e.product.run(ctx, e.wholeUpgrade())
		if err != nil {
			return err
		}
		after, err := e.take(ctx)
		if err != nil {
			return err
		}
		err = errors.Join(row{code: 0}.judge(o), after.clean(), e.upgraded(ctx), e.packages(before, after), e.sources(before, after), sameNodes(before, after), sameHolds(before, after))
		if err != nil {
			return fmt.Errorf("%w\n%s", err, o)
		}
		return nil
	})
	return nil
}

func (e *env) abortCall(args ...string) call {
	return e.upgradeCall(append([]string{"abort"}, args...)...)
}

func (e *env) nothingToAbort(ctx context.Context, before snapshot) error {
	o, err := e.product.run(ctx, e.abortCall())
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	err = row{code: 0}.judge(o)
	if !strings.Contains(o.stdout, "Nothing is unfinished") {
		err = errors.Join(err, fmt.Errorf("standard output says\n%s", o.stdout))
	}
	if d := before.diff(after); d != "" {
		err = errors.Join(err, fmt.Errorf("it changed something:\n%s", d))
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, o)
	}
	return nil
}

// interruptAtWorker runs an upgrade, sends it one Ctrl-C while it installs the kubelet of the first worker, and names that worker.
func (e *env) interruptAtWorker(ctx context.Context) (worker string, err error) {
	reached := make(chan struct{})
	var once sync.Once
	c := e.wholeUpgrade()
	c.said = func(line string) {
		for _, n := range e.lab.info.Nodes {
			if n.Role == "worker" && strings.Contains(line, "/nodes/"+n.Name+"/packages") && strings.Contains(line, "started") {
				once.Do(func() {
					worker = n.Name
					close(reached)
				})
			}
		}
	}
	p, err := e.product.start(ctx, c)
	if err != nil {
		return "", err
	}
	select {
	case <-reached:
		err = p.signal(syscall.SIGINT)
	case <-p.done:
		err = errors.New("it ended before the first worker's packages were installed")
	}
	o, waitErr := p.wait(ctx)
	if err := errors.Join(err, waitErr); err != nil {
		return "", fmt.Errorf("%w\n%s", err, o)
	}
	half, err := e.take(ctx)
	if err != nil {
		return "", err
	}
	err = row{code: 130, words: []string{"interrupted", "kubectl upgrade abort"}}.judge(o)
	node := "node " + worker + " "
	if half[node+"unschedulable"] != "true" || half[node+"kubelet"] != e.lab.info.Kubernetes || !half.recorded() ||
		!strings.Contains(half["host "+worker+" packages"], "kubelet "+strings.TrimPrefix(e.target(), "v")) {
		err = errors.Join(err, fmt.Errorf("%s is not half done: unschedulable %s, kubelet %s, packages\n%s", worker, half[node+"unschedulable"], half[node+"kubelet"], half["host "+worker+" packages"]))
	}
	if err != nil {
		return "", fmt.Errorf("%w\n%s", err, o)
	}
	return worker, nil
}

func (e *env) abortUnconfirmed(ctx context.Context) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o, err := e.product.run(ctx, e.abortCall())
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	err = row{code: 4, words: []string{"--yes"}}.judge(o)
	// The agent's directory goes with the agent, whoever has left it.
	if d := before.without(" our files").diff(after.without(" our files")); d != "" {
		err = errors.Join(err, fmt.Errorf("it changed something:\n%s", d))
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, o)
	}
	return nil
}

// aborted gives the upgrade up and wants the cluster in service: as before in all but versions, with one worker at a version and the
// other as it was.
func (e *env) aborted(ctx context.Context, before snapshot, worker, at string, args ...string) error {
	o, err := e.product.run(ctx, e.abortCall(append(args, "--yes", "-o", "json")...))
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	err = errors.Join(row{code: 0, words: []string{"version skew policy"}}.judge(o), after.clean(), e.noWorkDir(ctx), sameNodes(before, after), sameHolds(before, after))
	if after.recorded() {
		err = errors.Join(err, errors.New("the record of the upgrade is still there"))
	}
	for _, n := range e.lab.info.Nodes {
		want := e.lab.info.Kubernetes
		if n.Role != "worker" {
			want = e.target()
		}
		if n.Name == worker {
			want = at
		}
		if got := after["node "+n.Name+" kubelet"]; got != want {
			err = errors.Join(err, fmt.Errorf("the kubelet of %s is at %s, want %s", n.Name, got, want))
		}
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, o)
	}
	return nil
}

// rollbackRefused asks for nodes that cannot go back, all at once.
func (e *env) rollbackRefused(ctx context.Context) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o, err := e.product.run(ctx, e.abortCall("--yes", "--rollback-node", "no-such-node"))
	if err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	err = row{code: 2, words: []string{"no-such-node", "no such node"}}.judge(o)
	if d := before.diff(after); d != "" {
		err = errors.Join(err, fmt.Errorf("it changed something:\n%s", d))
	}
	if err != nil {
		return fmt.Errorf("%w\n%s", err, o)
	}
	return nil
}

// wentBack takes a worker back and compares its host with what it was before the upgrade.
func (e *env) wentBack(ctx context.Context, before snapshot, worker string) error {
	if err := e.aborted(ctx, before, worker, e.lab.info.Kubernetes, "--rollback-node", worker); err != nil {
		return err
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	host := func(s snapshot) snapshot {
		out := maps.Clone(s)
		maps.DeleteFunc(out, func(k, _ string) bool {
			return !slices.Contains([]string{"host " + worker + " packages", "host " + worker + " apt sources"}, k)
		})
		return out
	}
	if d := host(before).diff(host(after)); d != "" {
		return fmt.Errorf("the host is not as before:\n%s", d)
	}
	return nil
}
