package manifest

import (
	"fmt"
	"strings"
)

// envEntry is a variable of an environment file, with its place.
type envEntry struct {
	name, value string
	// start and end are the place of its lines; nameAt and valueAt, up to valueEnd, those of its parts.
	start, nameAt, valueAt, valueEnd, end int
}

// parseEnvFile reads an EnvironmentFile= as systemd does (https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html#EnvironmentFile=).
func parseEnvFile(text string) ([]envEntry, error) {
	var out []envEntry
	for at := 0; at < len(text); {
		start := at
		for at < len(text) && strings.IndexByte(" \t", text[at]) >= 0 {
			at++
		}
		end := nextLine(text, at)
		line := strings.TrimRight(text[at:end], "\r\n")
		if strings.TrimSpace(line) == "" || line[0] == '#' || line[0] == ';' {
			at = end
			continue
		}
		name, _, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("%q is no variable", line)
		}
		e := envEntry{name: strings.TrimSpace(name), start: start, nameAt: at}
		at += len(name) + 1
		for at < end && strings.IndexByte(" \t", text[at]) >= 0 {
			at++
		}
		e.valueAt = at
		var err error
		if e.value, e.valueEnd, err = envValue(text, at); err != nil {
			return nil, fmt.Errorf("read %s: %w", e.name, err)
		}
		e.end = nextLine(text, e.valueEnd)
		out = append(out, e)
		at = e.end
	}
	return out, nil
}

// envValue reads a value up to the end of its line, or further where it is quoted or its line ends in a backslash.
func envValue(text string, at int) (v string, end int, err error) {
	var b strings.Builder
	quote := byte(0)
	end = at
	kept := 0 // how much of the value is no white space at its end
	for ; at < len(text); at++ {
		c := text[at]
		switch {
		case c == quote && quote != 0:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case c == '\\' && quote != '\'' && at+1 < len(text):
			at++
			if text[at] == '\r' && at+1 < len(text) && text[at+1] == '\n' {
				at++
			}
			switch {
			case text[at] == '\n':
			case quote == '"' && strings.IndexByte("\"\\`$", text[at]) < 0:
				b.WriteString(text[at-1 : at+1])
			default:
				b.WriteByte(text[at])
			}
		case quote == 0 && c == '\n':
			return b.String()[:kept], end, nil
		case quote == 0 && strings.IndexByte(" \t\r", c) >= 0:
			b.WriteByte(c)
			continue
		default:
			b.WriteByte(c)
		}
		kept, end = b.Len(), at+1
	}
	if quote != 0 {
		return "", 0, fmt.Errorf("a quote is not closed")
	}
	return b.String()[:kept], end, nil
}

// quoteEnv writes a value so that it is read as that value, in quotes if the old one was.
func quoteEnv(v, like string) string {
	if strings.HasPrefix(like, "'") && !strings.ContainsAny(v, "'\n") {
		return "'" + v + "'"
	}
	if !strings.HasPrefix(like, `"`) && strings.TrimSpace(v) == v && !strings.ContainsAny(v, "\"'\\\r\n") {
		return v
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "`", "\\`", "$", `\$`).Replace(v) + `"`
}
