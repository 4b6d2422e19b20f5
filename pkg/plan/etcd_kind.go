package plan

import (
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// The kinds of steps of etcd that the plugin does itself.
const (
	// EtcdServes takes EtcdServesParams.
	EtcdServes Kind = "etcd-serves"
	// EtcdDownload takes EtcdDownloadParams.
	EtcdDownload Kind = "etcd-download"
	// KubeadmEtcd takes KubeadmEtcdParams.
	KubeadmEtcd Kind = "kubeadm-etcd"
	// EtcdBring takes EtcdBringParams.
	EtcdBring Kind = "etcd-bring"
	// EtcdBegin takes EtcdBeginParams.
	EtcdBegin Kind = "etcd-begin"
	// EtcdReturn takes EtcdReturnParams.
	EtcdReturn Kind = "etcd-return"
	// EtcdConvert takes EtcdConvertParams.
	EtcdConvert Kind = "etcd-convert"
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

// EtcdBringParams: the file is brought to the step's node, where it lies at SnapshotPath then.
type EtcdBringParams struct {
	// From is where it lies; a From without a node is a file of the operator's machine.
	From   EtcdBackup `json:"from"`
	Size   int64      `json:"size"`
	SHA256 string     `json:"sha256"`
}

// EtcdBeginParams: the action of another step, on the same node, is begun, and not listened to any more once it needs nobody.
type EtcdBeginParams struct {
	Step   string                 `json:"step"`
	Action hostaction.EtcdRebuild `json:"action"`
	// Recall are the nodes that wait already, and are told when this one cannot.
	Recall []string `json:"recall,omitempty"`
}

// EtcdReturnParams: the API server has to answer by what was restored, and the run's lock and agents, of which that knows nothing, are brought back. Recall are
// the nodes that wait for the first, which is the step's, to begin.
type EtcdReturnParams struct {
	First  EtcdBeginParams `json:"first"`
	Recall []string        `json:"recall,omitempty"`
}

// EtcdConvertParams: the first host does its part of a conversion. Recall are the nodes that wait for it.
type EtcdConvertParams struct {
	Begin  EtcdBeginParams `json:"begin"`
	Recall []string        `json:"recall,omitempty"`
}
