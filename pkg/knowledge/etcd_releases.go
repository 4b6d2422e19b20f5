package knowledge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdRelease is a minor release of etcd.
type EtcdRelease struct {
	Minor string
	// Newest is the newest patch release that was known when the table was made. Newer ones are taken when they are at hand.
	Newest version.Version
	// Dead is set when no further patch release will come.
	Dead   bool
	Source string
}

const etcdChangelog = "https://github.com/etcd-io/etcd/blob/main/CHANGELOG/CHANGELOG-"

// etcdReleases are all minors from 2.3 on that were ever released, in order; etcd is upgraded from each to the next.
var etcdReleases = []EtcdRelease{
	{"2.3", etcd("2.3.8"), true, etcdChangelog + "2.3.md"},
	{"3.0", etcd("3.0.17"), true, etcdChangelog + "3.0.md"},
	{"3.1", etcd("3.1.20"), true, etcdChangelog + "3.1.md"},
	{"3.2", etcd("3.2.32"), true, etcdChangelog + "3.2.md"},
	{"3.3", etcd("3.3.27"), true, etcdChangelog + "3.3.md"},
	{"3.4", etcd("3.4.45"), true, "https://etcd.io/blog/2026/june-patch-release/"},
	{"3.5", etcd("3.5.35"), false, etcdChangelog + "3.5.md"},
	{"3.6", etcd("3.6.16"), false, etcdChangelog + "3.6.md"},
	{"3.7", etcd("3.7.3"), false, etcdChangelog + "3.7.md"},
}

func etcd(s string) version.Version { return version.MustParse(s) }

// EtcdReleases lists the minor releases from the oldest to the newest.
func EtcdReleases() []EtcdRelease { return slices.Clone(etcdReleases) }

// EtcdMinors lists the minor releases from the oldest to the newest: "2.3", "3.0", ...
func EtcdMinors() []string {
	out := make([]string, len(etcdReleases))
	for i, r := range etcdReleases {
		out[i] = r.Minor
	}
	return out
}

// EtcdMinor gives "3.5" for "3.5", "v3.5.1" and "3.5.1"; others than those of EtcdMinors are errors.
func EtcdMinor(s string) (string, error) {
	parts := strings.Split(strings.TrimPrefix(s, "v"), ".")
	if len(parts) < 2 {
		return "", fmt.Errorf("parse etcd version %q: want 3.5 or 3.5.26", s)
	}
	m := parts[0] + "." + parts[1]
	if etcdIndex(m) < 0 {
		return "", unknownEtcd(m)
	}
	return m, nil
}

func unknownEtcd(minor string) error {
	return fmt.Errorf("etcd %s is not known: known are %s", minor, strings.Join(EtcdMinors(), ", "))
}

// etcdIndex is a minor's place in the table, or -1.
func etcdIndex(minor string) int {
	return slices.IndexFunc(etcdReleases, func(r EtcdRelease) bool { return r.Minor == minor })
}
