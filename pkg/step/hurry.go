package step

import (
	"context"
	"fmt"
	"regexp"
	"sync"

	nodes "github.com/kubectl-upgrade/kubectl-upgrade/pkg/node"
)

var (
	// replaces is how kubeadm and our own agent tell that they replace a manifest.
	replaces = regexp.MustCompile(`(?:new manifest to "|^wrote )/etc/kubernetes/manifests/([a-z-]+)\.yaml\b`)
	// runs is how kubeadm tells that the new static pod does.
	runs = regexp.MustCompile(`^\[upgrade/staticpods\] Component "([a-z-]+)" upgraded successfully`)
)

// hurry does what replaces static pods of the step's node, and has the kubelet start each new one as soon as it can.
func (b base) hurry(ctx context.Context, r Reporter, do func(Reporter) error) error {
	var waking sync.WaitGroup
	defer waking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stop := map[string]context.CancelFunc{}
	ended := func(component string) {
		if cancel, ok := stop[component]; ok {
			cancel()
		}
	}
	log := r.Log
	r.Log = func(line string) {
		log(line)
		if m := runs.FindStringSubmatch(line); m != nil {
			ended(m[1])
		}
		m := replaces.FindStringSubmatch(line)
		if m == nil {
			return
		}
		ended(m[1])
		var woken context.Context
		woken, stop[m[1]] = context.WithCancel(ctx)
		waking.Go(func() {
			if err := nodes.Awaken(woken, b.Client, b.step.Node, m[1]); err != nil {
				log(fmt.Sprintf("the kubelet was left to start %s in its own time: %v", m[1], err))
			}
		})
	}
	return do(r)
}
