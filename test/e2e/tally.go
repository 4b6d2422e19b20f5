package main

import (
	"fmt"
	"strings"
	"time"
)

// tally counts what was proven and what was not. Later checks go on after a failure.
type tally struct {
	passed, failed int
	lines          []string
}

// check runs one proof and prints how it went.
func (t *tally) check(name string, proof func() error) bool {
	began := time.Now()
	if err := proof(); err != nil {
		t.fail(name, err)
		return false
	}
	t.passed++
	fmt.Printf("ok %s (%s)\n", name, time.Since(began).Round(100*time.Millisecond))
	return true
}

func (t *tally) fail(name string, err error) {
	t.failed++
	fmt.Printf("FAIL %s: %s\n", name, strings.ReplaceAll(strings.TrimSpace(err.Error()), "\n", "\n    "))
}

// figure keeps a measurement, to be printed at the end.
func (t *tally) figure(name string, value any, unit string) {
	t.lines = append(t.lines, fmt.Sprintf("figure %s %v %s", name, value, unit))
}

func (t *tally) figures() {
	for _, l := range t.lines {
		fmt.Println(l)
	}
}
