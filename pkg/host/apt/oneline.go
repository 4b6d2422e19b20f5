package apt

import (
	"regexp"
	"strings"
)

// oneLine is "deb [options] uri suite [component...]"; options may hold spaces within the brackets.
var oneLine = regexp.MustCompile(`^\s*deb(?:-src)?\s+(?:\[([^\]]*)\]\s*)?(\S+)`)

func parseOneLine(file string, content []byte) []Source {
	var out []Source
	for i, l := range lines(content) {
		l, _, _ = strings.Cut(l, "#")
		if m := oneLine.FindStringSubmatch(l); m != nil {
			s := newSource(file, OneLine, m[2])
			s.first, s.last, s.line = i, i, i
			for option := range strings.FieldsSeq(m[1]) {
				switch name, value, _ := strings.Cut(option, "="); name {
				case "signed-by":
					s.signedBy = value
				case "trusted":
					s.trusted = truth(value)
				}
			}
			out = append(out, s)
		}
	}
	return out
}
