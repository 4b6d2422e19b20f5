package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// bootTime is how long a machine may take from power to a container runtime that answers.
const bootTime = 2 * time.Minute

// infra is the machine that stands in for the repositories outside.
const infra = "infra"

// PowerOff ends a machine of the cluster, or infra, as pulling its plug does: nothing on it is asked to stop.
func (s *State) PowerOff(ctx context.Context, machine string) error {
	container, err := s.machine(machine)
	if err != nil {
		return err
	}
	return docker.Do(ctx, s.logFile(machine), "kill", container)
}

// PowerOn starts a machine that was powered off and waits until a node runs its container runtime. What is on its disk is as it was.
// An etcd that is nobody's service is started by the lab, as by the person who has put the plug back.
func (s *State) PowerOn(ctx context.Context, machine string) error {
	container, err := s.machine(machine)
	if err != nil {
		return err
	}
	if err := docker.Do(ctx, s.logFile(machine), "start", container); err != nil {
		return err
	}
	if machine == infra {
		return nil // there is nothing to boot
	}
	n, err := s.Node(machine)
	if err != nil {
		return err
	}
	if err := waitFor(ctx, bootTime, fmt.Sprintf("%s to boot", machine), func() error { return s.runs(ctx, n) }); err != nil {
		return err
	}
	if s.hasEtcd(n) && s.Topology.Etcd.Run == topology.EtcdProcess {
		return s.startEtcdProcess(ctx, n)
	}
	return nil
}

// machine gives the container of a machine.
func (s *State) machine(name string) (string, error) {
	if name == infra {
		return s.Infra.Container, nil
	}
	n, err := s.Node(name)
	return n.Container, err
}
