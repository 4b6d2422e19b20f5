package cluster

import "time"

// HostRisks is what of a host may not go together with a release to come, or may end.
type HostRisks struct {
	// KubeletArgs are the flags of the kubelet, each with the file that sets it where that is known.
	KubeletArgs []HostFlag `json:"kubeletArgs,omitempty"`
	// Certificates are those of kubeadm's and the kubelet's.
	Certificates []Certificate `json:"certificates,omitempty"`
	// ExtraManifests are files beside kubeadm's own that run the same components.
	ExtraManifests []string `json:"extraManifests,omitempty"`
	// DefaultedEtcd tells that the manifest of etcd has what an API server would fill in.
	DefaultedEtcd bool `json:"defaultedEtcd,omitempty"`
	// Unattended tells that the host upgrades packages by itself.
	Unattended bool `json:"unattended,omitempty"`
}

// HostFlag is a flag of a program on a host.
type HostFlag struct {
	Flag
	File string `json:"file,omitempty"`
}

// Certificate is a certificate in a file, and when it ends.
type Certificate struct {
	Path     string    `json:"path"`
	NotAfter time.Time `json:"notAfter"`
}
