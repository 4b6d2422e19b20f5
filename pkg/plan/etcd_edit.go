package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// edited is a member with the settings of another release.
type edited struct {
	cluster.EtcdMember
	changes  []knowledge.Change
	problems []knowledge.Problem
}

// edit gives a member the settings of a release, and of a static pod its image.
func edit(m cluster.EtcdMember, to version.Version, image string) (edited, error) {
	out := edited{EtcdMember: m}
	p := *m.Process
	p.Files = slices.Clone(p.Files)
	out.Process = &p
	from := m.Version
	if from.IsZero() {
		from = to
	}
	if p.Run == cluster.EtcdAsPod {
		return out, out.pod(from, to, image)
	}
	return out, out.service(from, to)
}

// noShell is the first minor whose images of Kubernetes have no shell, in which the probes of kubeadm up to 1.15 run a command.
var noShell = version.Version{Major: 3, Minor: 5}

// metrics is where kubeadm has etcd tell about its health without asking for a certificate.
const metrics = "http://127.0.0.1:2381"

func (e *edited) pod(from, to version.Version, image string) error {
	p := e.Process
	if len(p.Files) != 1 {
		return fmt.Errorf("its static pod has %d manifests", len(p.Files))
	}
	if image == "" {
		return fmt.Errorf("no image of etcd %s was found for node %s", to.Bare(), e.Node)
	}
	f := &p.Files[0]
	pod, err := manifest.ReadEtcdPod([]byte(f.Text))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	settings := e.rewrite(from, to, pod.Settings)
	change := manifest.EtcdPodEdit{Image: image}
	if len(pod.ShellProbes) > 0 && !to.Less(noShell) {
		urls := pod.ListenMetricsURLs
		if len(urls) == 0 {
			urls = []string{metrics}
			settings = append(settings, knowledge.Flag("listen-metrics-urls", metrics))
			e.changes = append(e.changes, knowledge.Change{New: "--listen-metrics-urls=" + metrics, Why: "the probes ask there, since the image has no shell to run a command in"})
		}
		if change.Probe, err = probeAt(urls[0]); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
	}
	change.Settings = settings
	text, err := manifest.EditEtcdPod([]byte(f.Text), change)
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Text, p.Image = string(text), image
	return nil
}

// rewrite makes settings those of another release, and keeps what changed and what is wrong.
func (e *edited) rewrite(from, to version.Version, settings []knowledge.Arg) []knowledge.Arg {
	out, changes, problems := knowledge.RewriteFlags(from.MinorString(), to.MinorString(), settings)
	e.changes = append(e.changes, changes...)
	e.problems = append(e.problems, problems...)
	return out
}

func probeAt(address string) (*manifest.HTTPProbe, error) {
	scheme, _, _ := strings.Cut(address, "://")
	host, port := splitAddress(address)
	n, err := strconv.Atoi(port)
	if err != nil {
		return nil, fmt.Errorf("read --listen-metrics-urls: %w", err)
	}
	return &manifest.HTTPProbe{Host: host, Port: n, Path: "/health", Scheme: strings.ToUpper(scheme)}, nil
}

// splitAddress gives host and port of a URL such as https://10.0.0.1:2379; an address of IPv6 is without its brackets.
func splitAddress(url string) (host, port string) {
	_, rest, _ := strings.Cut(url, "://")
	rest, _, _ = strings.Cut(rest, "/")
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		return strings.Trim(rest[:i], "[]"), rest[i+1:]
	}
	return strings.Trim(rest, "[]"), ""
}

// joinAddress is what one listens at.
func joinAddress(host, port string) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return host + ":" + port
}

// EtcdProblem is what is wrong with the settings of a member on the way.
type EtcdProblem struct {
	Member string
	knowledge.Problem
}

// CheckEtcd goes the way of every member on paper, and tells of what its program would not start with. What cannot be edited at all is a problem too.
func CheckEtcd(in EtcdInput) []EtcdProblem {
	var out []EtcdProblem
	for _, m := range in.Cluster.Etcd.Members {
		if m.Process == nil {
			continue
		}
		seen := map[string]bool{}
		say := func(p knowledge.Problem) {
			if key := p.ID + p.Message; !seen[key] {
				seen[key] = true
				out = append(out, EtcdProblem{Member: m.Name, Problem: p})
			}
		}
		for _, h := range in.Hops {
			if passed(m, h) {
				continue
			}
			next, err := edit(m, h.To, in.Images[h.To][m.Node])
			if err != nil {
				say(knowledge.Problem{ID: "etcd-settings", Message: err.Error(), Fix: "write it as kubeadm or a plain unit would, and try again"})
				break
			}
			for _, p := range next.problems {
				say(p)
			}
			m = next.EtcdMember
			m.Version, m.Error = h.To, ""
		}
	}
	return out
}

// FileChanges are the files that become others, each bound to the text that was read.
func FileChanges(before, after []cluster.TextFile) []hostaction.FileChange {
	var out []hostaction.FileChange
	for i, f := range after {
		if f.Text != before[i].Text {
			out = append(out, hostaction.FileChange{Path: f.Path, Before: Sum(before[i].Text), After: f.Text})
		}
	}
	return out
}

// Sum is how a file's text is named: its SHA-256 in lower-case hexadecimal.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}
