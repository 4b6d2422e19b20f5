package hazard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

const certs = "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-certs/"

// Times that are left of a certificate.
const (
	// beforeRenewal is what it may take from the look at a cluster until kubeadm has renewed its certificates, which it does at the upgrade of each
	// control-plane node: a plan is read, packages are fetched, and a few nodes come before.
	beforeRenewal = time.Hour
	// longestRun is what the longest upgrade may take. Nothing renews the operator's own certificate meanwhile.
	longestRun = 24 * time.Hour
	soon       = 30 * 24 * time.Hour
)

var healthRows = []Hazard{
	{ID: "apiserver-unhealthy", Severity: Skippable, Source: "https://kubernetes.io/docs/reference/using-api/health-checks/",
		Title: "the API server says itself that it is not well", Evidence: "%s", Fix: "see: kubectl get --raw '/readyz?verbose'",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, u := range f.Cluster.Survey.Unhealthy {
				out = append(out, Offender{u})
			}
			return out
		}},
	{ID: "apiserver-certificate-ends", Severity: Advice, Source: certs,
		Title: "the certificate of an API server ends soon; kubeadm renews it at the upgrade of its node", Evidence: "API server %s: its certificate ends at %s (%s)", Fix: "nothing, when the upgrade is soon; else: kubeadm certs renew all",
		find: func(f Facts) []Offender {
			return servers(f, func(left time.Duration) bool { return left > beforeRenewal && left < soon })
		}},
	{ID: "apiserver-certificate-expired", Severity: Mandatory, Etcd: true, Source: certs,
		Title: "the certificate of an API server has ended, or ends within the hour: before the upgrade gets to renew it", Evidence: "API server %s: its certificate ends at %s (%s)", Fix: "renew it on its node first: kubeadm certs renew all, and restart the static pods",
		find: func(f Facts) []Offender {
			return servers(f, func(left time.Duration) bool { return left <= beforeRenewal })
		}},
	{ID: "ca-key-elsewhere", Severity: Advice, Source: certs + "#external-ca-mode",
		Title: "kubeadm has no key of the CA: no upgrade renews a certificate", Evidence: "node %q: kubeadm has started kube-controller-manager without a key to sign with",
		Fix: "see which end soon (kubeadm certs check-expiration), and have them signed and put in place by whoever has the key (kubeadm certs generate-csr)",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, n := range withoutCAKey(f) {
				out = append(out, Offender{n})
			}
			return out
		}},
	{ID: "client-certificate-ends", Severity: Skippable, Etcd: true, Source: certs,
		Title: "the certificate of this kubeconfig ends while the upgrade may still run", Evidence: "it ends at %s (%s)", Fix: "renew it on a control-plane node with: kubeadm certs renew admin.conf, and fetch the file again",
		find: func(f Facts) []Offender {
			s := f.Cluster.Survey
			if s.ClientExpiry.IsZero() || s.ClientExpiry.Sub(s.Time) > longestRun {
				return nil
			}
			return []Offender{{s.ClientExpiry.UTC().Format(time.RFC3339), away(s.ClientExpiry.Sub(s.Time))}}
		}},
	{ID: "clock-skew", Severity: Skippable, Etcd: true, Source: "https://etcd.io/docs/v3.5/op-guide/hardware/",
		Title: "the clock of a node is off: certificates that kubeadm makes are not valid yet elsewhere, and leases of etcd end early", Evidence: "node %q: its clock is %s off the API server's", Fix: "mend its time synchronization",
		find: func(f Facts) []Offender {
			return looks(func(l cluster.NodeLook) bool {
				if l.ClockAhead == 0 {
					return false
				}
				n, ok := f.node(l.Name) // of a kubelet that is down the last renewal tells nothing
				return ok && n.Ready
			}, func(n cluster.NodeLook) Offender { return Offender{n.Name, n.ClockAhead} })(f)
		}},
	{ID: "dns-down", Severity: Skippable, Source: "https://kubernetes.io/docs/tasks/administer-cluster/dns-debugging-resolution/",
		Title: "the cluster's DNS does not answer", Evidence: "service %s has no ready endpoint", Fix: "see: kubectl -n kube-system get pods -l k8s-app=kube-dns",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, s := range f.Cluster.Survey.Services {
				if s.Ready == 0 {
					out = append(out, Offender{s.Name})
				}
			}
			return out
		}},
	{ID: "addon-not-ready", Severity: Skippable, Source: "https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/",
		Title: "an addon of kubeadm is not whole: what its upgrade would break cannot be told from what is broken already", Evidence: "%s (%s)", Fix: "see why its pods are not ready",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, a := range f.Cluster.Addons {
				if !a.Ready {
					out = append(out, Offender{a.Name, a.Image})
				}
			}
			return out
		}},
	{ID: "not-looked-at", Severity: Advice, Source: "https://kubernetes.io/docs/reference/access-authn-authz/rbac/",
		Title: "something could not be looked at: what it may hold is not known", Evidence: "%s: %s", Fix: "give the rights that docs/permissions.md lists for checks, or see why it does not answer",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, u := range f.Cluster.Survey.Unread {
				out = append(out, Offender{u.What, u.Cause})
			}
			return out
		}},
}

func servers(f Facts, bad func(left time.Duration) bool) []Offender {
	var out []Offender
	for _, s := range f.Cluster.Survey.Servers {
		if left := s.Expiry.Sub(f.Cluster.Survey.Time); !s.Expiry.IsZero() && bad(left) {
			out = append(out, Offender{s.Address, s.Expiry.UTC().Format(time.RFC3339), away(left)})
		}
	}
	return out
}

// away says how far off a time is, as exactly as anybody wants to know.
func away(d time.Duration) string {
	unit, name := time.Minute, "minutes"
	switch {
	case d.Abs() >= 48*time.Hour:
		unit, name = 24*time.Hour, "days"
	case d.Abs() >= 2*time.Hour:
		unit, name = time.Hour, "hours"
	}
	if d < 0 {
		return fmt.Sprintf("%d %s ago", -d/unit, name)
	}
	return fmt.Sprintf("in %d %s", d/unit, name)
}

// hostRows are those of which only the hosts know.
var hostRows = []Hazard{
	{ID: "certificate-expired", Severity: Mandatory, Etcd: true, Source: certs,
		Title: "a certificate on a host has ended, or ends within the hour: before the upgrade gets to renew it", Evidence: "node %q: %s ends at %s (%s)", Fix: "renew it first: kubeadm certs renew all, and restart the static pods; that of a kubelet: see kubeadm's troubleshooting",
		find: certificates(inTheWay)},
	{ID: "certificate-ends", Severity: Advice, Source: certs,
		Title: "a certificate on a host ends soon, or is not of kubeadm's and has ended", Evidence: "node %q: %s ends at %s (%s)", Fix: "kubeadm renews its own at the upgrade of the node; a CA, and what somebody else made, has to be renewed by hand",
		find: certificates(func(path string, left time.Duration) bool {
			return left < soon && !inTheWay(path, left) && !strings.HasPrefix(path, kubeletCertificates)
		})},
	{ID: "repository-gone", Severity: Skippable, Source: "https://kubernetes.io/blog/2023/08/31/legacy-package-repository-deprecation/",
		Title: "a host takes packages from a repository that was closed in March 2024", Evidence: "node %q: %s in %s", Fix: "change to https://pkgs.k8s.io/core:/stable:/v1.N/deb/, or bring the packages with --packages-from",
		find: closedRepositories},
	{ID: "unattended-upgrades", Severity: Advice, Source: "https://wiki.debian.org/UnattendedUpgrades",
		Title: "a host upgrades packages by itself, and this one is not held: it may move in the middle of the upgrade", Evidence: "node %q: %s is not held and unattended-upgrades is on", Fix: "hold it: apt-mark hold kubelet kubeadm kubectl",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, n := range f.Cluster.Nodes {
				if n.Host == nil || !n.Host.Unattended {
					continue
				}
				for _, name := range []string{"kubeadm", "kubelet"} {
					if p, ok := n.Host.Package(name); ok && !p.Held {
						out = append(out, Offender{n.Name, name})
					}
				}
			}
			return out
		}},
	{ID: "package-half-installed", Severity: Mandatory, Source: "https://manpages.debian.org/bookworm/dpkg/dpkg.1.en.html#PACKAGE_STATES",
		Title: "a package of Kubernetes is not quite installed", Evidence: "node %q: %s is %s", Fix: "mend it: dpkg --configure -a, then apt-get -f install",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, n := range f.Cluster.Nodes {
				if n.Host == nil || n.Host.HeldBefore != nil {
					continue // what a step of ours was cut short at is brought to its end
				}
				for _, p := range n.Host.Packages {
					if p.State != "" {
						out = append(out, Offender{n.Name, p.Name, p.State})
					}
				}
			}
			return out
		}},
	{ID: "extra-manifest", Severity: Skippable, Source: "https://github.com/kubernetes/kubeadm/issues/2823",
		Title: "a file in the folder of static pods is a copy of one of kubeadm's: the kubelet runs both, or the old one instead of the new one", Evidence: "node %q: %s", Fix: "move it out of /etc/kubernetes/manifests",
		find: func(f Facts) []Offender {
			var out []Offender
			for _, n := range f.Cluster.Nodes {
				if n.Host == nil {
					continue
				}
				for _, m := range n.Host.ExtraManifests {
					out = append(out, Offender{n.Name, m})
				}
			}
			return out
		}},
}

const kubeletCertificates = "/var/lib/kubelet/pki/"

// kubeadmCertificates are those in /etc/kubernetes without which the control plane, or kubeadm itself, does not work. Beside them lie copies of old ones, and
// what is other people's. Nothing runs by super-admin.conf; and what kubelet.conf has inside, a kubelet that renews its certificate does not go by:
// https://kubernetes.io/docs/setup/production-environment/tools/kubeadm/troubleshooting-kubeadm/#kubelet-client-cert
var kubeadmCertificates = []string{"pki/ca.crt", "pki/apiserver.crt", "pki/apiserver-etcd-client.crt", "pki/apiserver-kubelet-client.crt", "pki/front-proxy-ca.crt",
	"pki/front-proxy-client.crt", "pki/etcd/ca.crt", "pki/etcd/server.crt", "pki/etcd/peer.crt", "pki/etcd/healthcheck-client.crt",
	"admin.conf", "controller-manager.conf", "scheduler.conf"}

// inTheWay judges a certificate by whose it is: kubelets renew their own, however short they last, and of other people's files nobody knows whether anything uses them.
func inTheWay(path string, left time.Duration) bool {
	if strings.HasPrefix(path, kubeletCertificates) {
		return left <= 0
	}
	name, _ := strings.CutPrefix(path, "/etc/kubernetes/")
	return slices.Contains(kubeadmCertificates, name) && left <= beforeRenewal
}

func certificates(bad func(path string, left time.Duration) bool) func(Facts) []Offender {
	return func(f Facts) []Offender {
		now := f.Cluster.Survey.Time
		if now.IsZero() {
			return nil
		}
		var out []Offender
		for _, n := range f.Cluster.Nodes {
			if n.Host == nil {
				continue
			}
			for _, c := range n.Host.Certificates {
				if bad(c.Path, c.NotAfter.Sub(now)) {
					out = append(out, Offender{n.Name, c.Path, c.NotAfter.UTC().Format(time.RFC3339), away(c.NotAfter.Sub(now))})
				}
			}
		}
		return out
	}
}
