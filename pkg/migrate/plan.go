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
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/v2"
)

// Strategy is how to get from one release to another.
type Strategy string

const (
	// Auto restores where nothing is lost by it that the target would take, and steps otherwise.
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
	// Downgrade starts the server of the next minor and lets it take the data back.
	Downgrade Kind = "downgrade"
)

// Step is one thing to do with the copy.
type Step struct {
	Kind   Kind   `json:"kind"`
	Minor  string `json:"minor"`            // that the data is of afterwards
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

// MakePlan decides what to do with a directory to bring it to a minor release.
func MakePlan(i *datadir.Info, to string, o Options, bins *hops.Binaries) (*Plan, error) {
	p := &Plan{From: i.Version, To: to, Strategy: o.Strategy}
	if err := judgeDirection(i.Version, to, o.Downgrade); err != nil {
		return nil, err
	}
	if err := judgeAlarms(i); err != nil {
		return nil, err
	}
	convert, err := judgeV2(i, to, o.DropV2, p)
	if err != nil {
		return nil, err
	}
	if err := judgeMembers(i, p); err != nil {
		return nil, err
	}
	switch {
	case to == i.Version && !convert:
		return p, nil
	case len(i.Members()) > 1:
		err = p.alone(i, convert)
	default:
		p.single(i, convert)
	}
	if err != nil {
		return nil, err
	}
	return p, p.find(bins)
}

// find gives each step the program that it runs.
func (p *Plan) find(bins *hops.Binaries) (err error) {
	for n := range p.Steps {
		s := &p.Steps[n]
		if s.Kind == Convert || s.Kind == Rebase {
			continue
		}
		if s.Binary, s.Etcd, err = bins.Get(s.server()); err != nil {
			return fmt.Errorf("plan %s to %s: %w", p.From, p.To, err)
		}
	}
	return nil
}

// server is the minor of what is run.
func (s Step) server() string {
	if s.Kind == Downgrade {
		return hops.Next(s.Minor)
	}
	return s.Minor
}

// judgeV2 says whether the keys of the v2 API are the data. What would be lost is refused, unless it is allowed.
func judgeV2(i *datadir.Info, to string, drop bool, p *Plan) (convert bool, err error) {
	v := i.V2
	if db := i.Database; i.Version == "2.3" && db != nil && db.Keys > 0 {
		return false, refuse("etcd 2.3 has never served the %d keys of the v3 API that are in %s: either its preview (--experimental-v3demo) has written them, in a format of its own, "+
			"or etcdctl migrate has copied those of the v2 API; move that file away, and the keys of the v2 API are migrated", db.Keys, "member/snap/db")
	}
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
		return hops.Compare(to, "3.0") >= 0 && (i.Database == nil || v.Keys > 0), nil
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

// judgeMembers refuses a member that has no vote, and compares what the two stores say, which 3.5 and 3.6 take from
// different ones: https://github.com/etcd-io/etcd/issues/20967.
func judgeMembers(i *datadir.Info, p *Plan) error {
	self := slices.IndexFunc(i.Members(), func(m v2.Member) bool { return m.ID == i.NodeID })
	switch {
	case self < 0:
		return refuse("member %x was removed from its cluster, which goes on without it: take the directory of one that is in it", i.NodeID)
	case i.Members()[self].Learner:
		return refuse("member %x is a learner, which has no vote: promote it first, or take the directory of a voter", i.NodeID)
	case i.Database == nil || i.Database.StorageVersion != "":
		return nil
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
	return nil
}

// judgeAlarms refuses data of which etcd itself has said that it is wrong.
func judgeAlarms(i *datadir.Info) error {
	if i.Database == nil {
		return nil
	}
	for _, alarm := range i.Database.Alarms {
		if strings.HasPrefix(alarm, "CORRUPT") {
			return refuse("etcd has found the members' data to differ (alarm %s): take a member that is right, and disarm the alarm first", alarm)
		}
	}
	return nil
}

// judgeDirection refuses the ways on which etcd itself does not take data back.
func judgeDirection(from, to string, downgrade bool) error {
	switch {
	case hops.Compare(to, from) >= 0:
		return nil
	case hops.Compare(to, "3.5") < 0:
		return refuse("the data is of etcd %s, which is newer than %s, and etcd takes data back to 3.5 at most", from, to)
	case !downgrade:
		return refuse("the data is of etcd %s, which is newer than %s; --downgrade takes it back", from, to)
	}
	return nil
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

// v2Left says whether 3.6 would refuse to start.
func v2Left(i *datadir.Info) bool {
	return i.V2.Keys > 0 || i.V2.Users+i.V2.Roles > 0 || i.V2.LogWrites > 0
}

// single plans for a member that is all of its cluster.
func (p *Plan) single(i *datadir.Info, convert bool) {
	left := v2Left(i)
	from := i.Version
	switch {
	case p.Strategy == Auto && (convert || hops.Compare(p.To, from) < 0 || !behind(i) && (!left || hops.Compare(p.To, "3.5") > 0)):
		p.Strategy = Restore
	case p.Strategy == Auto:
		p.Strategy = Stepwise
	}
	switch {
	case p.Strategy == Restore:
		p.restore(i, convert)
		return
	case p.stepsDown():
		p.stepDown(from)
		return
	}
	if convert {
		if from == "2.3" {
			from = "3.0"
		}
		p.add(Convert, from)
		p.add(Run, from)
		left = false
	} else if i.State != nil && i.State.From2 && hops.Compare(from, "3.5") < 0 {
		// 3.5 would play the log from 2.x on, and hold itself for one that is not capable of v3 until its next snapshot.
		p.add(Run, from)
		p.add(Rebase, from)
		left = false
	}
	for _, m := range hops.Between(from, p.To) {
		// The servers up to 3.5 write requests of the v2 API into the log when they start and when they agree on a
		// version. 3.6 takes those two, but not what users have left.
		if m == "3.6" && (left || hops.Compare(from, "3.6") < 0) {
			if hops.Compare(from, "3.5") == 0 {
				p.add(Run, "3.5")
			}
			p.add(Rebase, "3.5")
		}
		p.add(Run, m)
	}
}

func (p *Plan) restore(i *datadir.Info, convert bool) {
	from := i.Version
	switch {
	case convert:
		p.add(Convert, format(p.To))
	case hops.Compare(from, "3.6") >= 0 && hops.Compare(p.To, from) > 0:
		// The v2 API has left nothing in it: the next server takes it as it is.
	default:
		if behind(i) {
			p.add(Run, from)
		}
		p.add(Rebase, format(p.To))
	}
	p.add(Run, p.To)
}

// stepsDown says whether etcd's own way back is taken.
func (p *Plan) stepsDown() bool {
	return p.Strategy == Stepwise && hops.Compare(p.To, p.From) < 0
}

func (p *Plan) stepDown(from string) {
	for m := from; m != p.To; {
		m = hops.Previous(m)
		p.add(Downgrade, m)
		p.add(Run, m)
	}
}

// alone plans for one member of several, which cannot lead without the others. Where all of them go to the next minor one
// after the other, its server takes the data as it is.
func (p *Plan) alone(i *datadir.Info, convert bool) error {
	switch {
	case convert:
	case p.To != hops.Next(i.Version):
		return refuse("one member of %d cannot go from %s to %s alone: upgrade the running cluster member by member, to %s first",
			len(i.Members()), i.Version, p.To, hops.Next(i.Version))
	case p.To == "3.6" && v2Left(i):
		return refuse("the v2 API has left %d keys, and %d requests in the log, over which etcd 3.6 does not start: remove the keys through it, and let the server write a snapshot",
			i.V2.Keys, i.V2.LogWrites)
	default:
		p.Notes = append(p.Notes, fmt.Sprintf("this is one of %d members: etcd %s itself takes over its data, together with the others", len(i.Members()), p.To))
		return nil
	}
	p.Strategy = Restore
	p.Notes = append(p.Notes, fmt.Sprintf("this is one of %d members: do the same with the others, from the same index of the log (%d), before any is started", len(i.V2.Members), i.Raft.Index))
	p.add(Convert, format(p.To))
	p.add(Check, p.To)
	return nil
}
