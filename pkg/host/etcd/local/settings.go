package local

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// settings are what a member was told, by the names of etcd's flags without their dashes.
type settings map[string]string

// readSettings reads a command line and environment as etcd does: the environment counts where there is no flag, and neither of them where there is
// a --config-file. https://etcd.io/docs/v3.6/op-guide/configuration/
func readSettings(args, env []string, readFile func(string) ([]byte, error)) (settings, error) {
	s := settings{}
	for _, e := range env {
		if k, v, ok := strings.Cut(e, "="); ok && strings.HasPrefix(k, "ETCD_") {
			s[strings.ReplaceAll(strings.ToLower(strings.TrimPrefix(k, "ETCD_")), "_", "-")] = v
		}
	}
	s.flags(args)
	path := s["config-file"]
	if path == "" {
		return s, nil
	}
	text, err := readFile(path)
	if err != nil {
		return s, fmt.Errorf("read etcd's configuration: %w", err)
	}
	return fromFile(path, text)
}

// flags reads flags as Go's flag package does, which takes one or two dashes. A word without a dash can only be the value of the flag
// before it, since etcd takes no arguments.
func (s settings) flags(args []string) {
	for i := 0; i < len(args); i++ {
		name := strings.TrimLeft(args[i], "-")
		if name == args[i] || name == "" {
			continue
		}
		if k, v, ok := strings.Cut(name, "="); ok {
			s[k] = v
			continue
		}
		s[name] = "true"
		if i+1 < len(args) && (!strings.HasPrefix(args[i+1], "-") || isNegative(args[i+1])) {
			i++
			s[name] = args[i]
		}
	}
}

// isNegative tells a value from a flag: a quota may be -1.
func isNegative(word string) bool {
	return len(word) > 1 && word[1] >= '0' && word[1] <= '9'
}

// fromFile reads etcd's own configuration, which has the flags' names but for what is about TLS.
func fromFile(path string, text []byte) (settings, error) {
	raw := map[string]any{}
	asJSON, err := yaml.YAMLToJSON(text)
	if err == nil {
		d := json.NewDecoder(bytes.NewReader(asJSON))
		d.UseNumber() // a quota as a floating-point number is written as none that etcd's flag would take
		err = d.Decode(&raw)
	}
	if err != nil {
		return nil, fmt.Errorf("read etcd's configuration %s: %w", path, err)
	}
	s := settings{"config-file": path}
	for k, v := range raw {
		prefix := map[string]string{"client-transport-security": "", "peer-transport-security": "peer-"}
		tls, ok := v.(map[string]any)
		if p, known := prefix[k]; known && ok {
			for name, value := range tls {
				s[p+name] = fmt.Sprint(value)
			}
			continue
		}
		if v != nil {
			s[k] = fmt.Sprint(v)
		}
	}
	return s, nil
}

// name is the member's.
func (s settings) name() string { return cmp.Or(s["name"], "default") }

// dataDir is absolute where the working directory is known.
func (s settings) dataDir(cwd string) string { return at(cwd, cmp.Or(s["data-dir"], s.name()+".etcd")) }

// walDir is empty where the log lies within the data directory.
func (s settings) walDir(cwd string) string {
	if s["wal-dir"] == "" {
		return ""
	}
	return at(cwd, s["wal-dir"])
}

func at(cwd, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(cwd, path)
}

// clientURLs are how to reach the member from its own host, the likeliest first: what it listens on, on loopback where it can be, and then what it
// tells others, since a certificate need not name the former.
func (s settings) clientURLs() []string {
	listen := cmp.Or(s["listen-client-urls"], "http://localhost:2379")
	var near, far []string
	for _, u := range strings.Split(listen, ",") {
		p, err := url.Parse(strings.TrimSpace(u))
		if err != nil || p.Scheme != "http" && p.Scheme != "https" {
			continue
		}
		ip := net.ParseIP(p.Hostname())
		switch {
		case ip != nil && ip.IsUnspecified() && ip.To4() != nil:
			p.Host = net.JoinHostPort("127.0.0.1", p.Port())
			near = append(near, p.String())
		case ip != nil && ip.IsUnspecified():
			near = append(near, p.Scheme+"://"+net.JoinHostPort("127.0.0.1", p.Port()), p.Scheme+"://"+net.JoinHostPort("::1", p.Port()))
		case ip != nil && ip.IsLoopback(), p.Hostname() == "localhost":
			near = append(near, p.String())
		default:
			far = append(far, p.String())
		}
	}
	out := slices.Concat(near, far)
	for _, u := range strings.Split(s["advertise-client-urls"], ",") {
		if u = strings.TrimSpace(u); u != "" {
			out = append(out, u)
		}
	}
	return out
}

// quota is what the database may grow to in bytes, negative without a limit.
func (s settings) quota() int64 { return knowledge.EtcdQuota(s["quota-backend-bytes"]) }
