package main

import (
	"testing"
	"time"
)

func TestTotals(t *testing.T) {
	start := time.Unix(100, 0)
	c := &totals{lastGood: start}
	c.good(start.Add(200 * time.Millisecond))
	c.bad(start.Add(1200 * time.Millisecond))
	c.good(start.Add(1700 * time.Millisecond))
	c.good(start.Add(1900 * time.Millisecond))
	if got, want := c.String(), "requests=4 failed=1 longest_gap_ms=1500"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
