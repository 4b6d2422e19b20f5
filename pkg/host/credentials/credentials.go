// Package credentials finds what the kubelet of a host shows to registries. The container runtime does not know of it: whoever has it pull an image has to
// say so. https://kubernetes.io/docs/concepts/containers/images/#config-json
package credentials

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
)

// Files are where a kubelet looks that runs as a service, with nothing else set.
var Files = []string{"/var/lib/kubelet/config.json", "/.docker/config.json"}

// Credential is what is shown to a registry, and where it comes from.
type Credential struct {
	File, Username, Password, IdentityToken, RegistryToken string

	key string
}

// entry is one of "auths".
type entry struct {
	Auth          string `json:"auth"`
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// For gives the credentials for an image, the most specific first. A file that is not there has none; one that is broken keeps nobody from the others.
func For(image string, files []string) ([]Credential, error) {
	var out []Credential
	var problems []error
	for _, f := range files {
		found, err := in(f, image)
		out = append(out, found...)
		if err != nil {
			problems = append(problems, fmt.Errorf("read credentials for registries in %s: %w", f, err))
		}
	}
	slices.SortStableFunc(out, func(a, b Credential) int { return strings.Compare(location(b.key), location(a.key)) })
	return out, errors.Join(problems...)
}

func in(file, image string) (out []Credential, problem error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var config struct {
		Auths map[string]entry `json:"auths"`
	}
	if err := json.Unmarshal(text, &config); err != nil {
		return nil, err
	}
	for key, e := range config.Auths {
		if !matches(key, image) {
			continue
		}
		c, err := e.credential()
		if err != nil {
			problem = errors.Join(problem, fmt.Errorf("%s: %w", key, err))
			continue
		}
		c.File, c.key = file, key
		out = append(out, c)
	}
	return out, problem
}

func (e entry) credential() (Credential, error) {
	c := Credential{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth == "" {
		return c, nil
	}
	// Some write it without the padding.
	text, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(e.Auth, "="))
	if err != nil {
		return c, errors.New("auth is not base64") // without what it is
	}
	user, password, ok := strings.Cut(string(text), ":")
	if !ok {
		return c, errors.New("auth is not a name, a colon and a password")
	}
	c.Username, c.Password = user, password
	return c, nil
}

// location is a key without what does not count: the scheme, and the version of the registry's API.
func location(key string) string {
	if _, rest, ok := strings.Cut(key, "://"); ok {
		key = rest
	}
	host, where, _ := strings.Cut(key, "/")
	where = strings.Trim(where, "/")
	if where == "v1" || where == "v2" {
		where = ""
	}
	where = strings.TrimPrefix(strings.TrimPrefix(where, "v1/"), "v2/")
	return strings.TrimSuffix(host+"/"+where, "/")
}

// matches compares as the kubelet does: each part of the host's name by its pattern, the port exactly, and the path as a beginning.
func matches(key, image string) bool {
	wantHost, wantPath, _ := strings.Cut(location(key), "/")
	host, where := split(image)
	wantName, wantPort, _ := strings.Cut(wantHost, ":")
	name, port, _ := strings.Cut(host, ":")
	want, have := strings.Split(wantName, "."), strings.Split(name, ".")
	if wantPort != port || len(want) != len(have) || !strings.HasPrefix(where, wantPath) {
		return false
	}
	for i, pattern := range want {
		if ok, err := path.Match(pattern, have[i]); !ok || err != nil {
			return false
		}
	}
	return true
}

// dockerHub is what is meant where an image names no registry.
const dockerHub = "index.docker.io"

func split(image string) (host, where string) {
	host, where, ok := strings.Cut(image, "/")
	switch {
	case !ok:
		return dockerHub, "library/" + image
	case host == "docker.io":
		return dockerHub, where
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		return dockerHub, image
	}
	return host, where
}
