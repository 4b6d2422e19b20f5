package upgrade

import (
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"k8s.io/client-go/rest"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/event"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/kube"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/preflight"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
	"github.com/kubectl-upgrade/kubectl-upgrade/test/apiserver"
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

// TestRightsToCheck: a check asks for nothing that an upgrade does not, and without hosts for nothing that changes something.
func TestRightsToCheck(t *testing.T) {
	for _, hosts := range []bool{false, true} {
		for _, a := range RightsToCheck(hosts) {
			if !hosts && a.Verb != "get" && a.Verb != "list" {
				t.Errorf("without hosts it asks for %s", a)
			}
			if !slices.ContainsFunc(Rights(false), func(o kube.Access) bool {
				anywhere := o
				anywhere.Namespace = a.Namespace
				return o == a || o.Namespace == "" && anywhere == a
			}) {
				t.Errorf("with hosts %t it asks for %s, which no upgrade needs", hosts, a)
			}
			if a.Verb == "patch" || a.Subresource == "eviction" {
				t.Errorf("with hosts %t it asks for %s", hosts, a)
			}
		}
	}
}

// TestCheckNamesRightsThatAreMissing asks a real API server as somebody who may do nothing: all that he lacks is named at once.
func TestCheckNamesRightsThatAreMissing(t *testing.T) {
	config := rest.CopyConfig(apiserver.Start(t))
	config.Impersonate = rest.ImpersonationConfig{UserName: "nobody"}
	client, err := kube.NewForConfig(config, "")
	if err != nil {
		t.Fatal(err)
	}
	u := New(client, Options{To: version.MustParse("v1.34.4")}, event.SinkFunc(func(event.Event) {}))
	p, err := u.Check(t.Context())
	if _, ok := errors.AsType[*BlockedError](err); !ok {
		t.Fatalf("%v, want a finding", err)
	}
	if len(p.Findings) != len(RightsToCheck(false)) {
		t.Errorf("%d findings: %+v", len(p.Findings), p.Findings)
	}
	for _, f := range p.Findings {
		if f.ID != "rights" || f.Severity != preflight.Error || !strings.HasPrefix(f.Message, "it may not ") {
			t.Errorf("%+v", f)
		}
	}
}

func words(rights []kube.Access) []string {
	out := make([]string, 0, len(rights))
	for _, r := range rights {
		out = append(out, r.String())
	}
	return out
}
