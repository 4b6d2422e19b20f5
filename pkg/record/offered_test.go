package record

import (
	"slices"
	"testing"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func TestOffered(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	const one, other = "https://10.0.0.1:6443", "https://10.0.0.2:6443"
	if got, err := Offered(one); err != nil || got != nil {
		t.Errorf("before anything was kept: %v, %v", got, err)
	}
	for server, minors := range map[string]map[string][]string{
		one:   {"1.33": {"1.33.9-1.1"}, "1.34": {"1.34.10-1.1", "1.34.2-1.2", "1.34.2-1.1", "what?"}},
		other: {"1.14": {"1.14.0-00"}},
	} {
		if err := KeepOffered(server, minors); err != nil {
			t.Fatal(err)
		}
	}
	want := []version.Version{version.MustParse("1.34.10"), version.MustParse("1.34.2"), version.MustParse("1.33.9")}
	if got, err := Offered(one); err != nil || !slices.Equal(got, want) {
		t.Errorf("Offered = %v, %v, want %v", got, err, want)
	}
	if err := KeepOffered(one, nil); err != nil {
		t.Fatal(err)
	}
	if got, err := Offered(one); err != nil || len(got) != 0 {
		t.Errorf("after nothing was offered any more: %v, %v", got, err)
	}
}
