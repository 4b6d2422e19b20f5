package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// planted is something that the target breaks, made for real.
type planted struct {
	// id is the finding that has to tell of it, and names are what it has to name.
	id    string
	names []string
	plant func(ctx context.Context, e *env) (undo, error)
	// host is set where only the hosts know.
	host bool
}

// hazards plants offenders on a real cluster, has one check list them, and wants them all and no other; and none when they are gone.
func hazards(ctx context.Context, e *env) error {
	before, err := e.findings(ctx)
	if err != nil {
		return err
	}
	e.check("a cluster that is well is not kept from its upgrade", func() error {
		var errs []error
		for id, f := range before {
			if f.severity == "error" {
				errs = append(errs, fmt.Errorf("%s: %s", id, f.text))
			}
		}
		return errors.Join(errs...)
	})
	offenders := plants()
	var back []undo
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Minute)
		defer cancel()
		for _, u := range slices.Backward(back) {
			if err := u(ctx); err != nil {
				e.fail("take the offenders away", err)
			}
		}
	}()
	for _, p := range offenders {
		u, err := p.plant(ctx, e)
		if u != nil {
			back = append(back, u)
		}
		if err != nil {
			return fmt.Errorf("plant %s: %w", p.id, err)
		}
	}
	e.named(ctx, before, offenders, false)
	e.named(ctx, before, offenders, true, "--hosts", "--agent-image="+e.product.image)
	e.check("a check changes nothing and is read by plan", func() error { return e.planReads(ctx, offenders) })
	for _, u := range slices.Backward(back) {
		if err := u(ctx); err != nil {
			return fmt.Errorf("take the offenders away: %w", err)
		}
	}
	back = nil
	e.check("nothing is found any more once they are gone", func() error {
		return poll(ctx, 3*time.Minute, "the findings to be as before", func(ctx context.Context) (bool, error) {
			now, err := e.findings(ctx)
			if err != nil {
				return false, err
			}
			for id, f := range now {
				// That somebody asked for an old API stays true as long as the API server runs.
				if _, was := before[id]; !was && !strings.HasPrefix(id, "api-requested-") {
					fmt.Printf("# still: %s: %s\n", id, f.text)
					return false, nil
				}
			}
			return true, nil
		})
	})
	return e.rewrites(ctx)
}

// rewrites upgrades a cluster whose configuration has what the target does not know, and wants it taken out and all else kept.
func (e *env) rewrites(ctx context.Context) error {
	for _, plant := range []func(context.Context, *env) (undo, error){
		inClusterConfiguration("scheduler", "feature-gates", "LegacySidecarContainers=true,ContextualLogging=true"), kubeletGate, kubeadmGate,
	} {
		if _, err := plant(ctx, e); err != nil {
			return err
		}
	}
	const decided = "gate-kubeadm-waitforallcontrolplanecomponents-locked"
	upgrade := e.wholeUpgrade()
	refused, err := e.product.run(ctx, upgrade)
	if err != nil {
		return err
	}
	e.check("a gate that somebody has set against its lock is not taken out in silence", func() error {
		if refused.code != 2 || !strings.Contains(refused.stderr, "--skip-check="+decided) {
			return errors.New(refused.String())
		}
		return nil
	})
	upgrade.args = append(upgrade.args, "--skip-check="+decided)
	o, err := e.product.run(ctx, upgrade)
	if err != nil {
		return err
	}
	e.check("an upgrade takes out of the configuration what the target does not know", func() error {
		if o.code != 0 {
			return errors.New(o.String())
		}
		var errs []error
		for name, key := range map[string]string{"kubeadm-config": "ClusterConfiguration", "kubelet-config": "kubelet"} {
			cm, err := e.client.CoreV1().ConfigMaps("kube-system").Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			for _, gone := range []string{"LegacySidecarContainers", "DevicePluginCDIDevices", "WaitForAllControlPlaneComponents"} {
				if strings.Contains(cm.Data[key], gone) {
					errs = append(errs, fmt.Errorf("ConfigMap %s still has %s:\n%s", name, gone, cm.Data[key]))
				}
			}
		}
		p, err := e.client.CoreV1().Pods("kube-system").Get(ctx, "kube-scheduler-cp-1", metav1.GetOptions{})
		if err != nil {
			return err
		}
		if command := strings.Join(p.Spec.Containers[0].Command, " "); !strings.Contains(command, "--feature-gates=ContextualLogging=true") {
			errs = append(errs, fmt.Errorf("the scheduler is not started with the gate that stays: %s", command))
		}
		return errors.Join(append(errs, e.upgraded(ctx))...)
	})
	return nil
}

// found is one finding.
type found struct{ severity, text string }

// findings runs the check and reads its report. The exit code has to fit it.
func (e *env) findings(ctx context.Context, args ...string) (map[string]found, error) {
	o, err := e.product.run(ctx, call{kubeconfig: e.lab.info.Kubeconfig, args: append([]string{"check", "--to", e.target(), "-o", "json"}, args...)})
	if err != nil {
		return nil, err
	}
	r, err := o.report()
	if err != nil {
		return nil, fmt.Errorf("%w\n%s", err, o)
	}
	out, blocked := map[string]found{}, 0
	for _, f := range r.Findings {
		was := out[f.ID]
		out[f.ID] = found{f.Severity, was.text + strings.Join(append(f.Evidence, f.Object, f.Message), "\n")}
		if f.Severity == "error" {
			blocked = 2
		}
	}
	if o.code != blocked || r.ExitCode != blocked {
		return nil, fmt.Errorf("exit code %d, %d in the report, want %d\n%s", o.code, r.ExitCode, blocked, o)
	}
	return out, nil
}

// named wants each offender found and named, and nothing besides that was not there before.
func (e *env) named(ctx context.Context, before map[string]found, offenders []planted, hosts bool, args ...string) {
	got, err := e.findings(ctx, args...)
	if err != nil {
		e.fail("check with offenders", err)
		return
	}
	expected := map[string]bool{}
	for _, p := range offenders {
		expected[p.id] = true
		if p.host != hosts {
			continue
		}
		e.check("check names "+p.id, func() error {
			f, ok := got[p.id]
			if !ok {
				return fmt.Errorf("not found; found were %v", slices.Sorted(maps.Keys(got)))
			}
			var errs []error
			for _, n := range p.names {
				if !strings.Contains(f.text, n) {
					errs = append(errs, fmt.Errorf("%q is not named in\n%s", n, f.text))
				}
			}
			return errors.Join(errs...)
		})
	}
	if hosts {
		return
	}
	e.check("check invents nothing", func() error {
		var errs []error
		for id, f := range got {
			if _, was := before[id]; !was && !expected[id] {
				errs = append(errs, fmt.Errorf("%s: %s", id, f.text))
			}
		}
		return errors.Join(errs...)
	})
	e.figure("check_findings", len(got), "findings")
}

// planReads wants a plan to be blocked by the same, to name them, and to change nothing.
func (e *env) planReads(ctx context.Context, offenders []planted) error {
	before, err := e.take(ctx)
	if err != nil {
		return err
	}
	o, err := e.product.run(ctx, e.upgradeCall("plan", "--to", e.target()))
	if err != nil {
		return err
	}
	var errs []error
	for _, p := range offenders {
		if !p.host && !strings.Contains(o.stderr, "["+p.id+"]") {
			errs = append(errs, fmt.Errorf("the plan does not tell of %s", p.id))
		}
	}
	if o.code != 2 {
		errs = append(errs, fmt.Errorf("exit code %d, want 2", o.code))
	}
	after, err := e.take(ctx)
	if err != nil {
		return err
	}
	if d := before.diff(after); d != "" {
		errs = append(errs, fmt.Errorf("it changed something:\n%s", d))
	}
	if len(errs) > 0 {
		errs = append(errs, errors.New(o.String()))
	}
	return errors.Join(errs...)
}
