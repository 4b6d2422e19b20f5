package subnet

import (
	"net/netip"
	"testing"
)

func prefixes(texts ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, t := range texts {
		out = append(out, netip.MustParsePrefix(t))
	}
	return out
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		want  string
		taken []string
		got   string
	}{
		{"10.88.33.0/24", nil, "10.88.33.0/24"},
		{"10.88.33.7/24", nil, "10.88.33.0/24"},
		{"10.88.33.0/24", []string{"10.88.33.0/24"}, "10.88.34.0/24"},
		{"10.88.33.0/24", []string{"10.88.33.128/25", "10.88.34.0/23"}, "10.88.36.0/24"},
		{"10.88.255.0/24", []string{"10.88.255.0/24"}, "10.88.0.0/24"},
	} {
		got, err := Choose(netip.MustParsePrefix(c.want), prefixes(c.taken...))
		if err != nil || got.String() != c.got {
			t.Errorf("Choose(%s, %v) = %s, %v; want %s", c.want, c.taken, got, err, c.got)
		}
	}
	if _, err := Choose(netip.MustParsePrefix("10.88.33.0/24"), prefixes("10.0.0.0/8")); err == nil {
		t.Error("want an error when everything around is taken")
	}
	if _, err := Choose(netip.MustParsePrefix("10.0.0.0/8"), nil); err == nil {
		t.Error("want an error for a prefix that is too wide")
	}
}

func TestHostAndPodRange(t *testing.T) {
	if got := Host(netip.MustParsePrefix("10.88.33.0/24"), 11); got.String() != "10.88.33.11" {
		t.Errorf("Host: %s", got)
	}
	got, err := PodRange(netip.MustParsePrefix("10.244.0.0/16"), 3)
	if err != nil || got.String() != "10.244.3.0/24" {
		t.Errorf("PodRange: %s, %v", got, err)
	}
	if _, err := PodRange(netip.MustParsePrefix("10.244.0.0/23"), 2); err == nil {
		t.Error("want an error beyond the pod subnet")
	}
}
