package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// bill is what an upgrade cost the users of a cluster.
type bill struct {
	took                  time.Duration
	writes, reads         series
	failed                int
	closed                map[string]time.Duration
	closedSum, closedMost time.Duration
	workloadGap           time.Duration
}

// byHand does by the runbook what the part before did by the product, on a fresh cluster under the same load, and compares.
func byHand(ctx context.Context, e *env) error {
	if e.bills["ours"] == nil {
		return errors.New("there is nothing to compare with")
	}
	if err := e.deployWorkload(ctx); err != nil {
		return err
	}
	l, err := e.startLoad(ctx)
	if err != nil {
		return err
	}
	began := time.Now()
	err = e.runbook(ctx)
	finished := time.Now()
	l.stop()
	if err != nil {
		return err
	}
	e.check("runbook: every version is new", func() error { return e.upgraded(ctx) })
	failed := -1
	e.check("runbook: the workload tells how it fared", func() error {
		// That requests fail is what is measured here, not what is forbidden.
		failed, err = e.workloadAnswered(ctx, began, finished)
		if failed < 0 {
			return err
		}
		return nil
	})
	if err := e.charge(ctx, "runbook", began, finished, l, failed); err != nil {
		return err
	}
	return e.compare(e.bills["ours"], e.bills["runbook"])
}

// runbook does by a plain script what a person does by hand.
func (e *env) runbook(ctx context.Context) error {
	log, err := os.Create(filepath.Join(e.work, "runbook.log"))
	if err != nil {
		return fmt.Errorf("make log of the runbook: %w", err)
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, filepath.Join(e.root, "hack", "runbook", "upgrade.sh"), append([]string{e.lab.name}, e.lab.info.Offers...)...)
	cmd.Env = append(os.Environ(), "LAB="+e.lab.program, "KUBECTL="+e.product.kubectl, "KUBEADM_FLAGS=--ignore-preflight-errors=SystemVerification")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("run the runbook: %w (its output is in %s)", err, log.Name())
	}
	return nil
}

// charge adds up what the users of a cluster noticed of its upgrade.
func (e *env) charge(ctx context.Context, who string, began, finished time.Time, l *load, failed int) error {
	b := &bill{took: finished.Sub(began), writes: l.writes, reads: l.reads, failed: failed, workloadGap: e.workloadGap}
	fmt.Printf("# %s: took %s\n# writes: %s\n# reads: %s\n", who, b.took.Round(time.Second), &b.writes, &b.reads)
	for _, c := range slices.Concat(b.writes.complaints, b.reads.complaints) {
		fmt.Println("#  ", c)
	}
	a, err := e.auditSince(ctx, began)
	if err != nil {
		return err
	}
	if b.closed, err = closedFor(a.cordons(), e.lab.info.nodes()); err != nil {
		return err
	}
	for _, d := range b.closed {
		b.closedSum, b.closedMost = b.closedSum+d, max(b.closedMost, d)
	}
	if e.bills == nil {
		e.bills = map[string]*bill{}
	}
	e.bills[who] = b
	return nil
}

// closedFor adds up how long each node took no new pods.
func closedFor(cordons map[string][]interval, nodes []string) (map[string]time.Duration, error) {
	out := map[string]time.Duration{}
	for _, n := range nodes {
		for _, i := range cordons[n] {
			if i.to.IsZero() {
				return nil, fmt.Errorf("node %s was closed at %s and not opened again", n, i.from)
			}
			out[n] += i.to.Sub(i.from)
		}
		if out[n] == 0 {
			return nil, fmt.Errorf("node %s was never closed: the audit log is not whole", n)
		}
	}
	return out, nil
}

func (e *env) compare(ours, runbook *bill) error {
	if ours == nil || runbook == nil {
		return errors.New("compare: one of the two upgrades has no bill")
	}
	total, closed := ratio(runbook.took, ours.took), ratio(runbook.closedSum, ours.closedSum)
	e.check("no request failed with one retry", func() error {
		if ours.writes.failed+ours.reads.failed+ours.failed > 0 {
			return fmt.Errorf("writes: %s; reads: %s; the workload failed %d", &ours.writes, &ours.reads, ours.failed)
		}
		return nil
	})
	e.check("the longest write gap is under 1 s and no longer than the runbook's", func() error {
		if ours.writes.longest >= time.Second || ours.writes.longest > runbook.writes.longest {
			return fmt.Errorf("it is %s, the runbook's %s:\n%s", ours.writes.longest, runbook.writes.longest, strings.Join(ours.writes.complaints, "\n"))
		}
		return nil
	})
	e.check("the whole is at least 1.5 times faster than the runbook", func() error { return atLeast(total, 1.5) })
	e.check("nodes are closed at least 2 times shorter than by the runbook", func() error {
		errs := []error{atLeast(closed, 2)}
		for n, d := range ours.closed {
			if err := atLeast(ratio(runbook.closed[n], d), 2); err != nil {
				errs = append(errs, fmt.Errorf("node %s: %w", n, err))
			}
		}
		return errors.Join(errs...)
	})
	for who, b := range map[string]*bill{"ours": ours, "runbook": runbook} {
		e.figure(who+"_total_seconds", int(b.took.Seconds()), "s")
		e.figure(who+"_node_cordoned_seconds_sum", int(b.closedSum.Seconds()), "s")
		e.figure(who+"_node_cordoned_seconds_max", int(b.closedMost.Seconds()), "s")
		e.figure(who+"_write_gap_ms", b.writes.longest.Milliseconds(), "ms")
		e.figure(who+"_read_gap_ms", b.reads.longest.Milliseconds(), "ms")
		e.figure(who+"_failed_writes", b.writes.failed, "requests")
		e.figure(who+"_failed_reads", b.reads.failed, "requests")
		e.figure(who+"_workload_gap_ms", b.workloadGap.Milliseconds(), "ms")
		e.figure(who+"_workload_failed_requests", b.failed, "requests")
	}
	e.figure("runbook_to_ours_total_time", fmt.Sprintf("%.2f", total), "x")
	e.figure("runbook_to_ours_node_unavailability", fmt.Sprintf("%.2f", closed), "x")
	e.figure("runbook_to_ours_write_gap", fmt.Sprintf("%.2f", ratio(runbook.writes.longest, ours.writes.longest)), "x")
	return nil
}

func ratio(a, b time.Duration) float64 { return a.Seconds() / b.Seconds() }

func atLeast(is, want float64) error {
	if is < want {
		return fmt.Errorf("it is %.2f times, want at least %.1f", is, want)
	}
	return nil
}
