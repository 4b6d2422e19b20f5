package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func FuzzParse(f *testing.F) {
	f.Add("x.list", "deb [signed-by=/etc/apt/keyrings/k.gpg] https://pkgs.k8s.io/core:/stable:/v1.33/deb/ /\n")
	f.Add("x.sources", "Types: deb\nURIs: https://pkgs.k8s.io/core:/stable:/v1.33/deb/\nSuites: /\n")
	f.Fuzz(func(t *testing.T, file, content string) {
		files := map[string][]byte{file: []byte(content)}
		for _, e := range Edits(files, Parse(file, []byte(content)), "1.34") {
			if !strings.Contains(content, e.Before) || e.Before == e.After {
				t.Errorf("%q would become %q", e.Before, e.After)
			}
		}
	})
}

func FuzzParsePins(f *testing.F) {
	f.Add("Package: kubelet\nPin: version 1.33.*\nPin-Priority: 1001\n")
	f.Fuzz(func(t *testing.T, content string) {
		for _, p := range ParsePins("x.pref", []byte(content), []string{"kubelet"}) {
			if p.Package == "" {
				t.Errorf("a pin on nothing: %+v", p)
			}
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	f.Add("Start-Date: 2026-01-02  15:04:05\nUpgrade: kubelet:amd64 (1.33.1-1.1, 1.34.4-1.1)\nEnd-Date: 2026-01-02  15:04:06\n")
	f.Fuzz(func(t *testing.T, log string) {
		for _, u := range ParseHistory(log, time.UTC) {
			if u.At.IsZero() {
				t.Errorf("%+v has no time", u)
			}
		}
	})
}

func FuzzParseSimulation(f *testing.F) {
	f.Add("Inst kubelet [1.33.1-1.1] (1.34.4-1.1 x:stable [amd64])\nRemv kubectl [1.33.1-1.1]\n")
	f.Fuzz(func(t *testing.T, out string) {
		for _, c := range ParseSimulation(out, func(a, b string) bool { return a > b }) {
			if c.Name == "" {
				t.Errorf("a change of nothing: %+v", c)
			}
		}
	})
}

func FuzzRingEnds(f *testing.F) {
	for _, name := range []string{"short.asc", "extended.gpg", "forever.asc", "subkey.gpg"} {
		b, err := os.ReadFile(filepath.Join("testdata", "keys", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, ring []byte) {
		if at, err := ringEnds(ring); err != nil && !at.IsZero() {
			t.Errorf("%v, and it ends at %s", err, at)
		}
	})
}
