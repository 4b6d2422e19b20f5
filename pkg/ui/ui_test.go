package ui

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

func env(pairs ...string) func(string) string {
	return func(k string) string {
		for i := 0; i < len(pairs); i += 2 {
			if pairs[i] == k {
				return pairs[i+1]
			}
		}
		return ""
	}
}

func TestLive(t *testing.T) {
	for _, c := range []struct {
		name     string
		terminal bool
		goos     string
		env      func(string) string
		want     bool
	}{
		{"terminal", true, "linux", env("TERM", "xterm"), true},
		{"pipe", false, "linux", env("TERM", "xterm"), false},
		{"CI", true, "linux", env("TERM", "xterm", "CI", "true"), false},
		{"CI off", true, "linux", env("TERM", "xterm", "CI", "false"), true},
		{"dumb", true, "linux", env("TERM", "dumb"), false},
		{"no TERM", true, "linux", env(), false},
		{"Windows console", true, "windows", env(), false},
		{"Windows Terminal", true, "windows", env("WT_SESSION", "1"), true},
	} {
		if got := live(c.terminal, c.goos, c.env); got != c.want {
			t.Errorf("%s: live = %t, want %t", c.name, got, c.want)
		}
	}
}

func TestUTF8Locale(t *testing.T) {
	for _, c := range []struct {
		env  func(string) string
		want bool
	}{
		{env("LANG", "de_DE.UTF-8"), true},
		{env("LANG", "en_US.utf8"), true},
		{env("LC_CTYPE", "C", "LANG", "de_DE.UTF-8"), false},
		{env("LC_ALL", "C.UTF-8", "LC_CTYPE", "C"), true},
		{env("LANG", "POSIX"), false},
	} {
		if got := utf8Locale(c.env); got != c.want {
			t.Errorf("LC_ALL=%q LC_CTYPE=%q LANG=%q: %t, want %t", c.env("LC_ALL"), c.env("LC_CTYPE"), c.env("LANG"), got, c.want)
		}
	}
}

func TestNewTakesLinesForWhatIsNoTerminal(t *testing.T) {
	v := New(&bytes.Buffer{}, Options{Getenv: env("TERM", "xterm")})
	defer v.Close()
	if _, ok := v.(*Plain); !ok {
		t.Errorf("New gives %T for a buffer, want a plain view", v)
	}
}

func TestClean(t *testing.T) {
	for in, want := range map[string]string{
		"plain – ünï 世":          "plain – ünï 世",
		"a\x1b[2Jb":              "a^[[2Jb",
		"a\rb\ab\x7f":            `a\x0db\x07b\x7f`,
		"two\nlines\tand a tab ": "two lines and a tab",
		"\u202eevil":             `\u202eevil`,
		"bad \xff byte":          "bad \ufffd byte",
		"c1 \u009b31m":           `c1 \x9b31m`,
	} {
		if got := clean(in); got != want {
			t.Errorf("clean(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestRenderCutsByCells(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"abcdef", 6, "abcdef"},
		{"abcdef", 5, "abcd…"},
		{"世界世界", 8, "世界世界"},
		{"世界世界", 6, "世界…"},
		{"e\u0301e\u0301e\u0301", 3, "e\u0301e\u0301e\u0301"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
		{"ab", 1, "…"},
	} {
		got, n := Look{}.render(line{{text: c.text}}, c.width)
		if got != c.want || n > c.width {
			t.Errorf("render(%q, %d) = %q in %d columns, want %q", c.text, c.width, got, n, c.want)
		}
	}
	if got, _ := (Look{ASCII: true}).render(line{{text: "prüfe 世"}}, 0); got != "pr?fe ?" {
		t.Errorf("ASCII: got %q", got)
	}
}

func TestBroken(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  []string
	}{
		{"short", 9, []string{"short"}},
		{"two words", 8, []string{"two", "words"}},
		{"two words", 9, []string{"two words"}},
		{"one two three four five", 8, []string{"one two", "three", "four five"}},
		{"a b c d e f", 1, []string{"a", "b", "c d e f"}},
		{"unbreakable words", 5, []string{"unbreakable words"}},
		{"世界 世界", 5, []string{"世界", "世界"}},
	} {
		if got := broken(c.text, c.width); !slices.Equal(got, c.want) {
			t.Errorf("broken(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestShort(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 3 * time.Millisecond: "100ms", 560 * time.Millisecond: "500ms",
		1999 * time.Millisecond: "1s", 72 * time.Second: "1m12s", time.Hour: "1h0m0s",
	} {
		if got := short(d); got != want {
			t.Errorf("short(%v) = %q, want %q", d, got, want)
		}
	}
}
