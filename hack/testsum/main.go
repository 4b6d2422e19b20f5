// Command testsum reads what "go test -json" writes and prints what a person wants of it: one line per package, the whole
// output of what failed, and at the end "N passed, N failed". It exits with 1 when anything failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"
)

func main() { os.Exit(run(os.Stdin, os.Stdout)) }

// line is one line of "go test -json"; see "go doc test2json" and "go help buildjson".
type line struct {
	Action, Package, ImportPath, Test, Output string
	Elapsed                                   float64
	FailedBuild                               string
}

// summary counts tests. What fails without a test, such as a package that does not compile, counts as one.
type summary struct {
	out            io.Writer
	passed, failed int
	output         map[string][]string // by package and test
	failures       map[string]int      // tests that failed, by package
}

func run(in io.Reader, out io.Writer) int {
	s := summary{out: out, output: map[string][]string{}, failures: map[string]int{}}
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 64<<20)
	seen := false
	for lines.Scan() {
		var l line
		if err := json.Unmarshal(lines.Bytes(), &l); err != nil {
			fmt.Fprintln(out, lines.Text()) // words of the go command itself
			continue
		}
		seen = true
		s.add(l)
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(out, "testsum:", err)
		s.failed++
	}
	if !seen {
		fmt.Fprintln(out, "testsum: no test result was read")
		s.failed++
	}
	fmt.Fprintf(out, "%d passed, %d failed\n", s.passed, s.failed)
	if s.failed > 0 {
		return 1
	}
	return 0
}

func (s *summary) add(l line) {
	key := l.Package + l.ImportPath + " " + l.Test
	switch l.Action {
	case "output", "build-output":
		s.output[key] = append(s.output[key], l.Output)
	case "pass", "skip":
		if l.Test == "" {
			if l.Action == "pass" {
				s.tell("ok", l)
			}
			break
		}
		if l.Action == "pass" {
			s.passed++
		} else {
			s.print(key) // why it was skipped
		}
	case "fail":
		s.fail(key, l)
	}
	switch l.Action {
	case "pass", "skip", "fail":
		delete(s.output, key)
	}
}

func (s *summary) fail(key string, l line) {
	if l.Test != "" {
		s.failed++
		s.failures[l.Package]++
		s.print(key)
		return
	}
	s.tell("FAIL", l)
	if s.failures[l.Package] > 0 {
		return
	}
	s.failed++
	s.print(l.FailedBuild + " ")
	s.print(key)
}

func (s *summary) print(key string) {
	for _, o := range s.output[key] {
		fmt.Fprint(s.out, "    ", o)
	}
}

func (s *summary) tell(word string, l line) {
	took := time.Duration(l.Elapsed * float64(time.Second)).Round(10 * time.Millisecond)
	fmt.Fprintf(s.out, "%-4s %s %s\n", word, l.Package, took)
}
