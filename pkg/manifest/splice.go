package manifest

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

// splice replaces the bytes from start to end.
type splice struct {
	start, end int
	text       string
}

// apply does all splices; those at one place keep their order.
func apply(text []byte, splices []splice) ([]byte, error) {
	slices.SortStableFunc(splices, func(a, b splice) int { return cmp.Or(cmp.Compare(a.start, b.start), cmp.Compare(a.end, b.end)) })
	var out bytes.Buffer
	at := 0
	for _, s := range splices {
		if s.start < at || s.end < s.start || s.end > len(text) {
			return nil, errors.New("two changes are at one place")
		}
		out.Write(text[at:s.start])
		out.WriteString(s.text)
		at = s.end
	}
	out.Write(text[at:])
	return out.Bytes(), nil
}

// op is one step from a list of words to another.
type op struct {
	// old and now are indexes; -1 where a word is added after the old ones so far, or removed.
	old, now int
	same     bool
}

// script finds the way from one list to another that keeps the most, and replaces rather than removes and adds.
func script(old, now []string) []op {
	// longest[i][j] is the length of the longest common subsequence of old[i:] and now[j:].
	longest := make([][]int, len(old)+1)
	for i := range longest {
		longest[i] = make([]int, len(now)+1)
	}
	for i, o := range slices.Backward(old) {
		for j, n := range slices.Backward(now) {
			if o == n {
				longest[i][j] = longest[i+1][j+1] + 1
			} else {
				longest[i][j] = max(longest[i+1][j], longest[i][j+1])
			}
		}
	}
	var out []op
	var gone, come []int
	flush := func() {
		for len(gone) > 0 && len(come) > 0 {
			out, gone, come = append(out, op{old: gone[0], now: come[0]}), gone[1:], come[1:]
		}
		for _, i := range gone {
			out = append(out, op{old: i, now: -1})
		}
		for _, j := range come {
			out = append(out, op{old: -1, now: j})
		}
		gone, come = nil, nil
	}
	i, j := 0, 0
	for i < len(old) || j < len(now) {
		switch {
		case i < len(old) && j < len(now) && old[i] == now[j]:
			flush()
			out = append(out, op{i, j, true})
			i, j = i+1, j+1
		case j == len(now) || i < len(old) && longest[i+1][j] >= longest[i][j+1]:
			gone, i = append(gone, i), i+1
		default:
			come, j = append(come, j), j+1
		}
	}
	flush()
	return out
}
