// Package migrate takes one member's data directory from one release of etcd to another, in a copy that replaces the
// original when the new release has answered on it.
package migrate

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/datadir"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/hops"
)

// Strategy is how to get from one release to another.
type Strategy string

const (
	// Auto steps where all that a member has fits, and restores where something has to be left behind.
	Auto Strategy = "auto"
	// Stepwise runs every release in between.
	Stepwise Strategy = "stepwise"
	// Restore writes the database into the format of the target and runs only that.
	Restore Strategy = "restore"
)

// Kind of a step.
type Kind string

const (
	// Convert turns the keys of the v2 API into keys of the v3 API.
	Convert Kind = "convert"
	// Rebase writes log, snapshot and membership anew around the database, and leaves all of the v2 API behind.
	Rebase Kind = "rebase"
	// Run starts a server and waits until cluster and storage have its version.
	Run Kind = "run"
	// Check starts a server on a copy that is thrown away, where one member of several cannot be run alone.
	Check Kind = "check"
)

// Step is one thing to do with the copy.
type Step struct {
	Kind   Kind   `json:"kind"`
	Minor  string `json:"minor"`            // of the server, or of the format
	Binary string `json:"binary,omitempty"` // what is run
	Etcd   string `json:"etcd,omitempty"`   // its version
}

// Plan is everything that will be done, in order. A plan without steps changes nothing.
type Plan struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Strategy Strategy `json:"strategy"`
	Steps    []Step   `json:"steps"`
	// Notes are what the operator should know and cannot change here.
	Notes []string `json:"notes,omitempty"`
}

// ErrRefused marks what is not done, because it could lose something.
var ErrRefused = errors.New("refused")

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRefused, fmt.Sprintf(format, args...))
}

// MakePlan decides what to do with a directory. dropV2 allows to leave behind what has no place in the v3 API.
func MakePlan(i *datadir.Info, to string, strategy Strategy, bins *hops.Binaries, dropV2 bool) (*Plan, error) {
	p := &Plan{From: i.Version, To: to, Strategy: strategy}
	if hops.Compare(to, i.Version) < 0 {
		return nil, refuse("the data is of etcd %s, which is newer than %s", i.Version, to)
	}
	convert, err := judgeV2(i, to, dropV2, p)
	if err != nil {
		return nil, err
	}
	judgeMembers(i, p)
	if hops.Compare(to, i.Version) == 0 && !convert {
		return p, nil
	}
	if to == "2.3" {
		return nil, refuse("etcd 2.3 cannot hold v3 data")
	}
	if len(i.V2.Members) > 1 || i.Database != nil && len(i.Database.Members) > 1 {
		p.alone(i, convert)
	} else {
		p.single(i, convert)
	}
	if len(p.Steps) == 0 {
		return nil, refuse("one member of a cluster cannot be stepped from %s to %s alone: upgrade the members of the running cluster one after the other", i.Version, to)
	}
	for n := range p.Steps {
		s := &p.Steps[n]
		if s.Kind != Run && s.Kind != Check {
			continue
		}
		if s.Binary, s.Etcd, err = bins.Get(s.Minor); err != nil {
			return nil, fmt.Errorf("plan %s to %s: %w", i.Version, to, err)
		}
	}
	return p, nil
}

// judgeV2 says whether the keys of the v2 API are the data. What would be lost is refused, unless it is allowed.
func judgeV2(i *datadir.Info, to string, drop bool, p *Plan) (convert bool, err error) {
	v := i.V2
	var foreign []string
	for _, prefix := range slices.Sorted(maps.Keys(v.Prefixes)) {
		if prefix != datadir.Prefix {
			foreign = append(foreign, fmt.Sprintf("%s (%d keys)", prefix, v.Prefixes[prefix]))
		}
	}
	if len(foreign) > 0 {
		p.Notes = append(p.Notes, "the v2 API holds keys that are not Kubernetes': "+strings.Join(foreign, ", ")+"; who reads them there has to learn v3 first")
	}
	if v.EmptyDirs > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d empty directories of the v2 API have no place in v3", v.EmptyDirs))
	}
	if v.AuthEnabled && !drop {
		return false, refuse("the v2 API asks for passwords (%d users, %d roles), and these cannot be taken over; --drop-v2 leaves them behind", v.Users, v.Roles)
	}
	if v.Users+v.Roles > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d users and %d roles of the v2 API are left behind", v.Users, v.Roles))
	}
	if i.Database == nil || i.Database.Keys == 0 && i.Database.Revision == 1 {
		return i.Database == nil && hops.Compare(to, "3.0") >= 0 || v.Keys > 0, nil
	}
	missing := 0
	for _, k := range i.Contents.Keys {
		if !i.Database.Has(k.Path) {
			missing++
		}
	}
	if missing > 0 && hops.Compare(to, "3.5") > 0 && !drop {
		return false, refuse("the v3 API holds %d keys already, but %d of the v2 API's %d are not among them, and etcd %s has no v2 API; --drop-v2 leaves them behind",
			i.Database.Keys, missing, v.Keys, to)
	}
	if v.Keys > 0 {
		p.Notes = append(p.Notes, fmt.Sprintf("%d keys of the v2 API stay behind; the v3 API holds %d", v.Keys, i.Database.Keys))
	}
	return false, nil
}

// judgeMembers compares what the two stores say, which 3.5 and 3.6 take from different ones:
// https://github.com/etcd-io/etcd/issues/20967.
func judgeMembers(i *datadir.Info, p *Plan) {
	if i.Database == nil || len(i.V2.Members) == 0 {
		return
	}
	have := map[uint64]bool{}
	for _, m := range i.V2.Members {
		have[m.ID] = !m.Learner
	}
	for _, m := range i.Database.Members {
		voter, known := have[m.ID]
		if !known {
			p.Notes = append(p.Notes, fmt.Sprintf("member %x is in the database, and no longer in the cluster", m.ID))
		} else if voter == m.Learner {
			p.Notes = append(p.Notes, fmt.Sprintf("member %x is a learner in one store, and a voter in the other", m.ID))
		}
	}
}

// format is the newest that leads to a minor. 3.6 and 3.7 start on that of 3.5.
func format(to string) string {
	if hops.Compare(to, "3.5") > 0 {
		return "3.5"
	}
	return to
}

func (p *Plan) add(kind Kind, minors ...string) {
	for _, m := range minors {
		p.Steps = append(p.Steps, Step{Kind: kind, Minor: m})
	}
}

// single plans for a member that is all of its cluster.
func (p *Plan) single(i *datadir.Info, convert bool) {
	v2Left := i.V2.Keys > 0 || i.V2.Users+i.V2.Roles > 0 || i.V2.LogWrites > 0
	from := i.Version
	switch {
	case p.Strategy == Auto && convert:
		p.Strategy = Restore
	case p.Strategy == Auto:
		p.Strategy = Stepwise
	}
	if p.Strategy == Restore {
		p.restore(from, convert)
		return
	}
	if convert {
		if from == "2.3" {
			from = "3.0"
		}
		p.add(Convert, from)
		p.add(Run, from)
		v2Left = false
	} else if i.State != nil && i.State.From2 && hops.Compare(from, "3.5") < 0 {
		// 3.5 would play the log from 2.x on, and hold itself for one that is not capable of v3 until its next snapshot.
		p.add(Run, from)
		p.add(Rebase, from)
		v2Left = false
	}
	for _, m := range hops.Between(from, p.To) {
		// The servers up to 3.5 write requests of the v2 API into the log when they start and when they agree on a
		// version. 3.6 takes those two, but not what users have left.
		if m == "3.6" && (v2Left || hops.Compare(from, "3.6") < 0) {
			if hops.Compare(from, "3.5") == 0 {
				p.add(Run, "3.5")
			}
			p.add(Rebase, "3.5")
		}
		p.add(Run, m)
	}
}

func (p *Plan) restore(from string, convert bool) {
	switch {
	case convert:
		p.add(Convert, format(p.To))
	case hops.Compare(from, "3.6") >= 0:
		// Nothing older can read it: the next server takes it as it is.
	default:
		p.add(Run, from) // what is in the log only has to come into the database
		p.add(Rebase, format(p.To))
	}
	p.add(Run, p.To)
}

// alone plans for one member of several, which cannot lead without the others.
func (p *Plan) alone(i *datadir.Info, convert bool) {
	if !convert {
		return
	}
	p.Strategy = Restore
	p.Notes = append(p.Notes, fmt.Sprintf("this is one of %d members: do the same with the others, from the same index of the log (%d), before any is started", len(i.V2.Members), i.Raft.Index))
	p.add(Convert, format(p.To))
	p.add(Check, p.To)
}
