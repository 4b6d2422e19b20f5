package apt

import "strings"

// parseDeb822 reads stanzas of "Field: value" lines with continuation lines, sources.list(5).
func parseDeb822(file string, content []byte) []Source {
	var out []Source
	all := lines(content)
	for first := 0; first < len(all); {
		last := first
		for last < len(all) && strings.TrimSpace(all[last]) != "" {
			last++
		}
		out = append(out, stanza(file, all, first, last)...)
		first = last + 1
	}
	return out
}

// stanza reads the lines from first up to but without end.
func stanza(file string, all []string, first, end int) []Source {
	var out []Source
	enabled, field := true, ""
	for i := first; i < end; i++ {
		l := all[i]
		if strings.HasPrefix(l, "#") {
			continue // a comment, which may stand amid continuation lines
		}
		value := l
		if l[0] != ' ' && l[0] != '\t' {
			field, value, _ = strings.Cut(l, ":")
			field = strings.ToLower(strings.TrimSpace(field))
		}
		switch field {
		case "uris":
			for u := range strings.FieldsSeq(value) {
				s := newSource(file, Deb822, u)
				s.first, s.last, s.line = first, end-1, i
				out = append(out, s)
			}
		case "enabled":
			// The words that apt's StringToBool takes for false, apt-pkg/contrib/strutl.cc.
			switch strings.ToLower(strings.TrimSpace(value)) {
			case "no", "false", "without", "off", "disable", "0":
				enabled = false
			}
		}
	}
	if !enabled {
		return nil
	}
	return out
}
