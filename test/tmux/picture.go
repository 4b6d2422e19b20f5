package tmux

import (
	"fmt"
	"strings"
)

// Picture tells what is wrong with a screen on which the picture of a run stands, if anything: a second one, whole or in part, is what an earlier
// picture has left. The title is how the picture's first line begins; phases are the titles of phases, each of which a picture has once at most.
func Picture(screen []string, title string, phases []string) error {
	from := -1
	for i, l := range screen {
		if strings.HasPrefix(l, title) && !strings.Contains(l, ":") {
			if from >= 0 {
				return fmt.Errorf("lines %d and %d both begin a picture:\n%s", from+1, i+1, strings.Join(screen, "\n"))
			}
			from = i
		}
	}
	if from < 0 {
		return nil // it has not begun
	}
	for _, p := range phases {
		n := 0
		for _, l := range screen[from:] {
			// A mark and a space stand before the title of a phase.
			if _, rest, ok := strings.Cut(strings.TrimLeft(l, " "), " "); ok && (rest == p || strings.HasPrefix(rest, p+"  ")) {
				n++
			}
		}
		if n > 1 {
			return fmt.Errorf("phase %q is drawn %d times:\n%s", p, n, strings.Join(screen, "\n"))
		}
	}
	return nil
}
