package knowledge

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// HopKind is how a cluster gets from one release of etcd to another.
type HopKind string

// The kinds of hops.
const (
	// Patch stays within a minor.
	Patch HopKind = "patch"
	// Upgrade goes to the next minor.
	Upgrade HopKind = "upgrade"
	// Downgrade goes to the minor before, by etcd's own API: the cluster is told to, and takes its data back, before the first member is replaced.
	Downgrade HopKind = "downgrade"
	// Convert takes data of the v2 API to the v3 API, and all members at once to any later release.
	Convert HopKind = "convert"
)

// Hop is one rolling replacement of all members.
type Hop struct {
	Kind     HopKind
	From, To version.Version
	// Because are the hazards for which an extra hop is made.
	Because []Hazard
	// Advice speaks against To, or against From for this hop, and was not followed for want of a better release.
	Advice []Hazard
}

// MissingError says that a release is not at hand.
type MissingError struct {
	// Minor is of what release, AtLeast the oldest that would do, Newest the newest that is known, in the same minor.
	Minor           string
	AtLeast, Newest version.Version
	// For is what it is wanted for.
	For string
	// Rejected says of the releases at hand why they will not do.
	Rejected []string
}

// Error names what is missing and where it is to be had.
func (e *MissingError) Error() string {
	s := fmt.Sprintf("no etcd %s at hand", e.Minor)
	if e.AtLeast == e.Newest {
		s = fmt.Sprintf("no etcd %s at hand", e.AtLeast.Bare())
	} else if e.AtLeast.Patch > 0 {
		s = fmt.Sprintf("no etcd %s or newer of %s at hand", e.AtLeast.Bare(), e.Minor)
	}
	if e.For != "" {
		s += ", which is needed " + e.For
	}
	if len(e.Rejected) > 0 {
		s += "; " + strings.Join(e.Rejected, "; ")
	}
	return s + "; get it from " + EtcdDownload(e.Newest)
}

// EtcdDownload is where the programs of a release are to be had.
func EtcdDownload(v version.Version) string {
	return "https://github.com/etcd-io/etcd/releases/tag/" + v.String()
}

// NewestEtcd gives the newest release of a minor that is available and fit for the uses. Without one it returns a MissingError.
func NewestEtcd(minor string, available []version.Version, uses ...Use) (version.Version, error) {
	i := etcdIndex(minor)
	if i < 0 {
		return version.Version{}, unknownEtcd(minor)
	}
	missing := &MissingError{Minor: minor, AtLeast: OldestFit(minor, uses...), Newest: etcdReleases[i].Newest}
	var best version.Version
	for _, v := range slices.SortedFunc(slices.Values(available), version.Version.Compare) {
		if v.MinorString() != minor || v.Pre != "" {
			continue
		}
		if err := Unfit(v, uses...); err != nil {
			missing.Rejected = append(missing.Rejected, err.Error())
			continue
		}
		best = v
	}
	if best.IsZero() {
		return best, missing
	}
	return best, nil
}

// Route finds the way of a whole cluster from one release of etcd to another through the releases that are available: every minor in between, each by its
// newest release that is fit, and before a minor a patch release where the one that runs must not stand beside that minor. The members of a cluster
// between two releases go on from the older one. From 3.7 and 3.6 it also leads down, to 3.5 at the least, which is as far as etcd itself takes its data back.
// It returns no hop where from is to.
func Route(from, to version.Version, available []version.Version) ([]Hop, error) {
	start, end := etcdIndex(from.MinorString()), etcdIndex(to.MinorString())
	switch {
	case start < 0:
		return nil, routeError(from, to, unknownEtcd(from.MinorString()))
	case end < 0:
		return nil, routeError(from, to, unknownEtcd(to.MinorString()))
	case from.Pre != "":
		return nil, routeError(from, to, notReleased(from))
	case from == to:
		return nil, nil
	}
	if err := fitTarget(to, available); err != nil {
		return nil, routeError(from, to, err)
	}
	r := router{at: from, to: to, available: available}
	step := r.up
	if end < start {
		if err := downgradable(to); err != nil {
			return nil, routeError(from, to, err)
		}
		step = r.down
	}
	for r.at.MinorString() != to.MinorString() {
		if err := step(); err != nil {
			return nil, routeError(from, to, err)
		}
	}
	if r.at != to {
		r.hop(Patch, to, nil)
	}
	return r.hops, nil
}

func routeError(from, to version.Version, err error) error {
	return fmt.Errorf("route etcd from %s to %s: %w", from.Bare(), to.Bare(), err)
}

// fitTarget judges the release at which the way ends.
func fitTarget(to version.Version, available []version.Version) error {
	if to.Pre != "" {
		return notReleased(to)
	}
	if err := Unfit(to, Run); err != nil {
		return err
	}
	if !slices.Contains(available, to) {
		return &MissingError{Minor: to.MinorString(), AtLeast: to, Newest: to}
	}
	return nil
}

func notReleased(v version.Version) error {
	return fmt.Errorf("etcd %s was never released: it is a pre-release", v.Bare())
}

// downgradable tells whether etcd's own API leads down.
func downgradable(to version.Version) error {
	if etcdIndex(to.MinorString()) >= etcdIndex("3.5") {
		return nil
	}
	return fmt.Errorf("etcd takes its data back to 3.5 and no further (%s): restore a snapshot that %s has made",
		"https://etcd.io/docs/v3.6/downgrades/downgrading-etcd/", to.MinorString())
}

// router is on its way.
type router struct {
	at, to    version.Version
	available []version.Version
	hops      []Hop
}

func (r *router) hop(kind HopKind, to version.Version, because []Hazard) {
	h := Hop{Kind: kind, From: r.at, To: to, Because: because, Advice: Advice(to, Run)}
	switch kind {
	case Upgrade:
		h.Advice = append(Advice(r.at, BeforeNext), h.Advice...)
	case Downgrade:
		h.Advice = append(Advice(to, BeforeNext), h.Advice...)
	}
	r.hops, r.at = append(r.hops, h), to
}

// up goes to the next minor, and before that to the patch release that can.
func (r *router) up() error {
	if err := r.readyForNext(); err != nil {
		return err
	}
	next := etcdReleases[etcdIndex(r.at.MinorString())+1].Minor
	if next == r.to.MinorString() {
		r.hop(Upgrade, r.to, nil)
		return nil
	}
	v, err := NewestEtcd(next, r.available, Run, BeforeNext)
	if err != nil {
		return want(err, "on the way to "+r.to.MinorString())
	}
	r.hop(Upgrade, v, nil)
	return nil
}

// readyForNext goes to a patch release that may stand beside the next minor, if the one that runs may not, or had better not.
func (r *router) readyForNext() error {
	against := slices.DeleteFunc(HazardsOf(r.at, BeforeNext), func(h Hazard) bool { return h.Condition != "" })
	if len(against) == 0 {
		return nil
	}
	v, err := NewestEtcd(r.at.MinorString(), r.available, Run, BeforeNext)
	required := Unfit(r.at, BeforeNext)
	switch {
	case err != nil && required != nil:
		return want(err, fmt.Sprintf("because %v", required))
	case err != nil, !r.at.Less(v), required == nil && len(Advice(v, BeforeNext)) > 0:
		return nil //nolint:nilerr // better than what runs there is not
	}
	r.hop(Patch, v, against)
	return nil
}

// down goes to the minor before, to a release that may stand beside the one that runs.
func (r *router) down() error {
	previous := etcdReleases[etcdIndex(r.at.MinorString())-1].Minor
	if previous == r.to.MinorString() {
		if err := Unfit(r.to, BeforeNext); err != nil {
			return err
		}
		r.hop(Downgrade, r.to, nil)
		return nil
	}
	v, err := NewestEtcd(previous, r.available, Run, BeforeNext)
	if err != nil {
		return want(err, "on the way to "+r.to.MinorString())
	}
	r.hop(Downgrade, v, nil)
	return nil
}

// want says what a missing release is wanted for.
func want(err error, purpose string) error {
	if missing, ok := errors.AsType[*MissingError](err); ok {
		missing.For = purpose
	}
	return err
}
