package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/docker"
	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/subnet"
)

// network makes the cluster's network in the wanted subnet or the next free one. Two bring-ups may choose the same
// one at the same time; the engine lets one of them have it, and the other chooses again.
func network(ctx context.Context, name, want, log string) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(want)
	if err != nil {
		return p, fmt.Errorf("parse subnet: %w", err)
	}
	taken, err := takenSubnets(ctx)
	if err != nil {
		return p, err
	}
	var last error
	for range 8 {
		free, err := subnet.Choose(p, taken)
		if err != nil {
			return p, err
		}
		last = docker.Do(ctx, log, "network", "create", "--label", docker.Label+"="+name, "--subnet", free.String(), "--gateway", subnet.Host(free, 1).String(), name)
		if last == nil {
			return free, nil
		}
		if !strings.Contains(last.Error(), "overlap") {
			break
		}
		taken = append(taken, free)
	}
	return p, last
}

func takenSubnets(ctx context.Context) ([]netip.Prefix, error) {
	var out []netip.Prefix
	ids, err := docker.Output(ctx, "network", "ls", "-q")
	if err != nil {
		return nil, err
	}
	if fields := strings.Fields(ids); len(fields) > 0 {
		nets, err := docker.Output(ctx, append([]string{"network", "inspect", "--format", "{{range .IPAM.Config}}{{.Subnet}} {{end}}"}, fields...)...)
		if err != nil {
			return nil, err
		}
		out = appendPrefixes(out, strings.Fields(nets)...)
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil, fmt.Errorf("list this machine's addresses: %w", err)
	}
	for _, a := range addrs {
		out = appendPrefixes(out, a.String())
	}
	return out, nil
}

func appendPrefixes(out []netip.Prefix, texts ...string) []netip.Prefix {
	for _, t := range texts {
		if p, err := netip.ParsePrefix(t); err == nil && p.Addr().Is4() {
			out = append(out, p.Masked())
		}
	}
	return out
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find free port: %w", err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
