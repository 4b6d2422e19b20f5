package aptrepo

import "testing"

func TestLayoutIsThatOfUpstream(t *testing.T) {
	if got, want := URL("v1.34"), "http://pkgs.k8s.io/core:/stable:/v1.34/deb/"; got != want {
		t.Errorf("URL: %s, want %s", got, want)
	}
	for style, want := range map[string]string{
		"list":   "deb [signed-by=/etc/apt/keyrings/kubernetes-apt-keyring.gpg] http://pkgs.k8s.io/core:/stable:/v1.34/deb/ /\n",
		"deb822": "Types: deb\nURIs: http://pkgs.k8s.io/core:/stable:/v1.34/deb/\nSuites: /\nSigned-By: /etc/apt/keyrings/kubernetes-apt-keyring.gpg\n",
	} {
		if got, err := Sources(style, "v1.34"); err != nil || got != want {
			t.Errorf("%s: %q, %v", style, got, err)
		}
	}
	if _, err := Sources("rpm", "v1.34"); err == nil {
		t.Error("want an error for an unknown style")
	}
}
