package manifest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// APIServer is a static pod that runs an API server, as far as it says how etcd is reached.
type APIServer struct {
	Image string
	// Servers are --etcd-servers.
	Servers []string
	// Overrides are --etcd-servers-overrides, group/resource#servers each: other etcd clusters for some resources.
	Overrides []string
	// Backend is --storage-backend; empty means the release's default.
	Backend string
	// Prefix is --etcd-prefix, or its default.
	Prefix                    string
	CAFile, CertFile, KeyFile string
	// Flags are all flags; of one that stands twice the last one counts.
	Flags []ServerFlag
}

// ServerFlag is a flag of the API server.
type ServerFlag struct{ Name, Value string }

// Client is what the API server is told of etcd, for the observed cluster.
func (s APIServer) Client() cluster.EtcdClient {
	return cluster.EtcdClient{Servers: s.Servers, Overrides: s.Overrides, Backend: s.Backend, Prefix: s.Prefix, CAFile: s.CAFile, CertFile: s.CertFile, KeyFile: s.KeyFile}
}

const apiserver = "kube-apiserver"

// defaultPrefix is that of --etcd-prefix in every release.
const defaultPrefix = "/registry"

// ReadAPIServer reads the manifest of a static pod that runs an API server.
func ReadAPIServer(manifest []byte) (APIServer, error) {
	p, err := readPod(manifest, apiserver)
	if err != nil {
		return APIServer{}, fmt.Errorf("read the API server's manifest: %w", err)
	}
	s := APIServer{Image: text(value(p.container, "image"))}
	for _, f := range serverFlags(p.wordTexts()) {
		if f.Name != "" {
			s.Flags = append(s.Flags, f.ServerFlag)
		}
	}
	get := func(name string) string {
		for _, f := range slices.Backward(s.Flags) {
			if f.Name == name {
				return f.Value
			}
		}
		return ""
	}
	split := func(name string) []string {
		return strings.FieldsFunc(get(name), func(r rune) bool { return r == ',' })
	}
	s.Servers, s.Overrides, s.Backend = split("etcd-servers"), split("etcd-servers-overrides"), get("storage-backend")
	s.Prefix = cmp.Or(get("etcd-prefix"), defaultPrefix)
	s.CAFile, s.CertFile, s.KeyFile = get("etcd-cafile"), get("etcd-certfile"), get("etcd-keyfile")
	return s, nil
}

// serverWords is a flag with the words that it is made of, or words that are no flag, which have no name.
type serverWords struct {
	ServerFlag
	words []string
}

// serverFlags reads --name=value, --name value and --name, which is true. The API server takes no operands: a word without dashes belongs to the flag before it.
func serverFlags(words []string) []serverWords {
	var out []serverWords
	for i := 0; i < len(words); i++ {
		rest, ok := strings.CutPrefix(words[i], "--")
		if !ok || rest == "" {
			out = append(out, serverWords{words: words[i : i+1]})
			continue
		}
		name, v, joined := strings.Cut(rest, "=")
		f := serverWords{ServerFlag{name, v}, words[i : i+1]}
		switch {
		case joined:
		case i+1 < len(words) && !strings.HasPrefix(words[i+1], "-"):
			f.Value, f.words = words[i+1], words[i:i+2]
			i++
		default:
			f.Value = "true"
		}
		out = append(out, f)
	}
	return out
}

// set is the flag with another value, written as it was where that can be.
func (f serverWords) set(v string) []string {
	if len(f.words) == 2 && !strings.HasPrefix(v, "-") {
		return []string{f.words[0], v}
	}
	return []string{"--" + f.Name + "=" + v}
}

// EditAPIServer sets flags in the manifest of a static pod that runs an API server; a nil value takes the flag out. A flag that is there keeps its place, a new one
// goes where the alphabet puts it. Everything else keeps every byte.
func EditAPIServer(manifest []byte, flags map[string]*string) ([]byte, error) {
	out, err := editAPIServer(manifest, flags)
	if err != nil {
		return nil, fmt.Errorf("edit the API server's manifest: %w", err)
	}
	return out, nil
}

func editAPIServer(manifest []byte, flags map[string]*string) ([]byte, error) {
	p, err := readPod(manifest, apiserver)
	if err != nil {
		return nil, err
	}
	var now []string
	done := map[string]bool{}
	for _, f := range serverFlags(p.wordTexts()) {
		v, asked := flags[f.Name]
		switch {
		case f.Name == "" || !asked:
			now = append(now, f.words...)
		case v != nil:
			now = append(now, f.set(*v)...)
		}
		done[f.Name] = true
	}
	for _, name := range sortedKeys(flags) {
		if v := flags[name]; v != nil && !done[name] {
			now = insertFlag(now, "--"+name+"="+*v)
		}
	}
	want, err := p.tree()
	if err != nil {
		return nil, err
	}
	e, err := newEditor(p, want)
	if err != nil {
		return nil, err
	}
	if err := p.setWords(now); err != nil {
		return nil, err
	}
	e.wantWords(now)
	return p.finish(want)
}

// insertFlag puts a flag before the first one that comes after it by the alphabet.
func insertFlag(words []string, flag string) []string {
	i := slices.IndexFunc(words, func(w string) bool { return w > flag })
	if i < 0 {
		i = len(words)
	}
	return slices.Insert(words, i, flag)
}

func sortedKeys(m map[string]*string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
