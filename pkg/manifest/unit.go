package manifest

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
)

// unit is a systemd unit or drop-in, as its settings stand in it (https://www.freedesktop.org/software/systemd/man/latest/systemd.syntax.html).
type unit struct {
	text     string
	settings []unitSetting
}

// unitSetting is one assignment, which may go on over several lines.
type unitSetting struct {
	section, key string
	// start and end are the place of the whole, from the begin of its first line to that of the line after it; value is where its value begins.
	start, value, end int
}

// unitWord is one word of a value: what it says, and where it stands with its quotes.
type unitWord struct {
	text       string
	start, end int
}

func parseUnit(text string) (*unit, error) {
	u := &unit{text: text}
	section := ""
	for at := 0; at < len(text); {
		end := nextLine(text, at)
		line := strings.TrimSpace(text[at:end])
		switch {
		case line == "" || line[0] == '#' || line[0] == ';':
		case line[0] == '[':
			section = strings.Trim(line, "[]")
		default:
			for last := at; continues(text[last:end]) && end < len(text); {
				// Comments within are skipped.
				for end < len(text) && isComment(text[end:nextLine(text, end)]) {
					end = nextLine(text, end)
				}
				last, end = end, nextLine(text, end)
			}
			key, _, ok := strings.Cut(text[at:end], "=")
			if !ok {
				return nil, fmt.Errorf("%q is no setting", line)
			}
			u.settings = append(u.settings, unitSetting{section, strings.TrimSpace(key), at, at + len(key) + 1, end})
		}
		at = end
	}
	return u, nil
}

// nextLine is where the line after this one begins.
func nextLine(text string, at int) int {
	if i := strings.IndexByte(text[at:], '\n'); i >= 0 {
		return at + i + 1
	}
	return len(text)
}

// continues tells whether the last line of a text ends in a backslash.
func continues(text string) bool {
	return strings.HasSuffix(strings.TrimRight(text, "\r\n"), `\`)
}

func isComment(line string) bool {
	t := strings.TrimSpace(line)
	return t != "" && (t[0] == '#' || t[0] == ';')
}

// words takes a value apart: at white space that is not quoted, with the escapes of C. Variables and specifiers stay as they are written.
func (u *unit) words(s unitSetting) ([]unitWord, error) {
	var out []unitWord
	for at := s.value; ; {
		at = u.skip(at, s.end)
		if at >= s.end {
			return out, nil
		}
		w, err := u.word(at, s.end)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.key, err)
		}
		out = append(out, w)
		at = w.end
	}
}

// skip passes over white space, line ends and comments within a setting.
func (u *unit) skip(at, end int) int {
	for at < end {
		switch c := u.text[at]; {
		case c == ' ' || c == '\t' || c == '\r':
			at++
		case c == '\n':
			at++
			for at < end && isComment(u.text[at:nextLine(u.text, at)]) {
				at = nextLine(u.text, at)
			}
		case u.lineJoin(at, end) > 0:
			at += u.lineJoin(at, end)
		default:
			return at
		}
	}
	return at
}

// lineJoin is the length of a backslash at the end of a line without the line's end, else 0.
func (u *unit) lineJoin(at, end int) int {
	if rest := u.text[at:end]; rest == `\` || strings.HasPrefix(rest, "\\\n") || strings.HasPrefix(rest, "\\\r\n") {
		return 1
	}
	return 0
}

func (u *unit) word(at, end int) (unitWord, error) {
	w := unitWord{start: at}
	var b strings.Builder
	quote := byte(0)
	for at < end {
		c := u.text[at]
		switch {
		case u.lineJoin(at, end) > 0:
			if quote != 0 {
				return w, errors.New("a quoted word goes on over a line's end")
			}
			w.text, w.end = b.String(), at
			return w, nil
		case quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0:
			w.text, w.end = b.String(), at
			return w, nil
		case c == quote:
			quote = 0
			at++
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
			at++
		case c == '\\':
			n := escape(&b, u.text[at:end])
			at += n
		case c == '\n':
			return w, errors.New("a quote is not closed")
		default:
			b.WriteByte(c)
			at++
		}
	}
	if quote != 0 {
		return w, errors.New("a quote is not closed")
	}
	w.text, w.end = b.String(), at
	return w, nil
}

// escape writes what an escape stands for and returns its length.
func escape(b *strings.Builder, s string) int {
	if len(s) < 2 {
		b.WriteString(s)
		return len(s)
	}
	if plain, ok := map[byte]string{'a': "\a", 'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '\\': `\`, '"': `"`, '\'': "'", 's': " "}[s[1]]; ok {
		b.WriteString(plain)
		return 2
	}
	if s[1] == 'x' && len(s) >= 4 {
		if n, err := strconv.ParseUint(s[2:4], 16, 8); err == nil && n > 0 {
			b.WriteByte(byte(n))
			return 4
		}
	}
	b.WriteString(s[:2])
	return 2
}

// quoteWord writes a word so that it is read as that word.
func quoteWord(s string) string {
	if s != "" && !strings.ContainsAny(s, " \t\r\n\"'\\;#") {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s) + `"`
}

// shells are programs whose argument is a script: what it does cannot be changed word by word.
var shells = []string{"sh", "bash", "dash"}

// command is what ExecStart runs.
type command struct {
	file    int // which of the files
	setting unitSetting
	program unitWord
	words   []unitWord
	// script is set where a shell runs it: the words are then those of the script, and have no places.
	script bool
}

// readCommand takes the words of ExecStart apart into program and arguments.
func (u *unit) readCommand(s unitSetting) (command, error) {
	words, err := u.words(s)
	if err != nil {
		return command{}, err
	}
	if len(words) == 0 {
		return command{}, errors.New("ExecStart is empty")
	}
	c := command{setting: s, program: words[0], words: words[1:]}
	special := strings.TrimLeft(words[0].text, "@-:+!|")
	if prefix := words[0].text[:len(words[0].text)-len(special)]; strings.Contains(prefix, "@") {
		if len(c.words) == 0 {
			return command{}, errors.New("ExecStart has an @ and no name")
		}
		c.words = c.words[1:]
	}
	for _, w := range c.words {
		if w.text == ";" && w.end-w.start == 1 {
			return command{}, errors.New("ExecStart runs several commands")
		}
	}
	for _, shell := range shells {
		if path.Base(special) == shell {
			return c.ofScript()
		}
	}
	return c, nil
}

// ofScript finds the call of etcd in a shell's one line: "GOMAXPROCS=$(nproc) /usr/bin/etcd --name=\"${ETCD_NAME}\"".
func (c command) ofScript() (command, error) {
	refuse := errors.New("ExecStart runs a shell script that does not just call etcd")
	if len(c.words) != 2 || !strings.HasPrefix(c.words[0].text, "-") || !strings.HasSuffix(c.words[0].text, "c") || strings.ContainsAny(c.words[1].text, ";|&<>\n`") {
		return command{}, refuse
	}
	inner := &unit{text: c.words[1].text}
	words, err := inner.words(unitSetting{key: "the script", end: len(inner.text)})
	if err != nil {
		return command{}, err
	}
	for i, w := range words {
		if path.Base(w.text) == "etcd" && !strings.Contains(w.text, "=") {
			c.script, c.program, c.words = true, w, words[i+1:]
			return c, nil
		}
	}
	return command{}, refuse
}
