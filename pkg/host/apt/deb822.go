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
	enabled, trusted, field := true, false, ""
	var signedBy strings.Builder
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
			enabled = enabled && !falsehood(value)
		case "trusted":
			trusted = trusted || truth(value)
		case "signed-by":
			// A key may stand there itself, each line behind a space, and an empty one as a dot.
			if value = strings.TrimSpace(value); value == "." {
				value = ""
			}
			signedBy.WriteString(value + "\n")
		}
	}
	if !enabled {
		return nil
	}
	for i := range out {
		out[i].signedBy, out[i].trusted = signedBy.String(), trusted
	}
	return out
}
