package cluster

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/build"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/progress"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/rootfs"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// Options say what to bring up.
type Options struct {
	Root     string // state folder
	Name     string
	Topology *topology.Topology
	Keep     bool // leave a failed cluster standing
}

// Up brings a cluster up and returns its state. What a failed bring-up leaves is its logs.
func Up(ctx context.Context, o Options, a *build.Assets, log *progress.Log) (*State, error) {
	if err := vacant(ctx, o, log); err != nil {
		return nil, fmt.Errorf("bring up %s: %w", o.Name, err)
	}
	s, err := bringUp(ctx, o, a, log)
	if err == nil {
		return s, nil
	}
	// The caller's context may be what ended the bring-up; cleaning has to go on regardless.
	clean, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Minute)
	defer cancel()
	if s != nil {
		kept := filepath.Join(o.Root, ".failed", o.Name+"-"+time.Now().UTC().Format("20060102T150405"))
		if logErr := s.Logs(clean, kept); logErr != nil {
			log.Say("collecting logs: %v", logErr)
		}
		// What failed names a log in the folder that is about to go.
		text := err.Error()
		if !o.Keep {
			text = strings.ReplaceAll(text, filepath.Join(s.dir, "logs"), filepath.Join(kept, "lab"))
		}
		err = fmt.Errorf("%s\nlogs of the failed bring-up: %s", text, kept)
	}
	if o.Keep {
		return nil, err
	}
	log.Say("bring-up failed, cleaning up")
	if downErr := Down(clean, o.Root, o.Name, log); downErr != nil {
		log.Say("cleaning up: %v", downErr)
	}
	return nil, err
}

// vacant sees to it that nothing has the name. A cluster whose machines have stopped, as the restart of the computer
// stops them, is of no use to anybody and makes room.
func vacant(ctx context.Context, o Options, log *progress.Log) error {
	names, err := List(o.Root)
	if err != nil || !slices.Contains(names, o.Name) {
		return err
	}
	stopped, err := docker.Exited(ctx, o.Name)
	if err != nil {
		return err
	}
	if len(stopped) == 0 {
		return fmt.Errorf("it exists already (lab down --name %s removes it)", o.Name)
	}
	log.Say("cluster %s has stopped (%s), removing it", o.Name, strings.Join(stopped, ", "))
	return Down(ctx, o.Root, o.Name, log)
}

func bringUp(ctx context.Context, o Options, a *build.Assets, log *progress.Log) (*State, error) {
	if err := os.MkdirAll(filepath.Join(o.Root, o.Name, "logs"), 0o755); err != nil {
		return nil, fmt.Errorf("create state folder: %w", err)
	}
	raiseInotify(log)
	p, err := network(ctx, o.Name, o.Topology.Subnet, filepath.Join(o.Root, o.Name, "logs", "network.log"))
	if err != nil {
		return nil, err
	}
	s, err := NewState(o.Root, o.Name, o.Topology, p)
	if err != nil {
		return nil, err
	}
	if s.RegistryPort, err = freePort(); err != nil {
		return s, err
	}
	log.Say("cluster %s: network %s", s.Name, s.Subnet)
	if s.Image, err = rootfs.Image(ctx, a.Base, s.logFile("image")); err != nil {
		return s, err
	}
	if err := s.Save(); err != nil {
		return s, err
	}
	return s, s.assemble(ctx, a, log)
}

// assemble runs what can run side by side: the machines start and install while the first node is initialised, and
// each further node joins as soon as both it and the control plane are ready for that.
func (s *State) assemble(ctx context.Context, a *build.Assets, log *progress.Log) error {
	if err := s.infra(ctx, a); err != nil {
		return err
	}
	log.Say("infra: packages and images are served at %s", s.Infra.IP)
	if s.LoadBalancer != nil {
		if err := s.loadBalancer(ctx); err != nil {
			return err
		}
	}
	keys, err := newSecrets()
	if err != nil {
		return err
	}
	if s.Topology.Etcd.TLS {
		if s.etcdPKI, err = newEtcdPKI(); err != nil {
			return err
		}
		if err := s.keepEtcdAccess(); err != nil {
			return err
		}
	}
	initialised := make(chan struct{})
	turn := make(chan struct{}, 1) // control-plane nodes join one after the other: each adds a member to etcd
	g, together := errgroup.WithContext(ctx)
	for i, n := range s.Nodes {
		g.Go(func() error {
			if err := s.prepare(together, n, a, log); err != nil {
				return fmt.Errorf("prepare node %s: %w", n.Name, err)
			}
			if s.hasEtcd(n) {
				if err := s.startEtcd(together, n, a, log); err != nil {
					return fmt.Errorf("start etcd on %s: %w", n.Name, err)
				}
			}
			if i == 0 {
				defer close(initialised)
				if err := s.awaitEtcd(together, n); err != nil {
					return err
				}
				return s.initialise(together, n, a, keys, log)
			}
			select {
			case <-initialised:
			case <-together.Done():
				return together.Err()
			}
			if n.Role == topology.ControlPlane {
				turn <- struct{}{}
				defer func() { <-turn }()
			}
			return s.join(together, n, keys, log)
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	return s.settle(ctx, a, log)
}
