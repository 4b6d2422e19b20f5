package ui

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// screen replaces a picture at the bottom of a terminal by the next one.
// The cursor always rests on the line below the picture and is not hidden, so that the terminal is in order even after SIGKILL.
type screen struct {
	w    io.Writer
	size func() (width, height int)
	// drawn are the lines of the picture that stands now.
	drawn []string
}

// Lines between these two are shown at once by terminals that know them; others ignore them.
const (
	beginUpdate = "\x1b[?2026h"
	endUpdate   = "\x1b[?2026l"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
	// Some terminals keep what is cleared from the top of the window on among the lines that have scrolled away, so that no clearing begins there.
	clearPicture = clearLine + "\n" + clearBelow + "\x1b[1A"
)

// show writes lines that stay, and below them a picture, over the one that stands. It is one write, and old lines are
// overwritten rather than cleared first, so that nothing flickers.
func (s *screen) show(stay, picture []string) {
	if len(stay) == 0 && slices.Equal(picture, s.drawn) {
		return
	}
	var b strings.Builder
	b.WriteString(beginUpdate + "\r")
	n := s.rows()
	if n > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", n)
	}
	// Lines that stay may be longer than one of the terminal's, where clearing line by line would miss the rest.
	if whole := len(stay) > 0 || len(picture) == 0; whole && n > 0 {
		b.WriteString(clearPicture)
	}
	for _, l := range stay {
		b.WriteString(l + "\n")
	}
	for _, l := range picture {
		b.WriteString(l + clearLine + "\n")
	}
	if len(picture) > 0 {
		b.WriteString(clearBelow)
	}
	b.WriteString(endUpdate)
	s.drawn = picture
	// Nobody can be told that the place for telling is gone.
	_, _ = io.WriteString(s.w, b.String())
}

// leave lets the picture that stands stay for good.
func (s *screen) leave() { s.drawn = nil }

// rows is how many lines of the terminal the picture takes now: after a window got narrower, more than it has lines.
func (s *screen) rows() int {
	width, height := s.size()
	n := 0
	for _, l := range s.drawn {
		n += max(1, (visible(l)+width-1)/max(1, width))
	}
	return min(n, max(0, height-1)) // the cursor cannot go beyond the top
}

// visible is how many columns a rendered line takes. Its only escape sequences are those of paint.
func visible(s string) int {
	n := 0
	for s != "" {
		before, rest, _ := strings.Cut(s, "\x1b[")
		for _, r := range before {
			n += cells(r)
		}
		_, s, _ = strings.Cut(rest, "m")
	}
	return n
}
