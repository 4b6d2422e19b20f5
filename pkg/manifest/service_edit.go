package manifest

import (
	"errors"
	"strings"
)

// serviceEditor gathers the changes of each file.
type serviceEditor struct {
	*service
	splices map[int][]splice
}

func (e *serviceEditor) splice(file, start, end int, text string) {
	e.splices[file] = append(e.splices[file], splice{start, end, text})
}

func (e *serviceEditor) program(to string) error {
	old := e.command.program.text
	prefix := old[:len(old)-len(strings.TrimLeft(old, "@-:+!|"))]
	switch {
	case old == prefix+to:
		return nil
	case e.command.script:
		return errors.New("a shell calls etcd: put the program in the old one's place, or ExecStart in a form without a shell")
	}
	e.splice(e.command.file, e.command.program.start, e.command.program.end, quoteWord(prefix+to))
	return nil
}

// words makes the arguments those that are given.
func (e *serviceEditor) words(now []string) error {
	ops := script(wordTexts(e.command.words), now)
	gone := map[int]bool{}
	changed := false
	for _, o := range ops {
		changed = changed || !o.same
		if o.now < 0 {
			gone[o.old] = true
		}
	}
	if !changed {
		return nil
	}
	if e.command.script {
		return errors.New("a shell calls etcd, whose flags cannot be changed there: put ExecStart in a form without a shell")
	}
	last := e.command.program
	for _, o := range ops {
		switch {
		case o.old < 0:
			e.splice(e.command.file, last.end, last.end, e.joint(last)+quoteWord(now[o.now]))
			continue
		case !o.same && o.now >= 0:
			w := e.command.words[o.old]
			e.splice(e.command.file, w.start, w.end, e.quoted(w, now[o.now]))
		}
		if o.now >= 0 {
			last = e.command.words[o.old]
		}
	}
	e.removeWords(gone)
	return nil
}

func (e *serviceEditor) text() string { return e.files[e.command.file].Text }

// quoted writes a word with the quotes of the one whose place it takes.
func (e *serviceEditor) quoted(old unitWord, now string) string {
	text := e.text()[old.start:old.end]
	if strings.HasPrefix(text, `"`) && strings.HasSuffix(text, `"`) {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(now) + `"`
	}
	if strings.HasPrefix(text, "'") && strings.HasSuffix(text, "'") && !strings.ContainsAny(now, `'\`) {
		return "'" + now + "'"
	}
	return quoteWord(now)
}

// joint is what stands between a word and one that is put behind it: a new line where the word has one to itself, else a space.
func (e *serviceEditor) joint(after unitWord) string {
	text := e.text()
	begin := strings.LastIndexByte(text[:after.start], '\n') + 1
	lead := text[begin:after.start]
	if begin <= e.command.setting.start || strings.TrimSpace(lead) != "" {
		return " "
	}
	eol := "\n"
	if strings.HasSuffix(text[:begin], "\r\n") {
		eol = "\r\n"
	}
	return " \\" + eol + lead
}

// removeWords takes words out: a line that has nothing else goes whole, and where the last line goes, so does the backslash before it.
func (e *serviceEditor) removeWords(gone map[int]bool) {
	text, set := e.text(), e.command.setting
	words := e.command.words
	// from is the end of the last word that stays, or of the program.
	from := e.command.program.end
	for i := 0; i < len(words); i++ {
		if !gone[i] {
			from = words[i].end
			continue
		}
		first := i
		for i+1 < len(words) && gone[i+1] {
			i++
		}
		end := words[i].end
		if i == len(words)-1 {
			// What follows the last word, but the line's end.
			tail := len(strings.TrimRight(text[:set.end], "\r\n"))
			e.splice(e.command.file, from, max(end, tail), "")
			continue
		}
		e.cutBetween(from, words[first].start, words[i].end, words[i+1].start)
	}
}

// cutBetween removes the words from start to end, which follow one that ends at before and precede one that starts at next.
func (e *serviceEditor) cutBetween(before, start, end, next int) {
	text := e.text()
	// Whole lines go as lines, so that comments between the lines around them stay.
	lineStart := strings.LastIndexByte(text[:start], '\n') + 1
	lineEnd := nextLine(text, end)
	if lineStart > before && strings.TrimSpace(text[lineStart:start]) == "" && lineEnd <= next {
		e.splice(e.command.file, lineStart, lineEnd, "")
		return
	}
	e.splice(e.command.file, before, end, "")
}

// variables makes etcd's variables those that are given, each where the one that it takes the place of stands.
func (e *serviceEditor) variables(now []EnvVar) error {
	var old []string
	var at []int
	for i, v := range e.vars {
		if strings.HasPrefix(v.name, "ETCD_") {
			old, at = append(old, v.name+"="+v.value), append(at, i)
		}
	}
	var want []string
	for _, v := range now {
		want = append(want, v.Name+"="+v.Value)
	}
	ops := script(old, want)
	gone := map[int]bool{}
	last := -1
	for _, o := range ops {
		if o.old >= 0 {
			last = at[o.old]
		}
		switch {
		case o.same:
		case o.now < 0:
			gone[last] = true
		case o.old >= 0:
			e.replaceVariable(e.vars[last], now[o.now])
		case last < 0:
			return errors.New("there is no variable beside which another could be put")
		default:
			e.addVariable(e.vars[last], now[o.now])
		}
	}
	e.removeVariables(gone)
	return nil
}

func (e *serviceEditor) replaceVariable(old variable, now EnvVar) {
	if old.entry == nil {
		text := e.files[old.file].Text[old.word.start:old.word.end]
		word := quoteWord(now.Name + "=" + now.Value)
		if text[0] == '"' || text[0] == '\'' {
			word = `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(now.Name+"="+now.Value) + `"`
		}
		e.splice(old.file, old.word.start, old.word.end, word)
		return
	}
	if old.name != now.Name {
		e.splice(old.file, old.entry.nameAt, old.entry.nameAt+len(old.name), now.Name)
	}
	if old.value != now.Value {
		e.splice(old.file, old.entry.valueAt, old.entry.valueEnd, quoteEnv(now.Value, e.files[old.file].Text[old.entry.valueAt:old.entry.valueEnd]))
	}
}

func (e *serviceEditor) addVariable(after variable, now EnvVar) {
	if after.entry == nil {
		e.splice(after.file, after.word.end, after.word.end, " "+quoteWord(now.Name+"="+now.Value))
		return
	}
	text := e.files[after.file].Text
	eol := "\n"
	if strings.Contains(text, "\r\n") {
		eol = "\r\n"
	}
	end := len(strings.TrimRight(text[:after.entry.end], "\r\n"))
	e.splice(after.file, end, end, eol+now.Name+"="+quoteEnv(now.Value, ""))
}

// removeVariables takes variables out; an Environment= that has no other goes whole.
func (e *serviceEditor) removeVariables(gone map[int]bool) {
	for i := range gone {
		v := e.vars[i]
		if v.entry != nil {
			e.splice(v.file, v.entry.start, v.entry.end, "")
			continue
		}
		left, first := 0, i
		for j, o := range e.vars {
			if o.entry == nil && o.file == v.file && o.setting == v.setting {
				first = min(first, j)
				if !gone[j] {
					left++
				}
			}
		}
		switch {
		case left > 0:
			begin, end := v.word.start, v.word.end
			text := e.files[v.file].Text
			if strings.TrimSpace(text[v.setting.value:begin]) == "" {
				for end < len(text) && strings.IndexByte(" \t", text[end]) >= 0 {
					end++ // the first one, before which there is the "="
				}
			} else {
				for strings.IndexByte(" \t", text[begin-1]) >= 0 {
					begin--
				}
			}
			e.splice(v.file, begin, end, "")
		case i == first:
			e.splice(v.file, v.setting.start, v.setting.end, "")
		}
	}
}
