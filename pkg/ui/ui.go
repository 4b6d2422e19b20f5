// Package ui shows a run to a person while it goes on: as a live tree on a terminal, as lines everywhere else.
// Both views fold the same events into the same Model; neither reads the keyboard, so that Ctrl-C stays the caller's.
package ui

import (
	"cmp"
	"io"
	"os"
	"runtime"
	"strings"

	"golang.org/x/term"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// View shows events. It must be closed, so that the terminal is left in order.
type View interface {
	event.Sink
	// Pause takes the view off the screen while f writes to it, or asks something there. Events are kept until f returns.
	Pause(f func())
	// Close shows what was kept back. The last picture of a run stays.
	Close()
}

// Options are what a view does not find out by itself.
type Options struct {
	// Verbose shows the output of host commands as lines, which a tree has no room for.
	Verbose bool
	// Getenv is os.Getenv.
	Getenv func(string) string
}

// New chooses the view for a writer: the tree when it is a terminal on which a person may be looking.
func New(w io.Writer, o Options) View {
	f, ok := w.(*os.File)
	if !ok || o.Verbose || !live(printers.IsTerminal(w), runtime.GOOS, o.Getenv) {
		return NewPlain(w, o.Verbose)
	}
	look := Look{ASCII: !utf8Locale(o.Getenv)}
	if printers.AllowsColorOutput(w) {
		look.Palette = Colours()
	}
	return NewTree(w, func() (int, int) {
		width, height, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 || height <= 0 {
			return 80, 24
		}
		return width, height
	}, look, continued())
}

// live tells whether pictures can be redrawn in place.
func live(terminal bool, goos string, getenv func(string) string) bool {
	// CI systems set CI, and some of them give a terminal although nobody looks and all is kept as a log.
	if ci := getenv("CI"); !terminal || ci != "" && ci != "false" {
		return false
	}
	// The old console of Windows prints escape sequences as text; the new one can be told by this variable.
	if goos == "windows" {
		return getenv("WT_SESSION") != ""
	}
	return getenv("TERM") != "dumb" && getenv("TERM") != ""
}

// utf8Locale follows the order in which the C library looks. No locale at all is the C locale, except where UTF-8 needs no saying.
func utf8Locale(getenv func(string) string) bool {
	locale := cmp.Or(getenv("LC_ALL"), getenv("LC_CTYPE"), getenv("LANG"))
	if locale == "" {
		return runtime.GOOS == "windows" || runtime.GOOS == "darwin"
	}
	locale = strings.ToLower(locale)
	return strings.Contains(locale, "utf-8") || strings.Contains(locale, "utf8")
}
