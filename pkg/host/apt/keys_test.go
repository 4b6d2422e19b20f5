package apt

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The keys in testdata were made by GnuPG: short.asc was to end in 2024, in extended.gpg it was made to last until 2028, and the newer of the two
// signatures that say so comes first. That of subkey.gpg does not end, but the subkey that signs has.
const (
	shortEnds    = "2024-11-02T00:00:00Z"
	extendedEnds = "2028-12-30T00:00:00Z"
	subkeyEnds   = "2023-08-25T00:00:00Z"
)

// keyFile is the path of a key in testdata.
func keyFile(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "keys", name))
	must(t, err)
	return path
}

func TestKeyEnds(t *testing.T) {
	armored, err := os.ReadFile(keyFile(t, "short.asc"))
	must(t, err)
	forever, err := os.ReadFile(keyFile(t, "forever.asc"))
	must(t, err)
	dir := t.TempDir()
	written := func(name, text string) string {
		must(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
		return filepath.Join(dir, name)
	}
	const repository = "https://pkgs.k8s.io/core:/stable:/v1.33/deb/"
	list := func(options string) (string, string) { return listFile, "deb [" + options + "] " + repository + " /\n" }
	stanza := func(fields string) (string, string) {
		return sourcesFile, "Types: deb\n" + fields + "\nURIs: " + repository + "\nSuites: /\n"
	}
	inline := "Signed-By:\n"
	for l := range strings.Lines(string(armored)) {
		if strings.TrimSpace(l) == "" {
			l = ".\n"
		}
		inline += " " + l
	}
	for name, tt := range map[string]keyed{
		"armored":                   entry(list("signed-by="+keyFile(t, "short.asc")))(keyFile(t, "short.asc"), shortEnds),
		"binary, and extended":      entry(list("arch=amd64 signed-by="+keyFile(t, "extended.gpg")))(keyFile(t, "extended.gpg"), extendedEnds),
		"a subkey signs":            entry(list("signed-by="+keyFile(t, "subkey.gpg")))(keyFile(t, "subkey.gpg"), subkeyEnds),
		"of two files the later":    entry(list("signed-by="+keyFile(t, "short.asc")+","+keyFile(t, "subkey.gpg")))(keyFile(t, "short.asc")+", "+keyFile(t, "subkey.gpg"), shortEnds),
		"deb822":                    entry(stanza("Signed-By: "+keyFile(t, "short.asc")))(keyFile(t, "short.asc"), shortEnds),
		"in the entry itself":       entry(stanza(strings.TrimSpace(inline)))(sourcesFile, shortEnds),
		"no end":                    entry(list("signed-by="+keyFile(t, "forever.asc")))("", ""),
		"one of two has no end":     entry(list("signed-by="+keyFile(t, "short.asc")+","+keyFile(t, "forever.asc")))("", ""),
		"two blocks, one has none":  entry(list("signed-by="+written("two.asc", string(armored)+string(forever))))("", ""),
		"one block is not readable": entry(list("signed-by="+written("half.asc", string(armored)+armorBegin+"\n\nnonsense\n")))("", ""),
		"no key at all":             entry(list("signed-by="+written("none.gpg", "nonsense")))("", ""),
		"an empty file":             entry(list("signed-by="+written("empty.gpg", "")))("", ""),
		"no file":                   entry(list("signed-by="+filepath.Join(dir, "missing.gpg")))("", ""),
		"too large":                 entry(list("signed-by="+written("large.gpg", strings.Repeat("x", keyringLimit+1))))("", ""),
		"a fingerprint":             entry(list("signed-by=A9550A997F7A58E151CAAF4061A007E5F7391FA1"))("", ""),
		"no signature is asked for": entry(list("trusted=yes signed-by="+keyFile(t, "short.asc")))("", ""),
		"deb822, nor there":         entry(stanza("Trusted: yes\nSigned-By: "+keyFile(t, "short.asc")))("", ""),
		"the keys of all sources":   entry(list("arch=amd64"))("", ""),
	} {
		t.Run(name, func(t *testing.T) {
			all := Parse(tt.file, []byte(tt.text))
			if len(all) != 1 {
				t.Fatalf("parsed %+v", all)
			}
			key, at := all[0].KeyEnds()
			ends := ""
			if !at.IsZero() {
				ends = at.UTC().Format(time.RFC3339)
			}
			if key != tt.key || ends != tt.ends {
				t.Errorf("got %q ends at %q, want %q at %q", key, ends, tt.key, tt.ends)
			}
		})
	}
}

// keyed is a source, and the key and the end that are to be found in it.
type keyed struct{ file, text, key, ends string }

func entry(file, text string) func(key, ends string) keyed {
	return func(key, ends string) keyed { return keyed{file, text, key, ends} }
}
