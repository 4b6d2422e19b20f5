package ui

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func TestConfirm(t *testing.T) {
	for in, want := range map[string]bool{
		"y\n": true, "YES\r\n": true, "yes \n": true, "\n": false, "n\n": false, "yeah\n": false, "": false, "y": false,
	} {
		var out bytes.Buffer
		got, err := Confirm(t.Context(), strings.NewReader(in), &out, true, "Upgrade?")
		if err != nil || got != want {
			t.Errorf("%q: got %t, %v; want %t", in, got, err, want)
		}
		if !strings.HasPrefix(out.String(), "Upgrade? [y/N] ") {
			t.Errorf("%q: asked %q", in, out.String())
		}
	}
}

func TestConfirmAsksNobodyWithoutATerminal(t *testing.T) {
	var out bytes.Buffer
	ok, err := Confirm(t.Context(), strings.NewReader("y\n"), &out, false, "Upgrade?")
	if ok || !errors.Is(err, ErrNotTerminal) || out.Len() > 0 {
		t.Errorf("got %t, %v, output %q; want ErrNotTerminal and no output", ok, err, out.String())
	}
}

func TestConfirmFails(t *testing.T) {
	broken := errors.New("broken")
	if ok, err := Confirm(t.Context(), iotest.ErrReader(broken), io.Discard, true, "Upgrade?"); ok || !errors.Is(err, broken) {
		t.Errorf("got %t, %v; want the reader's error", ok, err)
	}
}

func TestConfirmEndsWithItsContext(t *testing.T) {
	in, _ := io.Pipe() // nobody types
	stop := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(stop)
	if ok, err := Confirm(ctx, in, io.Discard, true, "Upgrade?"); ok || !errors.Is(err, stop) {
		t.Errorf("got %t, %v; want the context's cause", ok, err)
	}
}
