package cluster

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/hack/lab/internal/topology"
)

// Files of an etcd that kubeadm does not run.
const (
	etcdFolder = "etc/etcd"
	etcdEnv    = etcdFolder + "/etcd.env"
	etcdStart  = etcdFolder + "/start.sh"
	etcdLog    = "/var/log/etcd.log"
	etcdUnit   = "etc/systemd/system/etcd.service"
	etcdLimits = etcdUnit + ".d/limits.conf"
)

// flag is a flag of etcd, without dashes, and its value.
type flag struct{ name, value string }

// etcdFiles are the files of a node's member but for its data and its programs.
func (s *State) etcdFiles(n Node) (map[string]string, error) {
	files, err := s.etcdPKI.node(n)
	if err != nil {
		return nil, err
	}
	if s.Topology.Etcd.Run == topology.EtcdProcess {
		files[etcdStart] = s.etcdScript(n)
		return files, nil
	}
	files[etcdUnit], files[etcdLimits] = s.etcdService(), etcdServiceLimits
	files[etcdEnv] = etcdEnvironment(s.etcdMember(n))
	return files, nil
}

// etcdMember are the flags by which one member differs from another.
func (s *State) etcdMember(n Node) []flag {
	var all []string
	for _, o := range s.Nodes {
		if s.hasEtcd(o) {
			all = append(all, o.Name+"="+s.etcdURL(o.IP, 2380))
		}
	}
	return []flag{
		{"name", n.Name},
		{"data-dir", etcdData},
		{"listen-client-urls", s.etcdURL(n.IP, 2379) + "," + s.etcdURL("127.0.0.1", 2379)},
		{"advertise-client-urls", s.etcdURL(n.IP, 2379)},
		{"listen-peer-urls", s.etcdURL(n.IP, 2380)},
		{"initial-advertise-peer-urls", s.etcdURL(n.IP, 2380)},
		{"initial-cluster", strings.Join(all, ",")},
		{"initial-cluster-token", s.Name},
		{"initial-cluster-state", "new"},
	}
}

// etcdCommon are the flags that all members have in common.
func (s *State) etcdCommon() []flag {
	var flags []flag
	if s.Topology.Etcd.TLS {
		flags = []flag{
			{"client-cert-auth", "true"},
			{"trusted-ca-file", "/" + etcdPKIFolder + "ca.crt"},
			{"cert-file", "/" + etcdPKIFolder + "server.crt"},
			{"key-file", "/" + etcdPKIFolder + "server.key"},
			{"peer-client-cert-auth", "true"},
			{"peer-trusted-ca-file", "/" + etcdPKIFolder + "ca.crt"},
			{"peer-cert-file", "/" + etcdPKIFolder + "peer.crt"},
			{"peer-key-file", "/" + etcdPKIFolder + "peer.key"},
		}
	}
	args := s.Topology.Etcd.Args
	for _, name := range slices.Sorted(maps.Keys(args)) {
		flags = append(flags, flag{name, args[name]})
	}
	return flags
}

// etcdEnvironment has etcd read flags from its environment.
func etcdEnvironment(flags []flag) string {
	var b strings.Builder
	for _, f := range flags {
		fmt.Fprintf(&b, "ETCD_%s=%s\n", strings.ToUpper(strings.ReplaceAll(f.name, "-", "_")), f.value)
	}
	return b.String()
}

func commandLine(flags []flag) string {
	var b strings.Builder
	b.WriteString("/usr/local/bin/etcd")
	for _, f := range flags {
		fmt.Fprintf(&b, " \\\n  --%s=%s", f.name, f.value)
	}
	return b.String()
}

// etcdService is the unit: what all members share stands in it, what is a member's own in the environment file.
func (s *State) etcdService() string {
	return `[Unit]
Description=etcd key-value store
Documentation=https://etcd.io/docs
Wants=network-online.target
After=network-online.target

[Service]
Type=notify
User=` + etcdUser + `
EnvironmentFile=/` + etcdEnv + `
ExecStart=` + commandLine(s.etcdCommon()) + `
Restart=always
RestartSec=5s

[Install]
WantedBy=multi-user.target
`
}

// etcdServiceLimits is what people add to a unit beside it.
const etcdServiceLimits = `[Service]
LimitNOFILE=65536
`

// etcdScript starts a member by hand. The process belongs to nobody once the script is over.
func (s *State) etcdScript(n Node) string {
	return "#!/bin/sh\nsetsid --fork " + commandLine(append(s.etcdMember(n), s.etcdCommon()...)) + " >>" + etcdLog + " 2>&1 </dev/null\n"
}
