package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// document is a YAML file with one document, with the places of its parts.
type document struct {
	text []byte
	// starts are the offsets of the lines; a last one is the length of the text.
	starts []int
	eol    string
	root   *yaml.Node
	// limits are the lines (from zero) before which a node ends. Comments and blank lines after it are within.
	limits  map[*yaml.Node]int
	splices []splice
}

func parse(text []byte) (*document, error) {
	if bytes.HasPrefix(text, []byte("\ufeff")) || !utf8.Valid(text) {
		return nil, errors.New("it is not plain UTF-8")
	}
	if bytes.ContainsAny(text, "\u0085\u2028\u2029") || bytes.Contains(bytes.ReplaceAll(text, []byte("\r\n"), nil), []byte("\r")) {
		return nil, errors.New("its lines end in an unusual way")
	}
	d := &document{text: text, eol: "\n", limits: map[*yaml.Node]int{}}
	if bytes.Contains(text, []byte("\r\n")) {
		d.eol = "\r\n"
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var file, more yaml.Node
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("parse YAML: %w", err)
	}
	if err := decoder.Decode(&more); err == nil && len(more.Content) > 0 && more.Content[0].Tag != "!!null" {
		return nil, errors.New("it has more than one document")
	}
	if len(file.Content) != 1 || file.Content[0].Kind != yaml.MappingNode {
		return nil, errors.New("it is no YAML mapping")
	}
	d.root = file.Content[0]
	d.starts = []int{0}
	for i, b := range text {
		if b == '\n' {
			d.starts = append(d.starts, i+1)
		}
	}
	if d.starts[len(d.starts)-1] != len(text) {
		d.starts = append(d.starts, len(text))
	}
	last := len(d.starts) - 1
	for line := d.line(d.root) + 1; line < last; line++ {
		// What follows the end of the document is not part of it.
		if t := d.lineText(line); strings.HasPrefix(t, "---") || strings.HasPrefix(t, "...") {
			last = line
		}
	}
	d.measure(d.root, last)
	return d, nil
}

// measure finds where nodes end: where the next one begins.
func (d *document) measure(n *yaml.Node, limit int) {
	d.limits[n] = limit
	step := 1
	if n.Kind == yaml.MappingNode {
		step = 2
	}
	for i := 0; i < len(n.Content); i += step {
		end := limit
		if i+step < len(n.Content) {
			end = d.line(n.Content[i+step])
		}
		for _, c := range n.Content[i : i+step] {
			d.measure(c, end)
		}
	}
}

// line is where a node begins, counted from zero.
func (d *document) line(n *yaml.Node) int { return n.Line - 1 }

func (d *document) lineText(line int) string {
	return strings.TrimRight(string(d.text[d.starts[line]:d.starts[line+1]]), "\r\n")
}

// lineEnd is the offset of a line's end, before its line break.
func (d *document) lineEnd(line int) int { return d.starts[line] + len(d.lineText(line)) }

// offset is where a node begins.
func (d *document) offset(n *yaml.Node) int {
	at := d.starts[d.line(n)]
	for range n.Column - 1 {
		_, size := utf8.DecodeRune(d.text[at:])
		at += size
	}
	return at
}

// lastLine is the last line of a node, without the comments and blank lines that follow it.
func (d *document) lastLine(n *yaml.Node) int {
	block := false
	for leaf := n; ; leaf = leaf.Content[len(leaf.Content)-1] {
		if len(leaf.Content) == 0 {
			block = leaf.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0
			break
		}
	}
	line := d.limits[n] - 1
	for ; line > d.line(n); line-- {
		t := strings.TrimSpace(d.lineText(line))
		if t != "" && (block || t[0] != '#') {
			break
		}
	}
	return line
}

// value finds the value of a key; nil when there is none.
func value(n *yaml.Node, key string) *yaml.Node {
	if i := index(n, key); i >= 0 {
		return n.Content[i+1]
	}
	return nil
}

// index finds a key's place in the content of a mapping, or -1.
func index(n *yaml.Node, key string) int {
	if n == nil || n.Kind != yaml.MappingNode {
		return -1
	}
	for i := 0; i < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return i
		}
	}
	return -1
}

// text is the string of a scalar; empty for anything else.
func text(n *yaml.Node) string {
	if n == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return ""
	}
	return n.Value
}

// strings are the scalars of a sequence.
func texts(n *yaml.Node) ([]string, error) {
	if n == nil || n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d is no list", n.Line)
	}
	var out []string
	for _, c := range n.Content {
		if c.Kind != yaml.ScalarNode {
			return nil, fmt.Errorf("line %d is no string", c.Line)
		}
		out = append(out, c.Value)
	}
	return out, nil
}

// span is the place of a scalar that stands on one line.
func (d *document) span(n *yaml.Node) (start, end int, err error) {
	refuse := fmt.Errorf("line %d: its value cannot be replaced where it stands", n.Line)
	if n.Kind != yaml.ScalarNode || n.Anchor != "" || n.Style&yaml.TaggedStyle != 0 {
		return 0, 0, refuse
	}
	start = d.offset(n)
	rest := string(d.text[start:d.lineEnd(d.line(n))])
	switch n.Style {
	case yaml.DoubleQuotedStyle:
		for i := 1; i < len(rest); i++ {
			switch rest[i] {
			case '\\':
				i++
			case '"':
				return start, start + i + 1, nil
			}
		}
	case yaml.SingleQuotedStyle:
		for i := 1; i < len(rest); i++ {
			if rest[i] != '\'' {
				continue
			}
			if i+1 < len(rest) && rest[i+1] == '\'' {
				i++
				continue
			}
			return start, start + i + 1, nil
		}
	case 0:
		if n.Value != "" && strings.HasPrefix(rest, n.Value) {
			return start, start + len(n.Value), nil
		}
	}
	return 0, 0, refuse
}

// replace puts another value in a scalar's place, in its own style.
func (d *document) replace(n *yaml.Node, to string) error {
	start, end, err := d.span(n)
	if err != nil {
		return err
	}
	s, err := scalar(to, n.Style)
	if err != nil {
		return err
	}
	d.splices = append(d.splices, splice{start, end, s})
	return nil
}

// scalar writes a string so that it is read as that string.
func scalar(s string, style yaml.Style) (string, error) {
	if strings.ContainsAny(s, "\r\n") {
		return "", fmt.Errorf("%q has several lines", s)
	}
	out, err := yaml.Marshal(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s, Style: style})
	return strings.TrimSuffix(string(out), "\n"), err
}

// dash is the column of an item's dash in a block sequence, and -1 where the item does not stand on the line of its dash.
func (d *document) dash(item *yaml.Node) int {
	line := d.starts[d.line(item)]
	before := strings.TrimRight(string(d.text[line:d.offset(item)]), " ")
	if !strings.HasSuffix(before, "-") || strings.Trim(before[:len(before)-1], " ") != "" {
		return -1
	}
	return len(before) - 1
}

var errFlow = errors.New("it is written in one line or in an unusual way, and cannot be changed where it stands")

// item gives the lines of an item of a block sequence.
func (d *document) item(seq *yaml.Node, i int) (first, last, column int, err error) {
	n := seq.Content[i]
	column = d.dash(n)
	if seq.Style&yaml.FlowStyle != 0 || column < 0 || n.Anchor != "" {
		return 0, 0, 0, fmt.Errorf("line %d: %w", n.Line, errFlow)
	}
	return d.line(n), d.lastLine(n), column, nil
}

// remove takes an item's lines out of a sequence.
func (d *document) remove(seq *yaml.Node, i int) error {
	first, last, _, err := d.item(seq, i)
	if err != nil {
		return err
	}
	d.cutLines(first, last)
	return nil
}

func (d *document) cutLines(first, last int) {
	d.splices = append(d.splices, splice{start: d.starts[first], end: d.starts[last+1]})
}

// insert puts lines after an item of a sequence, or before its first for -1. They are indented as the items are, the first one behind a dash.
func (d *document) insert(seq *yaml.Node, after int, lines []string) error {
	first, last, column, err := d.item(seq, max(after, 0))
	if err != nil {
		return err
	}
	block := d.block(lines, column)
	if after < 0 {
		d.splices = append(d.splices, splice{d.starts[first], d.starts[first], strings.Join(block, d.eol) + d.eol})
		return nil
	}
	d.insertAfter(last, block)
	return nil
}

// insertAfter puts lines after a line, also after one that has no end.
func (d *document) insertAfter(line int, lines []string) {
	at := d.lineEnd(line)
	d.splices = append(d.splices, splice{at, at, d.eol + strings.Join(lines, d.eol)})
}

// block makes lines those of an item of a sequence.
func (d *document) block(lines []string, column int) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		lead := "  "
		if i == 0 {
			lead = "- "
		}
		out[i] = strings.Repeat(" ", column) + lead + l
	}
	return out
}

// removeKey takes a key with its value out of a mapping.
func (d *document) removeKey(n *yaml.Node, key string) error {
	i := index(n, key)
	k, v := n.Content[i], n.Content[i+1]
	if n.Style&yaml.FlowStyle != 0 {
		return fmt.Errorf("line %d: %w", k.Line, errFlow)
	}
	lead := string(d.text[d.starts[d.line(k)]:d.offset(k)])
	switch {
	case strings.Trim(lead, " ") == "":
		d.cutLines(d.line(k), d.lastLine(v))
	case i+2 < len(n.Content):
		// It stands behind a dash, where the next key goes now.
		d.splices = append(d.splices, splice{start: d.offset(k), end: d.offset(n.Content[i+2])})
	default:
		return fmt.Errorf("line %d: %w", k.Line, errFlow)
	}
	return nil
}

// finish applies the edits, and refuses them unless the outcome reads as want.
func (d *document) finish(want any) ([]byte, error) {
	if len(d.splices) == 0 {
		return d.text, nil
	}
	out, err := apply(d.text, d.splices)
	if err != nil {
		return nil, err
	}
	var got any
	if err := yaml.Unmarshal(out, &got); err != nil {
		return nil, fmt.Errorf("read the edited file: %w", err)
	}
	if !reflect.DeepEqual(got, want) {
		return nil, errors.New("it is written in a way that cannot be edited: the edited file would say something else than it should")
	}
	return out, nil
}

// tree is the document as plain values, on which an edit is done once more, to compare with.
func (d *document) tree() (map[string]any, error) {
	var out map[string]any
	err := yaml.Unmarshal(d.text, &out)
	return out, err
}

// same tells whether two values say the same.
func same(a, b any) bool { return reflect.DeepEqual(a, b) }
