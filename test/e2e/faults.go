package main

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"
)

// fault is something that breaks under a running upgrade.
type fault struct {
	name string
	// step is in whose course it happens; its first part that says a node is the node.
	step *regexp.Regexp
	// onHost has it wait until the host works on the step.
	onHost bool
	strike func(ctx context.Context, e *env, node string) error
	// stops are words of which the error has one, if the run has to stop for it. Without them, it has to survive.
	stops []string
}

// outage is how long the repositories are gone.
const outage = time.Minute

var allFaults = []*fault{
	{name: "packages and images cannot be had for a minute", step: regexp.MustCompile(`^prepare/(w-2)/1\.33/packages$|^prepare/(w-2)/1\.35/packages$`), onHost: true,
		strike: noRepositories, stops: []string{"fetch", "download", "pull", "connect"}},
	{name: "the agent's pod is deleted while kubeadm works", step: regexp.MustCompile(`^1\.33/control-plane/(cp-\d)/apply$`), onHost: true, strike: deleteAgent},
	{name: "containerd is restarted while kubeadm works", step: regexp.MustCompile(`^1\.33/control-plane/(cp-\d)/node$`), onHost: true, strike: restart("containerd")},
	{name: "etcd's leader is killed while kubeadm works", step: regexp.MustCompile(`^1\.34/control-plane/(cp-\d)/node$`), onHost: true, strike: killLeader},
	{name: "the API server that carries the operator's connection is killed", step: regexp.MustCompile(`^1\.35/control-plane/(cp-\d)/node$`), onHost: true, strike: killServer},
	{name: "the kubelet is restarted during the drain", step: regexp.MustCompile(`^1\.35/nodes/(w-1)/drain$`), strike: restart("kubelet")},
	{name: "the node loses its power while packages are installed", step: regexp.MustCompile(`^1\.35/nodes/(w-2)/packages$`), onHost: true, strike: powerCut,
		stops: []string{"interrupted", "ended without a result", "not Ready", "reach"}},
}

// faults breaks one thing after another under one upgrade over several minors. Each is survived, or the upgrade stops with a
// clear reason, and the same command goes on.
func faults(ctx context.Context, e *env) error {
	b := &breaker{env: e, faults: allFaults}
	u, err := e.upgradeUnderLoad(ctx, b.run)
	b.done.Wait()
	if err != nil || u == nil {
		return err
	}
	b.judge()
	failed := e.prove(ctx, u)
	e.check("etcd's members are healthy, of one version and of the same data", func() error { return e.membersAgree(ctx) })
	e.figure("faults_survived", len(allFaults)-b.stopped, "faults")
	e.figure("faults_stopped_resumably", b.stopped, "faults")
	e.figure("workload_failed_requests", failed, "requests")
	return nil
}

// breaker lets faults happen and keeps how they went.
type breaker struct {
	*env
	faults  []*fault
	mu      sync.Mutex
	done    sync.WaitGroup
	struck  []*struckFault
	stopped int
}

// struckFault is one that has happened.
type struckFault struct {
	*fault
	// err is why it could not be made to happen.
	err error
	// stop is the error with which the run stopped for it; empty when it was survived.
	stop string
}

// run runs the same command again for as long as faults stop it, each of them once.
func (b *breaker) run(ctx context.Context, c call) (outcome, error) {
	c.said = func(line string) { b.heard(ctx, line) }
	for {
		o, err := b.product.run(ctx, c)
		if err != nil || o.code == 0 {
			return o, err
		}
		// What broke is whole again before the next run.
		b.done.Wait()
		r, err := o.report()
		if err != nil {
			return o, err
		}
		f := b.last()
		if f == nil || f.stop != "" {
			return o, nil
		}
		fmt.Printf("# %s: stopped with exit code %d: %s\n", f.name, o.code, r.Error)
		f.stop = r.Error
		b.stopped++
		if o.code != 3 && o.code != 1 { // stopped, or failed before anything was changed
			return o, nil
		}
	}
}

func (b *breaker) last() *struckFault {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.struck) == 0 {
		return nil
	}
	return b.struck[len(b.struck)-1]
}

// heard lets the fault happen whose step begins.
func (b *breaker) heard(ctx context.Context, line string) {
	m := stepLine.FindStringSubmatch(line)
	if m == nil || m[2] != "started" {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range b.faults {
		at := f.step.FindStringSubmatch(m[1])
		if at == nil || b.has(f) {
			continue
		}
		s := &struckFault{fault: f}
		b.struck = append(b.struck, s)
		node := strings.Join(at[1:], "")
		b.done.Go(func() {
			if f.onHost {
				s.err = b.worksOn(ctx, node, m[1])
			}
			if s.err == nil {
				fmt.Printf("# %s: now, in %s\n", f.name, m[1])
				s.err = f.strike(ctx, b.env, node)
			}
		})
		return
	}
}

func (b *breaker) has(f *fault) bool {
	for _, s := range b.struck {
		if s.fault == f {
			return true
		}
	}
	return false
}

// worksOn waits until systemd of the host runs the step.
func (b *breaker) worksOn(ctx context.Context, node, step string) error {
	return poll(ctx, 2*time.Minute, node+" to work on "+step, func(ctx context.Context) (bool, error) {
		units, err := b.lab.exec(ctx, node, "systemctl", "list-units", "--no-legend", "--plain", "--full", "--state=active", "kubectl-upgrade*")
		return strings.Contains(units, "/"+step+" "), err
	})
}

// judge has one check for each fault.
func (b *breaker) judge() {
	for _, f := range b.faults {
		b.check(f.name+": survived, or stopped with a reason and continued", func() error {
			for _, s := range b.struck {
				if s.fault != f {
					continue
				}
				if s.err != nil {
					return s.err
				}
				return f.understood(s.stop)
			}
			return errors.New("it did not happen")
		})
	}
}

// understood wants the reason named, if there was a stop.
func (f *fault) understood(stop string) error {
	if stop == "" {
		return nil
	}
	for _, word := range f.stops {
		if strings.Contains(stop, word) {
			return nil
		}
	}
	return fmt.Errorf("the upgrade stopped with %q, which names none of %q", stop, f.stops)
}
