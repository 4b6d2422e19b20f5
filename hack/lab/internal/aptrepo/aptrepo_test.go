package aptrepo

import "testing"

func TestSourceIsThatOfUpstream(t *testing.T) {
	const key = "/etc/apt/keyrings/kubernetes-apt-keyring.gpg"
	for _, c := range []struct{ version, style, want string }{
		{"v1.34.2", "list", "deb [signed-by=" + key + "] http://pkgs.k8s.io/core:/stable:/v1.34/deb/ /\n"},
		{"v1.34.2", "deb822", "Types: deb\nURIs: http://pkgs.k8s.io/core:/stable:/v1.34/deb/\nSuites: /\nSigned-By: " + key + "\n"},
		{"v1.24.0", "list", "deb [signed-by=" + key + "] http://pkgs.k8s.io/core:/stable:/v1.24/deb/ /\n"},
		{"v1.13.0", "list", "deb [signed-by=" + key + "] http://apt.kubernetes.io/ kubernetes-xenial main\n"},
		{"v1.14.0", "deb822", "Types: deb\nURIs: http://apt.kubernetes.io/\nSuites: kubernetes-xenial\nComponents: main\nSigned-By: " + key + "\n"},
	} {
		if got, err := LayoutOf(c.version).Source(c.style); err != nil || got != c.want {
			t.Errorf("%s %s: %q, %v", c.version, c.style, got, err)
		}
	}
	if _, err := LayoutOf("v1.34.2").Source("rpm"); err == nil {
		t.Error("want an error for an unknown style")
	}
}

func TestOldReleasesShareARepository(t *testing.T) {
	if a, b := LayoutOf("v1.13.0"), LayoutOf("v1.14.0"); a != b {
		t.Errorf("%+v and %+v", a, b)
	}
	if a, b := LayoutOf("v1.33.0"), LayoutOf("v1.34.0"); a == b {
		t.Error("releases with repositories of their own share one")
	}
}
