package cluster

import (
	"strings"
	"text/template"

	"golang.org/x/mod/semver"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// secrets join nodes to a cluster.
type secrets struct {
	Token          string
	CertificateKey string
	CAHash         string
}

type kubeadmValues struct {
	*State
	Node Node
	secrets
	FailCgroupV1Known  bool
	UserNamespaceKnown bool
	ControlPlane       bool
	AuditPolicy        string
	AuditFolder        string
}

// componentConfigs are what a node in a container needs. They go through the KubeletConfiguration that kubeadm stores in the
// cluster, so that `kubeadm upgrade` writes it again.
const componentConfigs = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
cgroupDriver: cgroupfs
failSwapOn: false
# The engine's own name server listens on a loopback address, which would be the pod's own.
resolvConf: /etc/lab/resolv.conf
{{- if .FailCgroupV1Known}}
failCgroupV1: false
{{- end}}
{{- if .UserNamespaceKnown}}
featureGates:
  KubeletInUserNamespace: true
{{- end}}
# The disk is the whole machine's: its filling level says nothing about this node.
imageGCHighThresholdPercent: 100
evictionHard:
  imagefs.available: "0%"
  nodefs.available: "0%"
  nodefs.inodesFree: "0%"
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
# Connection tracking is the machine's to size, not a container's.
conntrack:
  maxPerCore: 0
  min: 0
  tcpEstablishedTimeout: 0s
  tcpCloseWaitTimeout: 0s
`

var initTemplate = template.Must(template.New("init").Parse(`apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
- token: {{.Token}}
  ttl: 24h0m0s
  usages: [signing, authentication]
  groups: [system:bootstrappers:kubeadm:default-node-token]
{{- if .LoadBalancer}}
certificateKey: {{.CertificateKey}}
{{- end}}
localAPIEndpoint:
  advertiseAddress: {{.Node.IP}}
  bindPort: 6443
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: unix:///run/containerd/containerd.sock
  imagePullSerial: false
  kubeletExtraArgs:
  - name: node-ip
    value: {{.Node.IP}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
clusterName: {{.Name}}
kubernetesVersion: {{.Topology.Kubernetes}}
{{- if .LoadBalancer}}
controlPlaneEndpoint: {{.Endpoint}}
{{- end}}
networking:
  podSubnet: {{.Topology.PodSubnet}}
  serviceSubnet: {{.Topology.ServiceSubnet}}
{{- if .Topology.Etcd.External}}` + externalEtcd + `
{{- else if or .Topology.Etcd.LocalTag .Topology.Etcd.Args}}
etcd:
  local:
{{- with .Topology.Etcd.LocalTag}}
    imageTag: {{.}}
{{- end}}
{{- with .Topology.Etcd.Args}}
    extraArgs:
{{- range $name, $value := .}}
    - name: {{$name}}
      value: "{{$value}}"
{{- end}}
{{- end}}
{{- end}}
apiServer:
  certSANs: [localhost, 127.0.0.1]
  extraArgs:
{{- range $name, $value := .Topology.APIServerArgs}}
  - name: {{$name}}
    value: "{{$value}}"
{{- end}}
  - name: audit-policy-file
    value: {{.AuditPolicy}}
  - name: audit-log-path
    value: {{.AuditFolder}}/audit.log
  extraVolumes:
  - name: audit-policy
    hostPath: {{.AuditPolicy}}
    mountPath: {{.AuditPolicy}}
    readOnly: true
    pathType: File
  - name: audit-log
    hostPath: {{.AuditFolder}}
    mountPath: {{.AuditFolder}}
    pathType: DirectoryOrCreate
controllerManager:
  extraArgs:
  # The lab gives each node its range of pod addresses, and the routes to the others.
  - name: allocate-node-cidrs
    value: "false"
---
` + componentConfigs))

var joinTemplate = template.Must(template.New("join").Parse(`apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
discovery:
  bootstrapToken:
    token: {{.Token}}
    apiServerEndpoint: {{.Endpoint}}
    caCertHashes: [{{.CAHash}}]
nodeRegistration:
  name: {{.Node.Name}}
  criSocket: unix:///run/containerd/containerd.sock
  imagePullSerial: false
  kubeletExtraArgs:
  - name: node-ip
    value: {{.Node.IP}}
{{- if .ControlPlane}}
controlPlane:
  certificateKey: {{.CertificateKey}}
  localAPIEndpoint:
    advertiseAddress: {{.Node.IP}}
    bindPort: 6443
{{- end}}
`))

func (s *State) initConfig(k secrets) (string, error) {
	return s.render(s.templates().init, s.First(), k)
}

func (s *State) joinConfig(n Node, k secrets) (string, error) {
	return s.render(s.templates().join, n, k)
}

// templates are kubeadm's configurations in the newest form that the cluster's kubeadm reads and the lab writes.
func (s *State) templates() (t struct{ init, join *template.Template }) {
	switch {
	case semver.Compare(s.Topology.Kubernetes, "v1.13.0") < 0:
		t.init, t.join = alphaInitTemplate, alphaJoinTemplate
	case s.old():
		t.init, t.join = oldInitTemplate, oldJoinTemplate
	default:
		t.init, t.join = initTemplate, joinTemplate
	}
	return t
}

func (s *State) render(t *template.Template, n Node, k secrets) (string, error) {
	var b strings.Builder
	err := t.Execute(&b, kubeadmValues{State: s, Node: n, secrets: k, ControlPlane: n.Role == topology.ControlPlane,
		AuditPolicy: "/" + auditPolicyFile, AuditFolder: auditFolder,
		UserNamespaceKnown: semver.Compare(s.Topology.Kubernetes, "v1.22.0") >= 0,
		// The field is as old as 1.31; the kubelets that refuse cgroup v1 without it came with 1.35.
		FailCgroupV1Known: semver.Compare(s.Topology.Kubernetes, "v1.31.0") >= 0})
	return b.String(), err
}
