package apt

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
)

// Edits gives the line edits that make sources offer a minor; there are none when one of them does already or none names a minor.
// Only entries of the newest minor there is are switched: an older entry that was left behind would become a duplicate.
func Edits(files map[string][]byte, kubernetes []Source, minor string) []hostaction.FileEdit {
	newest := ""
	for _, s := range kubernetes {
		if s.Minor == minor {
			return nil
		}
		if s.Minor != "" && compareMinor(s.Minor, newest) > 0 {
			newest = s.Minor
		}
	}
	var out []hostaction.FileEdit
	for _, s := range kubernetes {
		if newest == "" || s.Minor != newest {
			continue
		}
		before := strings.TrimRight(lines(files[s.File])[s.line], "\r\n")
		e := hostaction.FileEdit{File: s.File, Before: before, After: switchLine(before, newest, minor)}
		if !slices.Contains(out, e) {
			out = append(out, e)
		}
	}
	slices.SortStableFunc(out, func(a, b hostaction.FileEdit) int { return cmp.Compare(a.File, b.File) })
	return out
}

// switchLine replaces the minor's path segment in the URLs of a line and nothing else of it.
func switchLine(line, from, to string) string {
	for _, v := range []string{"v", ""} {
		line = strings.ReplaceAll(line+"\n", "/"+v+from+"/", "/"+v+to+"/")
		for _, end := range []string{" ", "\t", "\n", "\r"} { // a URL that ends with the segment
			line = strings.ReplaceAll(line, "/"+v+from+end, "/"+v+to+end)
		}
		line = strings.TrimSuffix(line, "\n")
	}
	return line
}

// Apply makes the edits of one file; every other byte stays. An edit whose line is not there is an error: the file has changed since.
func Apply(file string, content []byte, edits []hostaction.FileEdit) ([]byte, error) {
	all := lines(content)
	for _, e := range edits {
		if e.File != file {
			continue
		}
		found := false
		for i, l := range all {
			text := strings.TrimRight(l, "\r\n")
			if text == e.Before {
				all[i] = e.After + l[len(text):]
				found = true
			}
		}
		if !found {
			return nil, fmt.Errorf("edit %s: it has no line %q", file, e.Before)
		}
	}
	return []byte(strings.Join(all, "")), nil
}

// Extract gives the part of a file that holds the entries, so that only they are fetched anew.
func Extract(content []byte, entries []Source) []byte {
	all := lines(content)
	var b strings.Builder
	done := map[int]bool{}
	for _, s := range entries {
		if done[s.first] {
			continue
		}
		done[s.first] = true
		for i := s.first; i <= s.last; i++ {
			b.WriteString(all[i])
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// Drop gives a file without the entries. Lines that belong to none of them stay.
func Drop(content []byte, entries []Source) []byte {
	gone := map[int]bool{}
	for _, s := range entries {
		for i := s.first; i <= s.last; i++ {
			gone[i] = true
		}
	}
	var b strings.Builder
	for i, l := range lines(content) {
		if !gone[i] {
			b.WriteString(l)
		}
	}
	return []byte(b.String())
}

func compareMinor(a, b string) int {
	return cmp.Compare(minorNumber(a), minorNumber(b))
}

func minorNumber(s string) int {
	var major, minor int
	if n, _ := fmt.Sscanf(s, "%d.%d", &major, &minor); n != 2 {
		return -1
	}
	return major*1000 + minor
}
