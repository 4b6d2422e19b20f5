package apt

import (
	"path"
	"regexp"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
)

// Pins reads the administrator's preferences that name one of the packages.
func Pins(names []string) ([]cluster.Pin, error) {
	files, err := read(prefs, prefParts, "", ".pref")
	if err != nil {
		return nil, err
	}
	var out []cluster.Pin
	for _, f := range sorted(files) {
		out = append(out, ParsePins(f, files[f], names)...)
	}
	return out, nil
}

// ParsePins reads one preferences file, apt_preferences(5). A record for every package ("*") ranks a whole repository and is
// no pin on ours, unless its priority forbids all of it (below 0) or forces versions (1000 and up).
func ParsePins(file string, content []byte, names []string) []cluster.Pin {
	var out []cluster.Pin
	for _, rec := range records(content) {
		prio, err := strconv.Atoi(rec["pin-priority"])
		if err != nil {
			continue // apt ignores a record without a number
		}
		all := rec["package"] == "*"
		if all && prio >= 0 && prio < 1000 || !matchesAny(rec["package"], names) {
			continue
		}
		out = append(out, cluster.Pin{File: file, Package: rec["package"], Pin: rec["pin"], Priority: prio})
	}
	return out
}

func records(content []byte) []map[string]string {
	var out []map[string]string
	rec, field := map[string]string{}, ""
	for _, l := range append(lines(content), "") {
		text := strings.TrimSpace(l)
		switch {
		case text == "":
			if len(rec) > 0 {
				out = append(out, rec)
			}
			rec, field = map[string]string{}, ""
		case strings.HasPrefix(text, "#") || strings.HasPrefix(text, "Explanation:"):
		case l[0] == ' ' || l[0] == '\t':
			rec[field] += " " + text
		default:
			name, value, _ := strings.Cut(text, ":")
			field = strings.ToLower(name)
			rec[field] = strings.TrimSpace(value)
		}
	}
	return out
}

// matchesAny knows the three ways to name packages: by name, by shell pattern, and by /regular expression/, several separated by spaces.
func matchesAny(patterns string, names []string) bool {
	for p := range strings.FieldsSeq(patterns) {
		p, _, _ = strings.Cut(p, ":") // an architecture
		for _, n := range names {
			if matches(p, n) {
				return true
			}
		}
	}
	return false
}

func matches(pattern, name string) bool {
	if len(pattern) > 1 && strings.HasPrefix(pattern, "/") && strings.HasSuffix(pattern, "/") {
		re, err := regexp.Compile(pattern[1 : len(pattern)-1])
		return err == nil && re.MatchString(name)
	}
	ok, err := path.Match(pattern, name)
	return err == nil && ok
}
