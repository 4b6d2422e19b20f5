package knowledge

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func releases(text string) []version.Version {
	var out []version.Version
	for _, s := range strings.Fields(text) {
		out = append(out, etcd(s))
	}
	return out
}

// bundled are those of etcd-migrate.
const bundled = "2.3.8 3.0.17 3.1.20 3.2.32 3.3.27 3.4.16 3.5.35 3.6.16 3.7.3"

func TestRoute(t *testing.T) {
	for _, c := range []struct {
		name, from, to, available, want string
	}{
		{"nothing to do", "3.5.35", "3.5.35", "", ""},
		{"a patch", "3.5.9", "3.5.35", bundled, "patch 3.5.35"},
		{"a patch back", "3.5.35", "3.5.33", "3.5.33", "patch 3.5.33"},
		{"one minor", "3.4.13", "3.5.35", bundled, "upgrade 3.5.35"},
		{"every minor", "2.3.8", "3.7.3", bundled,
			"upgrade 3.0.17, upgrade 3.1.20, upgrade 3.2.32, upgrade 3.3.27, upgrade 3.4.16, upgrade 3.5.35, upgrade 3.6.16, upgrade 3.7.3"},
		{"out of a 3.5 with members that are gone", "3.5.9", "3.6.16", bundled, "patch 3.5.35 [etcd-3.5-learners etcd-3.5-zombies etcd-3.5-guide], upgrade 3.6.16"},
		{"members that are gone, learners mended", "3.5.24", "3.6.16", bundled, "patch 3.5.35 [etcd-3.5-zombies etcd-3.5-guide], upgrade 3.6.16"},
		{"out of a 3.5 that the guide does not name", "3.5.26", "3.6.16", bundled, "patch 3.5.35 [etcd-3.5-guide], upgrade 3.6.16"},
		{"the same without a better one", "3.5.26", "3.6.16", "3.5.30 3.6.16", "upgrade 3.6.16 (etcd-3.5-guide)"},
		{"the same with an older one", "3.5.30", "3.6.16", "3.5.28 3.6.16", "upgrade 3.6.16 (etcd-3.5-guide)"},
		{"the fixing patch is itself not the best", "3.5.9", "3.6.16", "3.5.26 3.6.16", "patch 3.5.26 [etcd-3.5-learners etcd-3.5-zombies etcd-3.5-guide], upgrade 3.6.16 (etcd-3.5-guide)"},
		{"out of a 3.5 that is fit", "3.5.32", "3.6.16", bundled, "upgrade 3.6.16"},
		{"out of a 3.6 that is not compatible", "3.6.8", "3.7.3", bundled, "patch 3.6.16 [etcd-3.6-rolling], upgrade 3.7.3"},
		{"both", "3.5.1", "3.7.3", bundled, "patch 3.5.35 [etcd-3.5-learners etcd-3.5-zombies etcd-3.5-guide], upgrade 3.6.16, upgrade 3.7.3"},
		{"the newest patch on the way", "3.4.16", "3.6.16", "3.5.33 3.5.26 3.5.35 3.5.9 3.6.16", "upgrade 3.5.35, upgrade 3.6.16"},
		{"past a patch that is not fit to pass", "3.5.35", "3.7.3", "3.6.4 3.6.11 3.6.10 3.7.3", "upgrade 3.6.11, upgrade 3.7.3"},
		{"a pre-release does not count", "3.5.35", "3.7.3", "3.6.11 3.6.17-rc.0 3.7.3", "upgrade 3.6.11, upgrade 3.7.3"},
		{"an end that must not be passed is an end", "3.5.35", "3.6.5", "3.6.5", "upgrade 3.6.5"},
		{"advice against the end", "3.5.35", "3.6.4", "3.6.4", "upgrade 3.6.4 (etcd-3.6-snapshot-defrag)"},
		{"newer than the table", "3.5.40", "3.6.20", "3.6.20", "upgrade 3.6.20"},
		{"no detour for authentication", "3.2.24", "3.3.27", bundled, "upgrade 3.3.27"},
		{"down", "3.7.3", "3.5.35", bundled, "downgrade 3.6.16, downgrade 3.5.35"},
		{"down one", "3.6.16", "3.5.35", bundled, "downgrade 3.5.35"},
		{"down with advice", "3.6.16", "3.5.26", "3.5.26", "downgrade 3.5.26 (etcd-3.5-guide)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hops, err := Route(etcd(c.from), etcd(c.to), releases(c.available))
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, describe(t, etcd(c.from), hops)); d != "" {
				t.Errorf("from %s to %s (-want +got):\n%s", c.from, c.to, d)
			}
		})
	}
}

func describe(t *testing.T, at version.Version, hops []Hop) string {
	t.Helper()
	ids := func(open, end string, hs []Hazard) string {
		if len(hs) == 0 {
			return ""
		}
		var out []string
		for _, h := range hs {
			out = append(out, h.ID)
		}
		return " " + open + strings.Join(out, " ") + end
	}
	var out []string
	for _, h := range hops {
		if h.From != at {
			t.Errorf("a hop to %s starts at %s, not at %s", h.To, h.From, at)
		}
		at = h.To
		out = append(out, fmt.Sprintf("%s %s%s%s", h.Kind, h.To.Bare(), ids("[", "]", h.Because), ids("(", ")", h.Advice)))
	}
	return strings.Join(out, ", ")
}

func TestRouteErrors(t *testing.T) {
	for _, c := range []struct {
		name, from, to, available string
		missing                   bool
		want                      string
	}{
		{"a target that loses data", "3.4.16", "3.5.2", "3.5.2", false, "etcd 3.5.2 can lose writes when it is killed"},
		{"what to take is named", "3.4.16", "3.5.2", "3.5.2", false, "take 3.5.6 or newer"},
		{"a target that loses data when defragmented", "3.4.16", "3.5.5", "3.5.5", false, "take 3.5.6 or newer"},
		{"a target that panics", "3.5.35", "3.6.3", "3.6.3", false, "https://github.com/etcd-io/etcd/pull/20340"},
		{"3.2 before 3.2.10", "3.1.20", "3.2.9", "3.2.9", false, "https://github.com/etcd-io/etcd/issues/8813"},
		{"3.3 before 3.3.21", "3.2.32", "3.3.20", "3.3.20", false, "when authentication is enabled"},
		{"3.4 before 3.4.8", "3.3.27", "3.4.7", "3.4.7", false, "take 3.4.8 or newer"},
		{"the target is missing", "3.5.35", "3.6.16", "3.6.15", true, "no etcd 3.6.16 at hand; get it from https://github.com/etcd-io/etcd/releases/tag/v3.6.16"},
		{"a release on the way is missing", "3.4.16", "3.6.16", "3.6.16", true,
			"no etcd 3.5.26 or newer of 3.5 at hand, which is needed on the way to 3.6; get it from https://github.com/etcd-io/etcd/releases/tag/v3.5.35"},
		{"a release on the way is not fit", "3.4.16", "3.6.16", "3.5.21 3.6.16", true, "etcd 3.5.21 leaves members in its database"},
		{"the fixing patch is missing", "3.5.9", "3.6.16", "3.5.21 3.6.16", true, "which is needed because etcd 3.5.9 does not write a learner's promotion"},
		{"3.6 on the way to 3.7", "3.6.4", "3.7.3", "3.7.3", true, "no etcd 3.6.11 or newer of 3.6 at hand"},
		{"below where etcd goes back", "3.6.16", "3.4.16", bundled, false, "etcd takes its data back to 3.5 and no further"},
		{"older ones do not go back", "3.4.16", "3.3.27", bundled, false, "restore a snapshot that 3.3 has made"},
		{"back to a release that is not fit", "3.6.16", "3.5.9", "3.5.9", false, "etcd 3.5.9 does not write a learner's promotion"},
		{"on the way back", "3.7.3", "3.5.35", "3.5.35 3.6.10", true, "no etcd 3.6.11 or newer of 3.6 at hand, which is needed on the way to 3.5"},
		{"unknown", "3.7.3", "3.8.0", "3.8.0", false, "etcd 3.8 is not known: known are 2.3, 3.0"},
		{"unknown start", "0.4.6", "2.3.8", bundled, false, "etcd 0.4 is not known"},
		{"to a pre-release", "3.6.16", "3.7.0-rc.0", "3.7.0-rc.0", false, "was never released"},
		{"from a pre-release", "3.6.0-rc.0", "3.7.3", bundled, false, "was never released"},
	} {
		t.Run(c.name, func(t *testing.T) {
			hops, err := Route(etcd(c.from), etcd(c.to), releases(c.available))
			if err == nil {
				t.Fatalf("no error, but %s", describe(t, etcd(c.from), hops))
			}
			if _, ok := errors.AsType[*MissingError](err); ok != c.missing {
				t.Errorf("a MissingError is %t: %v", ok, err)
			}
			if !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "route etcd from "+c.from+" to "+c.to+": ") {
				t.Errorf("%q does not say %q", err, c.want)
			}
		})
	}
}

// There is a way from every release to every newest one after it, and it never stops at one that is not fit.
func TestRouteBetweenAll(t *testing.T) {
	var all []version.Version
	for _, r := range EtcdReleases() {
		for v := r.Newest; v.Patch >= 0; v.Patch-- {
			all = append(all, v)
		}
	}
	for _, from := range all {
		for _, r := range EtcdReleases() {
			to := r.Newest
			if !from.Less(to) {
				continue
			}
			hops, err := Route(from, to, all)
			if err != nil {
				t.Fatal(err)
			}
			at := from
			for _, h := range hops {
				if h.From != at || at.MinorString() != h.To.MinorString() && etcdIndex(h.To.MinorString()) != etcdIndex(at.MinorString())+1 {
					t.Fatalf("from %s to %s: hop from %s to %s", from, to, h.From, h.To)
				}
				if err := Unfit(h.To, Run); err != nil {
					t.Fatalf("from %s to %s: %v", from, to, err)
				}
				if err := Unfit(h.From, BeforeNext); h.Kind == Upgrade && err != nil {
					t.Fatalf("from %s to %s: upgrade out of %v", from, to, err)
				}
				at = h.To
			}
			if at != to {
				t.Fatalf("from %s to %s: ends at %s", from, to, at)
			}
		}
	}
}

func TestEtcdMinor(t *testing.T) {
	for in, want := range map[string]string{"3.5": "3.5", "3.5.35": "3.5", "v2.3.8": "2.3", "3": "", "3.8": "", "1.0.0": "", "": ""} {
		got, err := EtcdMinor(in)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("EtcdMinor(%q) = %q, %v", in, got, err)
		}
	}
}

func TestHazards(t *testing.T) {
	seen := map[string]bool{}
	for _, h := range EtcdHazards() {
		if seen[h.ID] || !strings.HasPrefix(h.Source, "https://") || h.Why == "" || !h.First.SameMinor(h.Last) || h.Last.Less(h.First) || etcdIndex(h.First.MinorString()) < 0 ||
			h.Use != Run && h.Use != BeforeNext {
			t.Errorf("a row that cannot be: %+v", h)
		}
		seen[h.ID] = true
		if !strings.HasPrefix(h.ID, "etcd-"+h.First.MinorString()+"-") {
			t.Errorf("%s is of %s", h.ID, h.First.MinorString())
		}
		if h.Has(h.Fixed()) || !h.Has(h.First) || !h.Has(h.Last) {
			t.Errorf("%s: its own ends", h.ID)
		}
	}
	for _, r := range EtcdReleases() {
		if err := Unfit(r.Newest, Run, BeforeNext); err != nil || len(Advice(r.Newest, Run))+len(Advice(r.Newest, BeforeNext)) > 0 || r.Newest.MinorString() != r.Minor {
			t.Errorf("the newest %s: %v", r.Minor, err)
		}
	}
}

func TestOldestFit(t *testing.T) {
	for _, c := range []struct {
		minor, run, passed string
	}{
		{"2.3", "2.3.0", "2.3.0"}, {"3.0", "3.0.17", "3.0.17"}, {"3.2", "3.2.29", "3.2.29"}, {"3.3", "3.3.21", "3.3.21"}, {"3.4", "3.4.8", "3.4.8"},
		{"3.5", "3.5.6", "3.5.26"}, {"3.6", "3.6.4", "3.6.11"}, {"3.7", "3.7.0", "3.7.0"},
	} {
		if got := OldestFit(c.minor, Run); got != etcd(c.run) {
			t.Errorf("%s may run from %s on, not %s", c.minor, got, c.run)
		}
		if got := OldestFit(c.minor, Run, BeforeNext); got != etcd(c.passed) {
			t.Errorf("%s may be passed from %s on, not %s", c.minor, got, c.passed)
		}
	}
	if got := OldestFit("4.0", Run); !got.IsZero() {
		t.Errorf("4.0: %s", got)
	}
}
