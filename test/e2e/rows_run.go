package main

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// runRows are about other runs of the product.
func runRows() []row {
	return []row{
		{name: "two runs at once", code: 1, words: []string{"another run holds the lock", "upgrade to"}, hazard: anotherRun, and: namesHolder},
	}
}

// anotherRun starts a run that looks only, and freezes it in the middle, when it has the lock.
func anotherRun(ctx context.Context, e *env, _ *call) (undo, error) {
	p, err := e.product.start(ctx, e.upgradeCall("plan", "--to", e.target()))
	if err != nil {
		return nil, err
	}
	back := func(ctx context.Context) error {
		if err := p.signal(syscall.SIGCONT); err != nil {
			return err
		}
		o, err := p.wait(ctx)
		if err == nil && o.code != 0 {
			err = fmt.Errorf("the first run did not end well after the second was refused: %s", o)
		}
		return err
	}
	held := poll(ctx, time.Minute, "the first run to take the lock", func(ctx context.Context) (bool, error) {
		_, err := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			return false, err
		}
		return err == nil, nil
	})
	if err := errors.Join(held, p.signal(syscall.SIGSTOP)); err != nil {
		return back, err
	}
	return back, e.still(ctx)
}

// still waits until nothing moves by itself any more: what the frozen run had ordered is still being done.
func (e *env) still(ctx context.Context) error {
	last, err := e.take(ctx)
	if err != nil {
		return err
	}
	since := time.Now()
	return poll(ctx, time.Minute, "the cluster to be still", func(ctx context.Context) (bool, error) {
		now, err := e.take(ctx)
		if err != nil {
			return false, err
		}
		if d := last.diff(now); d != "" {
			last, since = now, time.Now()
		}
		return time.Since(since) > 3*time.Second, nil
	})
}

// namesHolder holds the message against the lock itself.
func namesHolder(ctx context.Context, e *env, o outcome) error {
	lock, err := e.client.CoreV1().ConfigMaps(metav1.NamespaceSystem).Get(ctx, lockName, metav1.GetOptions{})
	if err != nil {
		return fmt.Errorf("get lock: %w", err)
	}
	return row{code: 1, words: []string{lock.Data["holder"], lock.Data["purpose"]}}.judge(o)
}
