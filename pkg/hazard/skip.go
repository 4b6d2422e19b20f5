package hazard

import (
	"fmt"
	"path"
	"slices"
)

// SkippableIDs are the rows in spite of which an operator may go on.
func SkippableIDs() []string {
	var out []string
	for _, h := range rows {
		if h.Severity == Skippable {
			out = append(out, h.ID)
		}
	}
	return out
}

// CheckSkips refuses what skips nothing: a word that is no row's, or only of rows that cannot be skipped.
func CheckSkips(patterns []string) error {
	for _, p := range patterns {
		if _, err := path.Match(p, ""); err != nil {
			return fmt.Errorf("%q is no pattern: %w", p, err)
		}
		var found, skippable bool
		for _, h := range rows {
			if h.is([]string{p}) {
				found, skippable = true, skippable || h.Severity == Skippable
			}
		}
		switch {
		case !found:
			return fmt.Errorf("%q is the ID of no finding that is known", p)
		case !skippable:
			return fmt.Errorf("%q cannot be skipped: with it an upgrade fails, or is not kept from going on anyway", p)
		}
	}
	return nil
}

// Skipped tells whether the operator goes on in spite of the row.
func (h Hazard) Skipped(patterns []string) bool { return h.Severity == Skippable && h.is(patterns) }

func (h Hazard) is(patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		match, err := path.Match(p, h.ID)
		return err == nil && match
	})
}
