package v2

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// saved is a store as snapshots hold it.
type saved struct {
	root  *node
	index uint64
}

// errUnusual is for JSON that may be right and that no server has written.
var errUnusual = errors.New("the v2 store is not as servers write it")

// maxDepth keeps a broken snapshot from taking all of the stack.
const maxDepth = 5000

// parseSaved reads a snapshot's store. Its strings are parts of data, which must not change any more.
func parseSaved(data []byte) (s *saved, err error) {
	p := &parser{data: data}
	defer func() {
		// The parser gives up in many places, all of them the same to its caller.
		if r := recover(); r != nil {
			if r != any(errUnusual) {
				panic(r)
			}
			s, err = nil, errUnusual
		}
	}()
	s = &saved{}
	p.object(func(name string) {
		switch name {
		case "Root":
			s.root = p.node(0)
		case "CurrentIndex":
			s.index = p.number()
		default:
			p.skip(name, "Root", "CurrentIndex")
		}
	})
	p.space()
	if s.root == nil || s.root.Children[clusterPrefix[1:]] == nil || s.root.Children[keysPrefix[1:]] == nil || p.at != len(data) {
		return nil, errUnusual
	}
	return s, nil
}

type parser struct {
	data []byte
	at   int
}

func (p *parser) space() {
	for p.at < len(p.data) && (p.data[p.at] == ' ' || p.data[p.at] == '\n' || p.data[p.at] == '\t' || p.data[p.at] == '\r') {
		p.at++
	}
}

// next takes a byte that is not space.
func (p *parser) next() byte {
	p.space()
	if p.at == len(p.data) {
		panic(errUnusual)
	}
	p.at++
	return p.data[p.at-1]
}

func (p *parser) want(c byte) {
	if p.next() != c {
		panic(errUnusual)
	}
}

// is takes a word that is there.
func (p *parser) is(word string) bool {
	p.space()
	if bytes.HasPrefix(p.data[p.at:], []byte(word)) {
		p.at += len(word)
		return true
	}
	return false
}

// object visits the members of an object, each of which visit has to read. No name comes twice.
func (p *parser) object(visit func(name string)) {
	p.want('{')
	if p.is("}") {
		return
	}
	var seen []string
	for {
		p.space()
		name := p.text()
		if slices.Contains(seen, name) {
			panic(errUnusual)
		}
		seen = append(seen, name)
		p.want(':')
		visit(name)
		switch p.next() {
		case '}':
			return
		case ',':
		default:
			panic(errUnusual)
		}
	}
}

func (p *parser) node(depth int) *node {
	if depth > maxDepth {
		panic(errUnusual)
	}
	n := &node{}
	p.object(func(name string) {
		switch name {
		case "Path":
			n.Path = p.text()
		case "CreatedIndex":
			n.CreatedIndex = p.number()
		case "ModifiedIndex":
			n.ModifiedIndex = p.number()
		case "ExpireTime":
			t, err := time.Parse(time.RFC3339Nano, p.text())
			if err != nil {
				panic(errUnusual)
			}
			n.ExpireTime = t
		case "Value":
			n.Value = p.text()
		case "Children":
			if !p.is("null") {
				n.Children = p.children(depth + 1)
			}
		default:
			p.skip(name, "Path", "CreatedIndex", "ModifiedIndex", "ExpireTime", "Value", "Children")
		}
	})
	return n
}

func (p *parser) children(depth int) map[string]*node {
	all := map[string]*node{}
	p.want('{')
	if p.is("}") {
		return all
	}
	for {
		p.space()
		name := p.text()
		p.want(':')
		if all[name] != nil {
			panic(errUnusual)
		}
		all[name] = p.node(depth)
		switch p.next() {
		case '}':
			return all
		case ',':
		default:
			panic(errUnusual)
		}
	}
}

// number reads an index.
func (p *parser) number() uint64 {
	p.space()
	begin, n := p.at, uint64(0)
	for p.at < len(p.data) && p.data[p.at] >= '0' && p.data[p.at] <= '9' {
		n = n*10 + uint64(p.data[p.at]-'0')
		p.at++
	}
	if length := p.at - begin; length == 0 || length > 19 || length > 1 && p.data[begin] == '0' {
		panic(errUnusual)
	}
	return n
}

// text reads a string.
func (p *parser) text() string {
	p.want('"')
	begin, end := p.at, bytes.IndexByte(p.data[p.at:], '"')
	if end < 0 {
		panic(errUnusual)
	}
	raw := p.data[begin : begin+end]
	if bytes.IndexByte(raw, '\\') < 0 {
		p.at += end + 1
		return check(raw)
	}
	return p.escaped()
}

// check lets through what is text, without a copy of it.
func check(raw []byte) string {
	for _, c := range raw {
		if c < ' ' {
			panic(errUnusual)
		}
	}
	if !utf8.Valid(raw) {
		panic(errUnusual) // encoding/json repairs it
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw))
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped reads the rest of a string in which something is escaped.
func (p *parser) escaped() string {
	var out []byte
	for {
		n := bytes.IndexAny(p.data[p.at:min(len(p.data), p.at+64)], `"\`)
		if n < 0 {
			n = slices.IndexFunc(p.data[p.at:], func(c byte) bool { return c == '"' || c == '\\' })
		}
		if n < 0 {
			panic(errUnusual)
		}
		out = append(out, check(p.data[p.at:p.at+n])...)
		p.at += n + 1
		if p.data[p.at-1] == '"' {
			return unsafe.String(unsafe.SliceData(out), len(out))
		}
		if p.at == len(p.data) {
			panic(errUnusual)
		}
		c := p.data[p.at]
		p.at++
		switch {
		case c == 'u':
			out = utf8.AppendRune(out, p.unicode())
		case escapes[c] != 0:
			out = append(out, escapes[c])
		default:
			panic(errUnusual)
		}
	}
}

// unicode reads what follows \u. Half a pair is no character, as encoding/json has it.
func (p *parser) unicode() rune {
	r := p.hex()
	if !utf16.IsSurrogate(r) {
		return r
	}
	if bytes.HasPrefix(p.data[p.at:], []byte(`\u`)) {
		back := p.at
		p.at += 2
		if pair := utf16.DecodeRune(r, p.hex()); pair != utf8.RuneError {
			return pair
		}
		p.at = back
	}
	return utf8.RuneError
}

func (p *parser) hex() rune {
	if len(p.data)-p.at < 4 {
		panic(errUnusual)
	}
	var r rune
	for _, c := range p.data[p.at : p.at+4] {
		i := strings.IndexByte("0123456789abcdef", c|0x20)
		if i < 0 || c < '0' {
			panic(errUnusual)
		}
		r = r<<4 | rune(i)
	}
	p.at += 4
	return r
}

// skip passes over a value that is none of ours. A name that encoding/json would take for one of ours, though it is written in
// another way, is unusual.
func (p *parser) skip(name string, ours ...string) {
	if slices.ContainsFunc(ours, func(o string) bool { return strings.EqualFold(o, name) }) {
		panic(errUnusual)
	}
	p.value(0)
}

func (p *parser) value(depth int) {
	if depth > maxDepth {
		panic(errUnusual)
	}
	p.space()
	switch {
	case p.at == len(p.data):
		panic(errUnusual)
	case p.data[p.at] == '"':
		p.text()
	case p.data[p.at] == '{':
		// Names may come twice in what is none of ours.
		p.list('}', func() {
			p.space()
			p.text()
			p.want(':')
			p.value(depth + 1)
		})
	case p.data[p.at] == '[':
		p.list(']', func() { p.value(depth + 1) })
	case p.is("null"), p.is("true"), p.is("false"):
	default:
		begin := p.at
		for p.at < len(p.data) && strings.IndexByte("+-.0123456789eE", p.data[p.at]) >= 0 {
			p.at++
		}
		if !json.Valid(p.data[begin:p.at]) {
			panic(errUnusual)
		}
	}
}

func (p *parser) list(end byte, one func()) {
	p.at++
	if p.is(string(end)) {
		return
	}
	for {
		one()
		switch p.next() {
		case end:
			return
		case ',':
		default:
			panic(errUnusual)
		}
	}
}
