package version

import "testing"

func FuzzParse(f *testing.F) {
	f.Add("v1.34.2-rc.1+k3s1")
	f.Fuzz(func(t *testing.T, s string) {
		v, err := Parse(s)
		if err != nil || v.IsZero() {
			return
		}
		if again, err := Parse(v.String()); err != nil || again != v {
			t.Errorf("%q is %+v, whose %q is %+v, %v", s, v, v, again, err)
		}
	})
}

func FuzzOfPackage(f *testing.F) {
	f.Add("1:1.36.0~rc.1-1.1")
	f.Fuzz(func(t *testing.T, full string) {
		if v, ok := OfPackage(full); !ok && v != (Version{}) {
			t.Errorf("%q is no version and %s", full, v)
		}
	})
}
