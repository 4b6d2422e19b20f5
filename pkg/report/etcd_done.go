package report

import (
	"fmt"
	"io"
	"strings"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// EtcdDone is what a run did to etcd.
type EtcdDone struct {
	// Snapshots are those that were taken or checked, by host and path once each.
	Snapshots []hostaction.Snapshot `json:"snapshots,omitempty"`
	// Downloads are the files on this machine.
	Downloads []string       `json:"downloads,omitempty"`
	Replaced  []EtcdReplaced `json:"replaced,omitempty"`
	// Agreed is what all members agreed on at the end of each release of the way.
	Agreed []EtcdAgreed `json:"agreed,omitempty"`
}

// EtcdReplaced is a member that was replaced.
type EtcdReplaced struct {
	Member string          `json:"member"`
	From   version.Version `json:"from"`
	To     version.Version `json:"to"`
	// Down is how long the member itself did not answer.
	Down plan.Duration `json:"down"`
}

// EtcdAgreed is what all members agreed on.
type EtcdAgreed struct {
	Version version.Version `json:"version"`
	hostaction.EtcdAgreement
}

// Add takes what a step has found out or done.
func (d *EtcdDone) Add(s plan.Step, out any) {
	switch out := out.(type) {
	case hostaction.Snapshot:
		for i, have := range d.Snapshots {
			if have.Node == out.Node && have.Path == out.Path {
				d.Snapshots[i] = out
				return
			}
		}
		d.Snapshots = append(d.Snapshots, out)
	case hostaction.EtcdReplaced:
		if a, err := plan.Params[hostaction.EtcdReplace](s); err == nil {
			d.Replaced = append(d.Replaced, EtcdReplaced{Member: a.Name, From: a.From, To: a.Version, Down: plan.Duration(out.Down)})
		}
	case hostaction.EtcdAgreement:
		if a, err := plan.Params[hostaction.EtcdAgree](s); err == nil {
			d.Agreed = append(d.Agreed, EtcdAgreed{Version: a.Version, EtcdAgreement: out})
		}
	case string:
		d.Downloads = append(d.Downloads, out)
	}
}

// Empty tells whether there is nothing to tell.
func (d *EtcdDone) Empty() bool {
	return len(d.Snapshots) == 0 && len(d.Replaced) == 0 && len(d.Agreed) == 0 && len(d.Downloads) == 0
}

// WriteEtcdDone writes it for a person.
func WriteEtcdDone(w io.Writer, d *EtcdDone) {
	if len(d.Replaced) > 0 {
		fmt.Fprintln(w)
		t := printers.GetNewTabWriter(w)
		fmt.Fprintln(t, "MEMBER\tFROM\tTO\tDOWN FOR")
		for _, r := range d.Replaced {
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", printers.EscapeTerminal(r.Member), r.From.Bare(), r.To.Bare(), round(r.Down))
		}
		t.Flush()
	}
	for _, a := range d.Agreed {
		fmt.Fprintf(w, "\nAt %s all members agreed at revision %d: hash %s, %s\n", a.Version.Bare(), a.Revision, orDash(a.Hash), leases(a.Leases))
	}
	for _, s := range d.Snapshots {
		fmt.Fprintf(w, "\nSnapshot: %s on node %s\n  %d bytes, revision %d, %d keys\n  sha256 %s\n", s.Path, s.Node, s.Size, s.Revision, s.Keys, s.SHA256)
	}
	if len(d.Downloads) > 0 {
		fmt.Fprintf(w, "Copy on this machine: %s\n", strings.Join(d.Downloads, ", "))
	}
}

func leases(n int) string {
	if n < 0 {
		return "leases not known"
	}
	return fmt.Sprintf("%d leases", n)
}
