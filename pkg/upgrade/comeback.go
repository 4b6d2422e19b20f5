package upgrade

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/record"
)

// comebackTick is how often an API server that restarts is asked.
const comebackTick = time.Second

// patiently prepares. Where an upgrade is under way, a kubeadm that a killed run has left at work may restart API server and etcd: their
// errors are waited out, and all is looked at again. Elsewhere the first of them is the answer, for it comes from a wrong address more
// often than from a server that comes back.
func (u *Upgrade) patiently(ctx context.Context, prepare func(context.Context) (*Prepared, error)) (*Prepared, error) {
	underWay := record.Unfinished(u.client.Config.Host)
	until := time.Now().Add(patience)
	tick := time.NewTicker(comebackTick)
	defer tick.Stop()
	defer u.waiting("")
	for {
		p, missing, err := u.attempt(ctx, underWay, prepare)
		if !underWay || missing == "" || ctx.Err() != nil || time.Now().After(until) {
			return p, err
		}
		u.waiting("what the upgrade that was cut short may have left to come back: " + missing)
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

// attempt prepares once, and names what may come back by itself if that is why it failed.
func (u *Upgrade) attempt(ctx context.Context, underWay bool, prepare func(context.Context) (*Prepared, error)) (p *Prepared, missing string, err error) {
	if missing, err = u.reach(ctx, underWay); err != nil {
		return nil, missing, kube.ExplainConnection(u.client.Config, err)
	}
	p, err = prepare(ctx)
	if blocked, ok := errors.AsType[*BlockedError](err); ok {
		return p, comingBack(blocked.Findings), err
	}
	if kube.IsRetryableLater(err) {
		missing = err.Error()
	}
	return p, missing, err
}

// reach asks whether the API server is there. Where an upgrade is under way it has to be ready, since one that has just started does not
// know yet who may do what.
func (u *Upgrade) reach(ctx context.Context, underWay bool) (missing string, err error) {
	if !underWay {
		_, err = u.client.Discovery().ServerVersion()
		return "", err
	}
	answer, err := kube.Ready(ctx, u.client.Discovery().RESTClient())
	if !kube.IsRetryableLater(err) {
		return "", err
	}
	var failed []string
	for line := range strings.Lines(string(answer)) {
		if check, ok := strings.CutPrefix(line, "[-]"); ok {
			failed = append(failed, strings.Fields(check)[0])
		}
	}
	if failed != nil {
		return "the API server is not ready yet: " + strings.Join(failed, ", "), err
	}
	return err.Error(), err
}

// passing are findings about what starts again together with static pods and drained pods.
var passing = []string{"apiserver-unhealthy", "addon-not-ready", "dns-down", "apiservice-down", "crd-conversion-down", "webhook-down", "webhook-system-down",
	"webhook-nodes-down", "clock-skew", "etcd-member-down", "etcd-not-reached", "etcd-no-leader"}

// comingBack names what findings that block are about, if all of it may come back by itself.
func comingBack(fs []preflight.Finding) string {
	var back []string
	for _, f := range fs {
		switch {
		case f.Severity != preflight.Error:
		case f.ID != preflight.StaticPodNotReady && !slices.Contains(passing, f.ID):
			return ""
		case len(f.Evidence) == 0:
			back = append(back, f.Object)
		default:
			back = append(back, f.Evidence...)
		}
	}
	return strings.Join(back, ", ")
}
