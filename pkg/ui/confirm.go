package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// ErrNotTerminal means that there is nobody to ask.
var ErrNotTerminal = errors.New("standard input is not a terminal")

// Confirm asks a question whose default answer is no. When in is no terminal it asks nothing and returns ErrNotTerminal.
// It returns the cause as soon as ctx ends; the reader that waits for input is left behind then, since nothing can wake it.
func Confirm(ctx context.Context, in io.Reader, out io.Writer, terminal bool, question string) (bool, error) {
	if !terminal {
		return false, ErrNotTerminal
	}
	if _, err := fmt.Fprintf(out, "%s [y/N] ", question); err != nil {
		return false, fmt.Errorf("ask for confirmation: %w", err)
	}
	type answer struct {
		text string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		text, err := bufio.NewReader(in).ReadString('\n')
		answers <- answer{text, err}
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(out)
		return false, context.Cause(ctx)
	case a := <-answers:
		switch {
		case errors.Is(a.err, io.EOF): // Ctrl-D is an answer too, and needs the end of the line that the user did not type
			_, _ = fmt.Fprintln(out)
			return false, nil
		case a.err != nil:
			return false, fmt.Errorf("read confirmation: %w", a.err)
		}
		switch strings.ToLower(strings.TrimSpace(a.text)) {
		case "y", "yes":
			return true, nil
		}
		return false, nil
	}
}
