package manifest

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// TLS are the files of one side of a server.
type TLS struct {
	CAFile, CertFile, KeyFile string
	// ClientAuth is set when whoever connects has to show a certificate.
	ClientAuth bool
}

// Etcd is what is said of one member, wherever it is said: flags, variables or a configuration file.
type Etcd struct {
	// Settings are all of them, in the order in which they stand.
	Settings []knowledge.Arg
	// ConfigFile, if not empty, is a file that counts instead of flags and variables.
	ConfigFile          string
	Name                string
	DataDir             string
	WALDir              string
	ListenClientURLs    []string
	AdvertiseClientURLs []string
	ListenPeerURLs      []string
	AdvertisePeerURLs   []string
	ListenMetricsURLs   []string
	InitialCluster      string
	Client, Peer        TLS
}

// readEtcd gathers what the settings say.
func readEtcd(settings []knowledge.Arg) Etcd {
	get := func(name string) string {
		a, _ := knowledge.Lookup(settings, name)
		return a.Value
	}
	is := func(name string) bool {
		a, ok := knowledge.Lookup(settings, name)
		v, _ := a.Bool()
		return ok && v
	}
	urls := func(name string) []string {
		return strings.FieldsFunc(get(name), func(r rune) bool { return r == ',' || r == ' ' })
	}
	// Before 3.4 --ca-file was another name of both --trusted-ca-file and --client-cert-auth.
	side := func(prefix string) TLS {
		t := TLS{CAFile: get(prefix + "trusted-ca-file"), CertFile: get(prefix + "cert-file"), KeyFile: get(prefix + "key-file"), ClientAuth: is(prefix + "client-cert-auth")}
		if old := get(prefix + "ca-file"); old != "" {
			t.ClientAuth = true
			if t.CAFile == "" {
				t.CAFile = old
			}
		}
		return t
	}
	return Etcd{
		Settings: settings, ConfigFile: get("config-file"), Name: get("name"), DataDir: get("data-dir"), WALDir: get("wal-dir"),
		ListenClientURLs: urls("listen-client-urls"), AdvertiseClientURLs: urls("advertise-client-urls"),
		ListenPeerURLs: urls("listen-peer-urls"), AdvertisePeerURLs: urls("initial-advertise-peer-urls"), ListenMetricsURLs: urls("listen-metrics-urls"),
		InitialCluster: get("initial-cluster"), Client: side(""), Peer: side("peer-"),
	}
}

// EtcdPod is a static pod that runs a member.
type EtcdPod struct {
	Etcd
	Image string
	// Version is that of the image's tag; zero where the tag is no version.
	Version version.Version
	// Program is the first word of the command; empty where the image's own is taken.
	Program string
	Env     []EnvVar
	Mounts  []Mount
	// HostDataDir and HostWALDir are where on the host the directories lie; empty where no mount tells.
	HostDataDir, HostWALDir string
	// Migrate is the init container of etcd-migrate; nil when there is none.
	Migrate *InitContainer
	// ShellProbes are the probes that run a command in the container, which images without a shell do not have.
	ShellProbes []string
}

// MigrateName is what the init container is called.
const MigrateName = "etcd-migrate"

// ReadEtcdPod reads the manifest of a static pod that runs etcd.
func ReadEtcdPod(manifest []byte) (EtcdPod, error) {
	p, err := readPod(manifest, "etcd")
	if err != nil {
		return EtcdPod{}, fmt.Errorf("read etcd's manifest: %w", err)
	}
	return p.etcd(), nil
}

// EtcdCommand gives the whole command line of the container that runs etcd, by which its process is known on the host.
func EtcdCommand(manifest []byte) ([]string, error) {
	p, err := readPod(manifest, "etcd")
	if err != nil {
		return nil, fmt.Errorf("read etcd's manifest: %w", err)
	}
	if p.program == "" {
		return nil, errors.New("read etcd's manifest: its command is the image's own, by which no process can be told")
	}
	return append([]string{p.program}, p.wordTexts()...), nil
}

func (p *pod) etcd() EtcdPod {
	e := EtcdPod{Etcd: readEtcd(p.settings()), Image: text(value(p.container, "image")), Program: p.program, Env: p.env, Mounts: p.mounts}
	e.Version = imageVersion(e.Image)
	e.HostDataDir = hostPath(p.mounts, e.DataDir)
	if e.WALDir != "" {
		e.HostWALDir = hostPath(p.mounts, e.WALDir)
	}
	for _, c := range items(value(p.spec, "initContainers")) {
		if text(value(c, "name")) == MigrateName {
			e.Migrate = readInit(p.spec, c)
		}
	}
	for _, name := range probes {
		if value(value(p.container, name), "exec") != nil {
			e.ShellProbes = append(e.ShellProbes, name)
		}
	}
	return e
}

var probes = []string{"livenessProbe", "readinessProbe", "startupProbe"}

// settings are flags and variables in one list.
func (p *pod) settings() []knowledge.Arg {
	// Which words are values is the same in all releases.
	out := knowledge.ParseArgs("", p.wordTexts())
	for _, e := range p.env {
		if a, ok := knowledge.EnvArg(e.Name, e.Value); ok && !e.Ref {
			out = append(out, a)
		}
	}
	return out
}

// imageVersion is the version in an image's tag: registry.k8s.io/etcd:3.5.21-0, quay.io/coreos/etcd:v3.5.9.
func imageVersion(image string) version.Version {
	image, _, _ = strings.Cut(image, "@")
	_, tag, _ := strings.Cut(image[strings.LastIndexByte(image, '/')+1:], ":")
	v, err := version.Parse(strings.TrimPrefix(tag, "v"))
	if err != nil {
		return version.Version{}
	}
	// What follows the dash is a revision of the image ("-0"), unless it marks a pre-release ("-rc.0").
	if strings.Trim(v.Pre, "0123456789") == "" {
		v.Pre = ""
	}
	return v
}

// InitContainer is a container that runs before etcd.
type InitContainer struct {
	Image         string
	Command, Args []string
	Env           []EnvVar
	// Mounts are its volumes; nil, when one is set, means those of etcd: the data directory and the certificates.
	Mounts []Mount
}

func readInit(spec, c *yaml.Node) *InitContainer {
	i := InitContainer{Image: text(value(c, "image")), Mounts: readMounts(spec, c)}
	i.Command, _ = texts(value(c, "command"))
	i.Args, _ = texts(value(c, "args"))
	i.Env, _ = readEnv(value(c, "env"))
	return &i
}

// tree is the container as a manifest says it.
func (i *InitContainer) tree() map[string]any {
	c := map[string]any{"image": i.Image, "imagePullPolicy": "IfNotPresent", "name": MigrateName}
	if len(i.Command) > 0 {
		c["command"] = list(i.Command)
	}
	if len(i.Args) > 0 {
		c["args"] = list(i.Args)
	}
	var env, mounts []any
	for _, e := range i.Env {
		env = append(env, map[string]any{"name": e.Name, "value": e.Value})
	}
	for _, m := range i.Mounts {
		mount := map[string]any{"mountPath": m.Path, "name": m.Volume}
		if m.ReadOnly {
			mount["readOnly"] = true
		}
		if m.SubPath != "" {
			mount["subPath"] = m.SubPath
		}
		mounts = append(mounts, mount)
	}
	if env != nil {
		c["env"] = env
	}
	if mounts != nil {
		c["volumeMounts"] = mounts
	}
	return c
}

func list(words []string) []any {
	out := make([]any, len(words))
	for i, w := range words {
		out[i] = w
	}
	return out
}

// lines write a container as an item of a list whose own lists are indented by that much.
func (i *InitContainer) lines(indent int) ([]string, error) {
	var out []string
	lead := strings.Repeat(" ", indent)
	var failed error
	quote := func(s string) string {
		q, err := scalar(s, 0)
		if err != nil {
			failed = err
		}
		return q
	}
	words := func(key string, list []string) {
		if len(list) > 0 {
			out = append(out, key+":")
		}
		for _, w := range list {
			out = append(out, lead+"- "+quote(w))
		}
	}
	words("args", i.Args)
	words("command", i.Command)
	for n, e := range i.Env {
		if n == 0 {
			out = append(out, "env:")
		}
		out = append(out, lead+"- name: "+quote(e.Name), lead+"  value: "+quote(e.Value))
	}
	out = append(out, "image: "+quote(i.Image), "imagePullPolicy: IfNotPresent", "name: "+MigrateName)
	for n, m := range i.Mounts {
		if n == 0 {
			out = append(out, "volumeMounts:")
		}
		out = append(out, lead+"- mountPath: "+quote(m.Path), lead+"  name: "+quote(m.Volume))
		if m.ReadOnly {
			out = append(out, lead+"  readOnly: true")
		}
		if m.SubPath != "" {
			out = append(out, lead+"  subPath: "+quote(m.SubPath))
		}
	}
	return out, failed
}

// envOf are the variables among settings.
func envOf(settings []knowledge.Arg) []EnvVar {
	var out []EnvVar
	for _, a := range settings {
		if a.Form == knowledge.Env {
			out = append(out, EnvVar{Name: a.Variable, Value: a.Value})
		}
	}
	return out
}
