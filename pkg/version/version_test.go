package version

import (
	"encoding/json"
	"testing"
)

func TestParse(t *testing.T) {
	for in, want := range map[string]string{
		"v1.34.2": "v1.34.2", "1.34.2": "v1.34.2", "v1.35.0-rc.1": "v1.35.0-rc.1", "v1.33.1+k3s1": "v1.33.1",
	} {
		if got, err := Parse(in); err != nil || got.String() != want {
			t.Errorf("Parse(%q) = %v, %v; want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "1.34", "v1", "newest", "1.34.x", "1.34.2.1", "-1.2.3"} {
		if got, err := Parse(in); err == nil {
			t.Errorf("Parse(%q) = %v; want an error", in, got)
		}
	}
}

func TestOrder(t *testing.T) {
	ascending := []string{"1.9.9", "1.33.13", "1.34.0-alpha.1", "1.34.0-rc.2", "1.34.0-rc.10", "1.34.0", "1.34.2", "2.0.0"}
	for i, a := range ascending {
		for j, b := range ascending {
			if got, want := MustParse(a).Less(MustParse(b)), i < j; got != want {
				t.Errorf("%s < %s: %t, want %t", a, b, got, want)
			}
		}
	}
}

func TestMinorsTo(t *testing.T) {
	if got := MustParse("1.32.13").MinorsTo(MustParse("1.35.4")); got != 3 {
		t.Errorf("1.32 to 1.35: %d minors, want 3", got)
	}
	if got := MustParse("1.35.0").MinorsTo(MustParse("1.34.9")); got != -1 {
		t.Errorf("1.35 to 1.34: %d minors, want -1", got)
	}
}

func TestJSON(t *testing.T) {
	type doc struct {
		V Version `json:"v"`
		Z Version `json:"z"`
	}
	in := doc{V: MustParse("1.34.2")}
	b, err := json.Marshal(in)
	if err != nil || string(b) != `{"v":"v1.34.2","z":""}` {
		t.Fatalf("marshal: %s, %v", b, err)
	}
	var out doc
	if err := json.Unmarshal(b, &out); err != nil || out != in {
		t.Fatalf("round trip: %+v, %v", out, err)
	}
}
