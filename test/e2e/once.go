package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
)

var (
	installedPackage = regexp.MustCompile(`(\S+):\S+ \(([^)]*)\)`)
	kubeadmUnit      = regexp.MustCompile(`^Started \S+\.service - kubectl upgrade: (\S+) \((kubeadm-apply|kubeadm-node)\)`)
	replaceUnit      = regexp.MustCompile(`^Started \S+\.service - kubectl upgrade: (\S+) \((etcd-replace)\)`)
)

// installedOnce wants no version of a package installed more than once on any host.
func (e *env) installedOnce(ctx context.Context, since time.Time) error {
	var errs []error
	for _, n := range e.lab.info.nodes() {
		text, err := e.lab.exec(ctx, n, "sh", "-c", "date +%:z; cat /var/log/apt/history.log")
		if err != nil {
			return err
		}
		zone, history, _ := strings.Cut(text, "\n")
		count, err := installations(history, zone, since)
		if err != nil {
			return fmt.Errorf("read apt's history of %s: %w", n, err)
		}
		if len(count) == 0 {
			errs = append(errs, fmt.Errorf("apt's history of %s tells of no installation", n))
		}
		for what, times := range count {
			if times > 1 {
				errs = append(errs, fmt.Errorf("%s was installed on %s %d times", what, n, times))
			}
		}
	}
	return errors.Join(errs...)
}

// installations counts what apt has installed, by package and versions.
func installations(history, zone string, since time.Time) (map[string]int, error) {
	out := map[string]int{}
	recent := false
	lines := bufio.NewScanner(strings.NewReader(history))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		what, rest, _ := strings.Cut(lines.Text(), ": ")
		switch what {
		case "Start-Date":
			at, err := time.Parse("2006-01-02  15:04:05-07:00", rest+zone)
			if err != nil {
				return nil, err
			}
			recent = at.After(since)
		case "Install", "Upgrade", "Downgrade", "Reinstall":
			for _, m := range installedPackage.FindAllStringSubmatch(rest, -1) {
				if recent {
					out[m[1]+" ("+m[2]+")"]++
				}
			}
		}
	}
	return out, lines.Err()
}

// kubeadmOnce wants kubeadm's changing commands run once per node and minor.
func (e *env) kubeadmOnce(ctx context.Context, since time.Time) error {
	return e.startedOnce(ctx, since, e.lab.info.nodes(), kubeadmUnit)
}

// startedOnce wants each unit of a kind started once, and one at least on every node.
func (e *env) startedOnce(ctx context.Context, since time.Time, nodes []string, unit *regexp.Regexp) error {
	var errs []error
	for _, n := range nodes {
		text, err := e.lab.exec(ctx, n, "journalctl", "--no-pager", "_PID=1", "-o", "cat", "--since", fmt.Sprintf("@%.3f", float64(since.UnixMilli())/1000))
		if err != nil {
			return err
		}
		count := map[string]int{}
		for _, line := range strings.Split(text, "\n") {
			if m := unit.FindStringSubmatch(line); m != nil {
				count[m[1]]++
			}
		}
		if len(count) == 0 {
			errs = append(errs, fmt.Errorf("the journal of %s tells of nothing that was to be done there once", n))
		}
		for step, times := range count {
			if times > 1 {
				errs = append(errs, fmt.Errorf("step %s was done on %s %d times", step, n, times))
			}
		}
	}
	return errors.Join(errs...)
}
