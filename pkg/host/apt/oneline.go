package apt

import (
	"regexp"
	"strings"
)

// oneLine is "deb [options] uri suite [component...]"; options may hold spaces within the brackets.
var oneLine = regexp.MustCompile(`^\s*deb(?:-src)?\s+(?:\[[^\]]*\]\s*)?(\S+)`)

func parseOneLine(file string, content []byte) []Source {
	var out []Source
	for i, l := range lines(content) {
		l, _, _ = strings.Cut(l, "#")
		if m := oneLine.FindStringSubmatch(l); m != nil {
			s := newSource(file, OneLine, m[1])
			s.first, s.last, s.line = i, i, i
			out = append(out, s)
		}
	}
	return out
}
