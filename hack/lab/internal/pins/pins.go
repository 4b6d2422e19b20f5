// Package pins holds the versions of everything a topology does not name itself.
package pins

import (
	_ "embed"
	"fmt"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/gobuild"
)

//go:embed pins.yaml
var data []byte

// Pins is the content of pins.yaml.
type Pins struct {
	Debian       string              `json:"debian"`
	Distribution string              `json:"distribution"`
	Packages     map[string]Packages `json:"packages"`
	EtcdTools    map[string]string   `json:"etcdTools"`

	Staging map[string]map[string]string `json:"staging"`

	EtcdBeforeModules map[string]gobuild.OldEtcd `json:"etcdBeforeModules"`
	CoreDNS           map[string]string          `json:"coreDNS"`
}

// Packages are the versions beside kubeadm, kubelet and kubectl in a minor's repository.
type Packages struct {
	KubernetesCNI string `json:"kubernetesCNI"`
	CRITools      string `json:"criTools"`
}

// Load reads the pins.
func Load() (*Pins, error) {
	p := &Pins{}
	if err := yaml.UnmarshalStrict(data, p); err != nil {
		return nil, fmt.Errorf("parse pins.yaml: %w", err)
	}
	return p, nil
}

// For returns the packages of a minor such as v1.33.
func (p *Pins) For(minor string) (Packages, error) {
	k, ok := p.Packages[minor]
	if !ok {
		return k, fmt.Errorf("find packages for %s: pins.yaml names none", minor)
	}
	return k, nil
}

// EtcdToolsVersion returns the source version of etcdctl and etcdutl for an etcd version.
func (p *Pins) EtcdToolsVersion(version string) string {
	if v, ok := p.EtcdTools[version]; ok {
		return v
	}
	return version
}

// CoreDNSVersion returns the version to build for an image's tag.
func (p *Pins) CoreDNSVersion(tag string) string {
	if v, ok := p.CoreDNS[tag]; ok {
		return v
	}
	return tag
}
