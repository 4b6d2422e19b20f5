package credentials

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func write(t *testing.T, text string) string {
	t.Helper()
	f := filepath.Join(t.TempDir(), "config.json")
	if err := os.WriteFile(f, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFor finds what the kubelet's documentation says that it would find.
func TestFor(t *testing.T) {
	f := write(t, `{"auths": {
		"https://index.docker.io/v1/": {"auth": "aHViOnNlY3JldA=="},
		"registry.example:5000": {"username": "port", "password": "p"},
		"registry.example": {"auth": "cmVnaXN0cnk6YTpi"},
		"registry.example/team": {"identitytoken": "t"},
		"*.mirror.example/k8s": {"username": "glob", "password": "g"}
	}}`)
	for image, want := range map[string]string{
		"nginx":                                      "hub:secret:",
		"docker.io/library/nginx:1":                  "hub:secret:",
		"someone/app":                                "hub:secret:",
		"registry.example/kube-proxy:v1.35.0":        "registry:a:b:",
		"registry.example/team/kube-proxy":           "::t registry:a:b:",
		"registry.example:5000/kube-proxy":           "port:p:",
		"registry.example:5001/kube-proxy":           "",
		"eu.mirror.example/k8s/kube-proxy@sha256:ab": "glob:g:",
		"eu.mirror.example/other/kube-proxy":         "",
		"a.b.mirror.example/k8s/kube-proxy":          "",
		"mirror.example/k8s/kube-proxy":              "",
		"registry.k8s.io/kube-proxy:v1.35.0":         "",
	} {
		found, err := For(image, []string{filepath.Join(t.TempDir(), "none"), f})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range found {
			if c.File != f {
				t.Errorf("%s: it comes from %s", image, c.File)
			}
			got = append(got, c.Username+":"+c.Password+":"+c.IdentityToken)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %q, want %q", image, got, want)
		}
	}
}

// TestBroken: what cannot be read is said, and never what is in it.
func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		`{"auths": []}`: "read credentials for registries in",
		`{"auths": {"registry.example": {"auth": "???secret"}}}`: "auth is not base64",
		`{"auths": {"registry.example": {"auth": "c2VjcmV0"}}}`:  "not a name, a colon and a password",
	} {
		_, err := For("registry.example/x", []string{write(t, text)})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := For("other.example/x", []string{write(t, `{"auths": {"registry.example": {"auth": "?"}}}`)}); err != nil {
		t.Errorf("what is for another registry is in the way: %v", err)
	}
}
