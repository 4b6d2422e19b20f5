package upgrade

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
)

// TestRightsAreThoseOfTheDocumentation: operators make their roles from the page, which therefore has every right and no other.
func TestRightsAreThoseOfTheDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/permissions.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, "|")
		if len(cells) != 6 || strings.Contains(line, "---") || strings.Contains(line, "| verbs |") {
			continue
		}
		where := strings.Trim(cells[1], " `")
		if where == "cluster" {
			where = ""
		}
		for resource := range strings.SplitSeq(cells[2], ",") {
			name, group, _ := strings.Cut(strings.TrimSpace(resource), ".")
			name, sub, _ := strings.Cut(name, "/")
			for verb := range strings.SplitSeq(cells[3], ",") {
				want = append(want, kube.Access{Verb: strings.TrimSpace(verb), Group: group, Resource: name, Subresource: sub, Namespace: where}.String())
			}
		}
	}
	got := words(Rights(true))
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("Rights are\n  %s\nthe page has\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestOnlyADrainWithoutEvictionDeletesPods(t *testing.T) {
	if have := words(Rights(false)); slices.Contains(have, "delete pods") {
		t.Error("a drain by eviction asks for the right to delete pods")
	}
	if have := words(Rights(true)); !slices.Contains(have, "delete pods") {
		t.Error("a drain by deletion does not ask for the right to delete pods")
	}
}

func words(rights []kube.Access) []string {
	out := make([]string, 0, len(rights))
	for _, r := range rights {
		out = append(out, r.String())
	}
	return out
}
