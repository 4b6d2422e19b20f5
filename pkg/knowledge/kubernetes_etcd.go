package knowledge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Pairing is what kubeadm of one release of Kubernetes makes of etcd.
type Pairing struct {
	// Kubernetes is the oldest release for which it holds, until that of the next row.
	Kubernetes version.Version
	// Tag is that of the etcd image which kubeadm takes when it is told nothing else; Default is the release in it.
	Tag     string
	Default version.Version
	// MinExternal is the oldest etcd that kubeadm accepts where it does not run etcd itself; zero where it does not ask.
	MinExternal version.Version
	Source      string
}

// pairings say what kubeadm's constants say in each release, from the first patch on in which they say so.
// A row is added whenever DefaultEtcdVersion, the entry of SupportedEtcdVersion for that very minor, or MinExternalEtcdVersion changes.
// The sources of 1.23.13, 1.24.8, 1.24.9, 1.27.12 to 1.27.15, 1.29.11 to 1.29.13, 1.31.11 and 1.31.12 were not to be had: they are taken for those before them.
var pairings = []Pairing{
	pairing("1.5.0", "2.2.5", "", imagesGo),
	pairing("1.6.0", "3.0.17", "3.0.14", imagesGo),
	pairing("1.7.0", "3.0.17", "3.0.14", imagesGo),
	pairing("1.8.0", "3.0.17", "3.0.14", constantsGo),
	pairing("1.9.0", "3.1.10", "3.0.14", constantsGo),
	pairing("1.9.2", "3.1.11", "3.0.14", constantsGo),
	pairing("1.10.0", "3.1.12", "3.1.12", constantsGo),
	pairing("1.11.0", "3.2.18", "3.2.17", constantsGo),
	pairing("1.12.0", "3.2.24", "3.2.18", constantsGo),
	pairing("1.13.0", "3.2.24", "3.2.18", constantsGo),
	pairing("1.14.0", "3.3.10", "3.2.18", constantsGo),
	pairing("1.15.0", "3.3.10", "3.2.18", constantsGo),
	pairing("1.16.0", "3.3.15-0", "3.2.18", constantsGo),
	pairing("1.17.0", "3.4.3-0", "3.2.18", constantsGo),
	pairing("1.18.0", "3.4.3-0", "3.2.18", constantsGo),
	pairing("1.19.0", "3.4.9-1", "3.2.18", constantsGo),
	pairing("1.19.1", "3.4.13-0", "3.2.18", constantsGo),
	pairing("1.20.0", "3.4.13-0", "3.2.18", constantsGo),
	pairing("1.21.0", "3.4.13-0", "3.2.18", constantsGo),
	pairing("1.22.0", "3.5.0-0", "3.2.18", constantsGo),
	pairing("1.22.17", "3.5.6-0", "3.2.18", constantsGo),
	pairing("1.23.0", "3.5.1-0", "3.2.18", constantsGo),
	pairing("1.23.14", "3.5.5-0", "3.2.18", constantsGo),
	pairing("1.23.15", "3.5.6-0", "3.2.18", constantsGo),
	pairing("1.24.0", "3.5.3-0", "3.2.18", constantsGo),
	pairing("1.24.10", "3.5.6-0", "3.2.18", constantsGo),
	pairing("1.25.0", "3.5.4-0", "3.2.18", constantsGo),
	pairing("1.25.4", "3.5.5-0", "3.2.18", constantsGo),
	pairing("1.25.5", "3.5.6-0", "3.2.18", constantsGo),
	pairing("1.25.15", "3.5.9-0", "3.2.18", constantsGo),
	pairing("1.26.0", "3.5.6-0", "3.2.18", constantsGo),
	pairing("1.26.10", "3.5.9-0", "3.2.18", constantsGo),
	pairing("1.26.13", "3.5.10-0", "3.2.18", constantsGo),
	pairing("1.27.0", "3.5.7-0", "3.2.18", constantsGo),
	pairing("1.27.7", "3.5.9-0", "3.2.18", constantsGo),
	pairing("1.27.10", "3.5.10-0", "3.2.18", constantsGo),
	pairing("1.27.16", "3.5.12-0", "3.2.18", constantsGo),
	pairing("1.28.0", "3.5.9-0", "3.4.13-4", constantsGo),
	pairing("1.28.6", "3.5.10-0", "3.4.13-4", constantsGo),
	pairing("1.28.8", "3.5.12-0", "3.4.13-4", constantsGo),
	pairing("1.28.14", "3.5.15-0", "3.4.13-4", constantsGo),
	pairing("1.29.0", "3.5.10-0", "3.4.13-4", constantsGo),
	pairing("1.29.3", "3.5.12-0", "3.4.13-4", constantsGo),
	pairing("1.29.9", "3.5.15-0", "3.4.13-4", constantsGo),
	pairing("1.29.14", "3.5.16-0", "3.4.13-4", constantsGo),
	pairing("1.30.0", "3.5.12-0", "3.4.13-4", constantsGo),
	pairing("1.30.5", "3.5.15-0", "3.4.13-4", constantsGo),
	pairing("1.31.0", "3.5.15-0", "3.5.11-0", constantsGo),
	pairing("1.31.14", "3.5.24-0", "3.5.24-0", constantsGo),
	pairing("1.32.0", "3.5.16-0", "3.5.11-0", constantsGo),
	pairing("1.32.10", "3.5.24-0", "3.5.24-0", constantsGo),
	pairing("1.33.0", "3.5.21-0", "3.5.11-0", constantsGo),
	pairing("1.33.6", "3.5.24-0", "3.5.24-0", constantsGo),
	pairing("1.34.0", "3.6.4-0", "3.5.21-0", constantsGo),
	pairing("1.34.2", "3.6.5-0", "3.5.24-0", constantsGo),
	pairing("1.35.0", "3.6.6-0", "3.5.24-0", constantsGo),
	pairing("1.36.0", "3.6.8-0", "3.5.24-0", constantsGo),
	pairing("1.37.0", "3.7.0-0", "3.5.24-0", constantsGo),
}

const (
	imagesGo    = "cmd/kubeadm/app/images/images.go"
	constantsGo = "cmd/kubeadm/app/constants/constants.go"
)

func pairing(kubernetes, tag, minExternal, file string) Pairing {
	v := version.MustParse(kubernetes)
	p := Pairing{Kubernetes: v, Tag: tag, Default: ofTag(tag), Source: "https://github.com/kubernetes/kubernetes/blob/" + v.String() + "/" + file}
	if minExternal != "" {
		p.MinExternal = ofTag(minExternal)
	}
	return p
}

// ofTag is the release of etcd in an image with that tag: after a dash comes a revision of the image.
func ofTag(tag string) version.Version {
	bare, _, _ := strings.Cut(tag, "-")
	return etcd(bare)
}

// Pairings lists what is known of kubeadm and etcd, from the oldest to the newest release of Kubernetes.
func Pairings() []Pairing { return slices.Clone(pairings) }

// EtcdFor gives what kubeadm of a release of Kubernetes makes of etcd. Releases before 1.5 and of minors that are not in the table are errors;
// of newer patch releases it gives what is known of the newest before them.
func EtcdFor(kubernetes version.Version) (Pairing, error) {
	var found Pairing
	for _, p := range pairings {
		if p.Kubernetes.SameMinor(kubernetes) && (found.Kubernetes.IsZero() || p.Kubernetes.Patch <= kubernetes.Patch) {
			found = p
		}
	}
	if found.Kubernetes.IsZero() {
		return found, fmt.Errorf("etcd of Kubernetes %s is not known: known are %s to %s", kubernetes.MinorString(),
			pairings[0].Kubernetes.MinorString(), pairings[len(pairings)-1].Kubernetes.MinorString())
	}
	return found, nil
}

// MinExternalEtcd gives the oldest etcd that kubeadm of a release accepts where it does not run etcd itself; zero where it does not ask.
func MinExternalEtcd(kubernetes version.Version) (version.Version, error) {
	p, err := EtcdFor(kubernetes)
	return p.MinExternal, err
}
