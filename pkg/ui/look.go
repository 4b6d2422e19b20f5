package ui

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// Look is how pictures are drawn.
type Look struct {
	Palette Palette
	// ASCII keeps to characters that every terminal and font has.
	ASCII bool
}

// Palette has the SGR parameters of each role; the zero value has no colours.
type Palette struct {
	Title, Done, Running, Failed, Warning, Faint string
}

// Colours are the palette for terminals that have some. They are the eight that users can set to their liking.
func Colours() Palette {
	return Palette{Title: "1", Done: "32", Running: "36", Failed: "31", Warning: "33", Faint: "2"}
}

// span is text in one style. The text is clean.
type span struct{ text, style string }

// line is one line of a picture.
type line []span

// spinner turns once per second, so that a glance tells that the program lives.
const (
	spinner      = "⠋⠙⠹⠸⠼"
	spinnerASCII = `|/-\|`
)

func (l Look) mark(s event.State, now time.Time) span {
	type glyph struct{ nice, ascii, style string }
	p := l.Palette
	var g glyph
	switch s {
	case event.Done, event.Already:
		g = glyph{"✓", "+", p.Done}
	case event.Failed:
		g = glyph{"✗", "x", p.Failed}
	case event.Skipped:
		g = glyph{"–", "-", p.Faint}
	case event.Running:
		i := uint64(now.UnixMilli()/200) % 5
		g = glyph{string([]rune(spinner)[i]), string(spinnerASCII[i]), p.Running}
	default:
		g = glyph{"○", ".", p.Faint}
	}
	if l.ASCII {
		return span{g.ascii, g.style}
	}
	return span{g.nice, g.style}
}

func (l Look) ellipsis() string {
	if l.ASCII {
		return "~"
	}
	return "…"
}

// render writes a line in at most width columns, and tells how many it took. A width of 0 is no limit.
func (l Look) render(ln line, width int) (string, int) {
	total := 0
	for _, s := range ln {
		for _, r := range l.plain(s.text) {
			total += cells(r)
		}
	}
	limit, cut := total, width > 0 && total > width
	if cut {
		limit = width - 1
	}
	var b strings.Builder
	used := 0
	for _, s := range ln {
		n := 0
		text := l.plain(s.text)
		for n < len(text) {
			r, size := utf8.DecodeRuneInString(text[n:])
			if used+cells(r) > limit {
				break
			}
			used += cells(r)
			n += size
		}
		if n > 0 {
			b.WriteString(paint(text[:n], s.style))
		}
		if n < len(text) {
			break
		}
	}
	if cut {
		b.WriteString(l.ellipsis())
		used++
	}
	return b.String(), used
}

// plain replaces what ASCII has not.
func (l Look) plain(s string) string {
	if !l.ASCII {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r >= utf8.RuneSelf {
			return '?'
		}
		return r
	}, s)
}

func paint(text, style string) string {
	if style == "" {
		return text
	}
	return "\x1b[" + style + "m" + text + "\x1b[0m"
}
