package cluster

// What an API server shows to an etcd that kubeadm does not run, where kubeadm's documentation has it.
const (
	kubernetesPKI  = "/etc/kubernetes/pki/"
	etcdClientCA   = kubernetesPKI + "etcd/ca.crt"
	etcdClientCert = kubernetesPKI + "apiserver-etcd-client.crt"
	etcdClientKey  = kubernetesPKI + "apiserver-etcd-client.key"
)

// externalEtcd is the same in every version of kubeadm's configuration.
const externalEtcd = `
etcd:
  external:
    endpoints:
{{- range .EtcdEndpoints}}
    - {{.}}
{{- end}}
{{- if .Topology.Etcd.TLS}}
    caFile: ` + etcdClientCA + `
    certFile: ` + etcdClientCert + `
    keyFile: ` + etcdClientKey + `
{{- end}}`

// oldEtcdArgs are flags of stacked etcd up to v1beta3.
const oldEtcdArgs = `
{{- with .Topology.Etcd.Args}}
    extraArgs:
{{- range $name, $value := .}}
      {{$name}}: "{{$value}}"
{{- end}}
{{- end}}`
