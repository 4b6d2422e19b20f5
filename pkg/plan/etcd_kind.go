package plan

import "github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"

// The kinds of steps of etcd that the plugin does itself.
const (
	// EtcdServes takes EtcdServesParams.
	EtcdServes Kind = "etcd-serves"
	// EtcdDownload takes EtcdDownloadParams.
	EtcdDownload Kind = "etcd-download"
	// KubeadmEtcd takes KubeadmEtcdParams.
	KubeadmEtcd Kind = "kubeadm-etcd"
)

// EtcdServesParams: every member and every API server has to answer for Stable without a break; with a Version, every member runs it.
type EtcdServesParams struct {
	Version version.Version `json:"version,omitzero"`
	Stable  Duration        `json:"stable"`
}

// EtcdDownloadParams: the file of the step's node is copied to a directory of the operator's machine, under its own name.
type EtcdDownloadParams struct {
	Path string `json:"path"`
	Dir  string `json:"dir"`
}

// KubeadmEtcdParams is what kubeadm's ClusterConfiguration has to say of the image of its etcd.
type KubeadmEtcdParams struct {
	// ImageRepository is left as it is when it is empty.
	ImageRepository string `json:"imageRepository,omitempty"`
	ImageTag        string `json:"imageTag"`
}
