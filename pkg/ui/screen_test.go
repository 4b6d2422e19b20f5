package ui

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
)

// terminal understands what a screen writes, as a real one does: it wraps and scrolls.
type terminal struct {
	t             *testing.T
	mu            sync.Mutex // the view draws while a test looks
	width, height int
	rows          [][]rune
	x, y          int // y counts from the first row ever
	writes        int
}

func newTerminal(t *testing.T, width, height int) *terminal {
	t.Helper()
	return &terminal{t: t, width: width, height: height, rows: [][]rune{nil}}
}

func (m *terminal) size() (int, int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.width, m.height
}

func (m *terminal) grow(n int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.height += n
}

func (m *terminal) pictures() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.writes
}

func (m *terminal) Write(p []byte) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	s := string(p)
	for s != "" {
		if rest, ok := strings.CutPrefix(s, "\x1b["); ok {
			n := strings.IndexFunc(rest, func(r rune) bool { return r >= 0x40 && r <= 0x7e })
			m.control(rest[:n], rest[n])
			s = rest[n+1:]
			continue
		}
		r := []rune(s)[0]
		s = s[len(string(r)):]
		m.put(r)
	}
	return len(p), nil
}

func (m *terminal) control(args string, final byte) {
	switch final {
	case 'A':
		var n int
		if _, err := fmt.Sscan(args, &n); err != nil {
			m.t.Fatalf("cursor up %q: %v", args, err)
		}
		m.y = max(m.y-n, len(m.rows)-m.height, 0)
	case 'K':
		m.rows[m.y] = m.rows[m.y][:min(m.x, len(m.rows[m.y]))]
	case 'J':
		m.rows = m.rows[:m.y+1]
		m.control("", 'K')
	case 'm', 'h', 'l':
	default:
		m.t.Fatalf("unknown control sequence %q", args+string(final))
	}
}

func (m *terminal) put(r rune) {
	switch {
	case r == '\r':
		m.x = 0
		return
	case r == '\n':
		m.x = 0
		m.down()
		return
	case r < ' ':
		m.t.Fatalf("control character %q reaches the terminal", r)
	}
	if m.x+cells(r) > m.width {
		m.x = 0
		m.down()
	}
	row := m.rows[m.y]
	for len(row) <= m.x+cells(r)-1 {
		row = append(row, ' ')
	}
	row[m.x] = r
	m.rows[m.y] = row
	m.x += cells(r)
}

func (m *terminal) down() {
	m.y++
	for m.y >= len(m.rows) {
		m.rows = append(m.rows, nil)
	}
}

func (m *terminal) text() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var b strings.Builder
	for _, r := range m.rows {
		b.WriteString(strings.TrimRight(string(r), " ") + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// Whatever happens in whatever order, the screen has the lines that stay, then exactly the last picture, and nothing of older ones.
func TestTreeLeavesNothingBehind(t *testing.T) {
	for seed := range uint64(12) {
		synctest.Test(t, func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 1))
			term := newTerminal(t, 30+rnd.IntN(60), 4+rnd.IntN(30))
			view := NewTree(term, term.size, Look{}, nil)
			shape := tree(10)
			view.Emit(event.RunStarted{Time: time.Now(), Tree: shape})
			var stay []string
			model := Model{}
			model.Apply(event.RunStarted{Time: time.Now(), Tree: shape})
			for i, s := range model.all() {
				for _, e := range []event.Event{
					event.StepStarted{Time: time.Now(), ID: s.ID},
					event.StepWaiting{Time: time.Now(), ID: s.ID, For: strings.Repeat("世界 pod ", rnd.IntN(12)) + "\x1b[2Jx\r\a"},
				} {
					view.Emit(e)
					time.Sleep(time.Duration(rnd.IntN(900)) * time.Millisecond)
				}
				switch rnd.IntN(4) {
				case 0:
					note := fmt.Sprintf("note %d %s", i, strings.Repeat("long ", rnd.IntN(30)))
					view.Emit(event.Notice{Time: time.Now(), Text: note})
					stay = append(stay, fmt.Sprintf("note %d", i))
				case 1:
					view.Pause(func() { _, _ = fmt.Fprintf(term, "paused %d\n", i); time.Sleep(3 * time.Second) })
					stay = append(stay, fmt.Sprintf("paused %d", i))
				case 2: // only ever higher: what a shrinking window pushes out of its top cannot be reached any more
					term.grow(rnd.IntN(5))
				}
				view.Emit(event.StepFinished{Time: time.Now(), ID: s.ID, State: event.Done, Took: time.Second})
			}
			view.Emit(event.RunFinished{Time: time.Now(), Took: time.Minute})
			view.Close()
			view.Close()

			got := term.text()
			want := strings.Join(Look{}.Frame(&view.model, term.width, term.height-1, view.model.Ended), "\n")
			if !strings.HasSuffix(got, want) {
				t.Fatalf("seed %d: screen ends with\n%s\nwant\n%s", seed, got, want)
			}
			if n := strings.Count(got, "Upgrade v1.33.1"); n != 1 {
				t.Errorf("seed %d: %d pictures on the screen, want 1:\n%s", seed, n, got)
			}
			for _, s := range stay {
				n := strings.Count(got, s+" ") + strings.Count(got, s+"\n")
				if n != 1 {
					t.Errorf("seed %d: %q stands %d times, want once:\n%s", seed, s, n, got)
				}
			}
			if term.x != 0 {
				t.Errorf("seed %d: cursor left in column %d", seed, term.x)
			}
		})
	}
}

// A window that gets narrower wraps the picture that stands; all of its rows have to be found again.
func TestScreenNarrowed(t *testing.T) {
	term := newTerminal(t, 40, 20)
	s := screen{w: term, size: term.size}
	s.show(nil, []string{strings.Repeat("a", 39), paint("short", "31")})
	term.width = 20
	term.rows = [][]rune{[]rune(strings.Repeat("a", 20)), []rune(strings.Repeat("a", 19)), []rune("short"), nil}
	term.y = 3
	s.show(nil, []string{"new"})
	if got := term.text(); got != "new" {
		t.Errorf("screen shows %q, want only the new picture", got)
	}
}

func TestScreenSkipsEqualPictures(t *testing.T) {
	term := newTerminal(t, 40, 20)
	s := screen{w: term, size: term.size}
	for range 3 {
		s.show(nil, []string{"same"})
	}
	if term.writes != 1 {
		t.Errorf("%d writes for equal pictures, want 1", term.writes)
	}
}
