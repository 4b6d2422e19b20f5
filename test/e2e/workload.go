package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// deployWorkload starts the lab's demo: a service of two replicas behind a disruption budget, and on every node a
// client that no drain ends. The clients try once more before a request counts as failed, as ordinary clients do.
func (e *env) deployWorkload(ctx context.Context) error {
	manifest, err := os.ReadFile(filepath.Join(e.root, "hack", "lab", "manifests", "demo-web.yaml"))
	if err != nil {
		return fmt.Errorf("read the demo's manifest: %w", err)
	}
	if minor, err := e.serverMinor(); err != nil {
		return err
	} else if minor < 21 {
		manifest = bytes.Replace(manifest, []byte("apiVersion: policy/v1\n"), []byte("apiVersion: policy/v1beta1\n"), 1)
	}
	patient := strings.Replace(string(manifest), `"-client",`, `"-client", "-retry",`, 1)
	if patient == string(manifest) {
		return errors.New("read the demo's manifest: it has no client")
	}
	cmd := exec.CommandContext(ctx, e.product.kubectl, "--kubeconfig", e.lab.info.Kubeconfig, "apply", "-f", "-")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(patient), os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("deploy the demo: %w", err)
	}
	return poll(ctx, 2*time.Minute, "the demo's clients to be answered", func(ctx context.Context) (bool, error) {
		clients, err := e.clients(ctx)
		if err != nil || len(clients) < len(e.lab.info.Nodes) {
			return false, err
		}
		for _, c := range clients {
			if l, err := e.clientLog(ctx, c.Name); err != nil || l.requests == 0 {
				return false, err
			}
		}
		return true, nil
	})
}

// serverMinor is 14 for 1.14.
func (e *env) serverMinor() (int, error) {
	v, err := e.client.Discovery().ServerVersion()
	if err != nil {
		return 0, fmt.Errorf("ask for the server's version: %w", err)
	}
	minor, err := strconv.Atoi(strings.TrimSuffix(v.Minor, "+"))
	if err != nil {
		return 0, fmt.Errorf("read the server's version: %w", err)
	}
	return minor, nil
}

func (e *env) clients(ctx context.Context) ([]corev1.Pod, error) {
	list, err := e.client.CoreV1().Pods("demo").List(ctx, metav1.ListOptions{LabelSelector: "app=client"})
	if err != nil {
		return nil, fmt.Errorf("list clients: %w", err)
	}
	return list.Items, nil
}

// clientLog is what one client says of itself.
type clientLog struct {
	first, last      time.Time
	requests, failed int
	longestGap       time.Duration
	complaints       []string
}

var totals = regexp.MustCompile(`requests=(\d+) failed=(\d+) longest_gap_ms=(\d+)`)

func (e *env) clientLog(ctx context.Context, pod string) (*clientLog, error) {
	stream, err := e.client.CoreV1().Pods("demo").GetLogs(pod, &corev1.PodLogOptions{Timestamps: true}).Stream(ctx)
	if err != nil {
		return nil, fmt.Errorf("read log of %s: %w", pod, err)
	}
	defer stream.Close()
	l := &clientLog{}
	for s := bufio.NewScanner(stream); s.Scan(); {
		stamp, text, _ := strings.Cut(s.Text(), " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			return nil, fmt.Errorf("read log of %s: %w", pod, err)
		}
		if l.first.IsZero() {
			l.first = at
		}
		l.last = at
		if m := totals.FindStringSubmatch(text); m != nil {
			l.requests, _ = strconv.Atoi(m[1])
			l.failed, _ = strconv.Atoi(m[2])
			ms, _ := strconv.Atoi(m[3])
			l.longestGap = time.Duration(ms) * time.Millisecond
		} else if strings.Contains(text, " failure ") || strings.Contains(text, " retry ") {
			l.complaints = append(l.complaints, text)
		}
	}
	return l, nil
}

// client is one of them and what it says.
type client struct {
	pod corev1.Pod
	log *clientLog
}

// clientsSince gives every client with the totals that it has written after a time; they do so every few seconds.
func (e *env) clientsSince(ctx context.Context, after time.Time) (out []client, err error) {
	err = poll(ctx, time.Minute, "totals of the clients from after the upgrade", func(ctx context.Context) (bool, error) {
		pods, err := e.clients(ctx)
		if err != nil {
			return false, err
		}
		out = nil
		for _, p := range pods {
			l, err := e.clientLog(ctx, p.Name)
			if err != nil || l.last.Before(after) {
				return false, err
			}
			out = append(out, client{p, l})
		}
		return true, nil
	})
	return out, err
}

// workloadAnswered reads the clients' logs: they have to span the upgrade, be of one and the same process, and tell of no failure.
func (e *env) workloadAnswered(ctx context.Context, from, to time.Time) (failed int, err error) {
	clients, err := e.clientsSince(ctx, to)
	if err != nil {
		return -1, err
	}
	e.workloadGap = 0
	var errs []error
	if len(clients) != len(e.lab.info.Nodes) {
		errs = append(errs, fmt.Errorf("%d clients run, want %d", len(clients), len(e.lab.info.Nodes)))
	}
	for _, c := range clients {
		on, l, restarts := c.pod.Spec.NodeName, c.log, c.pod.Status.ContainerStatuses[0].RestartCount
		failed += l.failed
		e.workloadGap = max(e.workloadGap, l.longestGap)
		fmt.Printf("# client on %s: %d requests, %d failed, %d retried or failed, longest time without an answer %s\n",
			on, l.requests, l.failed, len(l.complaints), l.longestGap)
		if l.failed > 0 {
			errs = append(errs, fmt.Errorf("client on %s: %d of %d requests failed:\n%s", on, l.failed, l.requests, tail(strings.Join(l.complaints, "\n"), 10)))
		}
		if on != e.rebooted && (l.first.After(from) || restarts > 0) {
			errs = append(errs, fmt.Errorf("client on %s says nothing about the beginning: its log starts at %s, it was restarted %d times", on, l.first, restarts))
		}
	}
	return failed, errors.Join(errs...)
}
