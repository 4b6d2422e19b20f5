package report

import (
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/plan"
)

// EtcdRestorePlan writes a plan to restore as an operator reads it before saying yes.
func EtcdRestorePlan(w io.Writer, c *cluster.Cluster, p *plan.Plan) {
	from := p.Etcd.Restore.From
	where := "this machine"
	if from.Node != "" {
		where = "node " + from.Node
	}
	fmt.Fprintf(w, "Context:  %s\nServer:   %s\nSnapshot: %s on %s\n", orDash(p.Cluster.Context), p.Cluster.Server, printers.EscapeTerminal(from.Path), printers.EscapeTerminal(where))
	EtcdMembers(w, c.Etcd)
	fmt.Fprintln(w, "\nWhat it means:")
	for _, r := range p.Reasons {
		fmt.Fprintf(w, "  - %s\n", printers.EscapeTerminal(r))
	}
	fmt.Fprintf(w, "\nDowntime: %s\n", p.Etcd.Downtime)
	for _, ph := range p.Phases {
		steps(w, ph)
	}
	fmt.Fprintf(w, "\nThe agent is removed at the end. Plan digest: %s\n", p.Digest)
}

// handDir is where a snapshot of the operator's machine is best put on a host.
const handDir = "/var/lib/etcd-backup"

// bumpPerSecond makes each restore by hand begin at a revision beyond what came of the one before, of which nobody can be asked: no cluster writes as often.
const bumpPerSecond = 1000

// EtcdByHand says what to run on each host where no API server leads there. The word makes all of them members of one cluster that never was before.
func EtcdByHand(w io.Writer, from plan.EtcdBackup, image string, now time.Time) {
	file := from.Path
	if from.Node == "" {
		file = path.Join(handDir, path.Base(file))
	}
	program := "etcd-migrate"
	if image != "" {
		program = "etcd-migrate (/usr/local/bin/etcd-migrate in the image " + image + ")"
	}
	fmt.Fprintf(w, `
What leads to the hosts is the API, which needs etcd. Without it, go to each control-plane host yourself, in any order, one at a time or all at once:

  1. Bring there the snapshot, %s, with the .json beside it, and the program %s.
  2. Run as root, the very same line on every host:

     etcd-migrate snapshot restore %s --manifest /etc/kubernetes/manifests/etcd.yaml --initial-cluster-token restore-%s --revision-bump %d

It checks the snapshot before it changes anything, has the kubelet end etcd, keeps what is there, makes the member anew and gives it back to the kubelet. Where it is
cut short, the same line goes on. The members are those of the snapshot; where they have to be others, name them with --initial-cluster, the same on every host.

Once more than half of the hosts are done, etcd serves, and the API servers come back by themselves, within five minutes. Then look at all of it:

     kubectl upgrade etcd status
`, printers.EscapeTerminal(file), printers.EscapeTerminal(program), printers.EscapeTerminal(word(file)), now.UTC().Format("20060102T150405Z"), now.Unix()*bumpPerSecond)
}

// word writes a path as a shell takes it.
func word(path string) string {
	if strings.ContainsAny(path, " '\"$`\\*?;&|<>()") {
		return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
	}
	return path
}
