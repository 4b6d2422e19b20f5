package apt

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// dpkgLogs are dpkg's own log and the month before it, oldest first. Older ones are compressed.
var dpkgLogs = []string{"/var/log/dpkg.log.1", "/var/log/dpkg.log"}

// History reads from dpkg's log where kubeadm, kubelet and kubectl came from. A host without the log has none.
func History() ([]cluster.PackageUpgrade, error) {
	var text strings.Builder
	for _, path := range dpkgLogs {
		b, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read package log: %w", err)
		}
		text.Write(b)
	}
	return ParseHistory(text.String(), time.Local), nil
}

// ParseHistory gives the last upgrade of kubelet and kubectl, and of kubeadm that one with which it left the version from which the
// kubelet was upgraded later: a control-plane node climbs several minors with kubeadm before its kubelet moves once. A step back, which
// dpkg calls an upgrade too, is none.
func ParseHistory(log string, zone *time.Location) []cluster.PackageUpgrade {
	var all []cluster.PackageUpgrade
	for l := range strings.Lines(log) {
		// 2026-11-24 04:54:05 upgrade kubelet:amd64 1.33.13-1.1 1.34.4-1.1
		f := strings.Fields(l)
		if len(f) != 6 || f[2] != "upgrade" {
			continue
		}
		name, _, _ := strings.Cut(f[3], ":")
		at, err := time.ParseInLocation(time.DateTime, f[0]+" "+f[1], zone)
		from, okFrom := Upstream(f[4])
		to, okTo := Upstream(f[5])
		if err != nil || !okFrom || !okTo || !from.Less(to) || !slices.Contains(cluster.PackageNames[:3], name) {
			continue
		}
		all = append(all, cluster.PackageUpgrade{Name: name, From: f[4], To: f[5], At: at.UTC()})
	}
	last := func(name string, is func(cluster.PackageUpgrade) bool) (cluster.PackageUpgrade, bool) {
		for _, u := range slices.Backward(all) {
			if u.Name == name && is(u) {
				return u, true
			}
		}
		return cluster.PackageUpgrade{}, false
	}
	var out []cluster.PackageUpgrade
	any := func(cluster.PackageUpgrade) bool { return true }
	kubelet, moved := last("kubelet", any)
	left := func(u cluster.PackageUpgrade) bool {
		a, _ := Upstream(u.From)
		b, _ := Upstream(kubelet.From)
		return moved && a == b && !u.At.After(kubelet.At)
	}
	for _, name := range cluster.PackageNames[:3] {
		is := any
		if name == "kubeadm" {
			is = left
		}
		if u, ok := last(name, is); ok {
			out = append(out, u)
		}
	}
	return out
}
