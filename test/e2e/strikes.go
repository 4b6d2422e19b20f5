package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// noRepositories takes packages and images away for a while.
func noRepositories(ctx context.Context, e *env, _ string) error {
	if err := e.lab.power(ctx, "off", "infra"); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
	case <-time.After(outage): // the fault itself is this long
	}
	return e.lab.power(ctx, "on", "infra")
}

// deleteAgent deletes the agent's pod on a node at once, and with it the way to the host.
func deleteAgent(ctx context.Context, e *env, node string) error {
	pods := e.client.CoreV1().Pods(agentNamespace)
	list, err := pods.List(ctx, metav1.ListOptions{FieldSelector: "spec.nodeName=" + node})
	if err != nil {
		return fmt.Errorf("list pods of the agent: %w", err)
	}
	if len(list.Items) == 0 {
		return fmt.Errorf("no pod of the agent is on %s", node)
	}
	for _, p := range list.Items {
		if err := pods.Delete(ctx, p.Name, metav1.DeleteOptions{GracePeriodSeconds: new(int64)}); err != nil {
			return fmt.Errorf("delete pod of the agent: %w", err)
		}
	}
	return nil
}

// restart restarts a service of the node.
func restart(service string) func(context.Context, *env, string) error {
	return func(ctx context.Context, e *env, node string) error {
		_, err := e.lab.exec(ctx, node, "systemctl", "restart", service)
		return err
	}
}

// killLeader kills the etcd that leads, wherever it runs.
func killLeader(ctx context.Context, e *env, _ string) error {
	var members []struct {
		Endpoint string
		Status   struct {
			Header struct {
				MemberID uint64 `json:"member_id"`
			} `json:"header"`
			Leader uint64 `json:"leader"`
		}
	}
	// The member that kubeadm works on may be the one that is asked.
	if err := poll(ctx, time.Minute, "etcd to say who leads", func(ctx context.Context) (bool, error) {
		members = nil
		err := e.etcdctl(ctx, &members, "endpoint", "status", "--cluster")
		return err == nil && len(members) > 0, err
	}); err != nil {
		return err
	}
	for _, m := range members {
		if m.Status.Leader != m.Status.Header.MemberID {
			continue
		}
		node, err := e.nodeAt(ctx, m.Endpoint)
		if err != nil {
			return err
		}
		fmt.Println("# etcd's leader is on", node)
		_, err = e.lab.exec(ctx, node, "pkill", "-KILL", "-x", "etcd")
		return err
	}
	return errors.New("no member of etcd leads")
}

// killServer kills the API server through which the operator follows what the host does: the one that talks to the node's kubelet.
func killServer(ctx context.Context, e *env, node string) error {
	var peers string
	if err := poll(ctx, time.Minute, "an API server to carry the stream to "+node, func(ctx context.Context) (bool, error) {
		var err error
		peers, err = e.lab.exec(ctx, node, "ss", "-Htn", "state", "established", "sport = :10250")
		return strings.TrimSpace(peers) != "", err
	}); err != nil {
		return err
	}
	var errs []error
	killed := map[string]bool{}
	for _, line := range strings.Split(strings.TrimSpace(peers), "\n") {
		f := strings.Fields(line)
		server, err := e.nodeAt(ctx, f[len(f)-1])
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if killed[server] {
			continue
		}
		killed[server] = true
		fmt.Println("# the stream goes through the API server on", server)
		_, err = e.lab.exec(ctx, server, "pkill", "-KILL", "-x", "kube-apiserver")
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// powerCut takes a node down hard and starts it again.
func powerCut(ctx context.Context, e *env, node string) error {
	e.rebooted = node
	if err := e.lab.power(ctx, "off", node); err != nil {
		return err
	}
	return e.lab.power(ctx, "on", node)
}

// nodeAt names the node with the address of a URL or of host and port.
func (e *env) nodeAt(ctx context.Context, address string) (string, error) {
	address = strings.TrimPrefix(address, "https://")
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("find node of %s: %w", address, err)
	}
	host = strings.TrimPrefix(host, "::ffff:")
	list, err := e.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{})
	if err != nil {
		return "", fmt.Errorf("find node of %s: %w", address, err)
	}
	for _, n := range list.Items {
		for _, a := range n.Status.Addresses {
			if a.Address == host {
				return n.Name, nil
			}
		}
	}
	return "", fmt.Errorf("find node of %s: no node has that address", address)
}
