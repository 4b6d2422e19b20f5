// Package version holds Kubernetes version values and the arithmetic on them
// that upgrades need: order, minor distance and the way from one to another.
// It is pure: it imports no client, no os and no clock.
package version

import (
	"cmp"
	"fmt"
	"strings"

	utilversion "k8s.io/apimachinery/pkg/util/version"
)

// Version is one Kubernetes release. The zero value means "not known".
type Version struct {
	Major, Minor, Patch int
	// Pre is the pre-release part without its dash, such as "rc.1"; empty for a release.
	Pre string
}

// Parse reads a full version, with or without the leading v ("v1.34.2", "1.34.2", "v1.35.0-rc.1").
// Build metadata ("+k3s1") is dropped. A version without a patch is an error: the caller has to know which patch is meant.
func Parse(s string) (Version, error) {
	v, err := utilversion.ParseSemantic(s)
	if err != nil {
		return Version{}, fmt.Errorf("parse version %q: want MAJOR.MINOR.PATCH such as v1.34.2", s)
	}
	return Version{Major: int(v.Major()), Minor: int(v.Minor()), Patch: int(v.Patch()), Pre: v.PreRelease()}, nil //nolint:gosec // version numbers are small
}

// MustParse is Parse for constants and tests; it panics on bad input.
func MustParse(s string) Version {
	v, err := Parse(s)
	if err != nil {
		panic(err)
	}
	return v
}

// OfPackage reads the version of a package, which has an epoch, a revision and a mark of pre-releases of its own: "1.34.2-1.1",
// "1.14.0-00", "1.36.0~rc.1-1.1".
func OfPackage(full string) (v Version, ok bool) {
	if _, after, ok := strings.Cut(full, ":"); ok {
		full = after
	}
	if i := strings.LastIndexByte(full, '-'); i >= 0 {
		full = full[:i]
	}
	v, err := Parse(strings.Replace(full, "~", "-", 1))
	return v, err == nil
}

// IsZero tells whether the version is not known.
func (v Version) IsZero() bool { return v == Version{} }

// String gives the version as Kubernetes writes it: "v1.34.2".
func (v Version) String() string {
	if v.IsZero() {
		return "unknown"
	}
	return "v" + v.Bare()
}

// Bare gives the version as packages write it, without the v: "1.34.2".
func (v Version) Bare() string {
	s := fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
	if v.Pre != "" {
		s += "-" + v.Pre
	}
	return s
}

// MinorString gives the minor release, as repositories and config maps name it: "1.34".
func (v Version) MinorString() string { return fmt.Sprintf("%d.%d", v.Major, v.Minor) }

// Compare orders versions by semantic versioning: -1, 0 or 1.
func (v Version) Compare(o Version) int {
	if c := cmp.Or(cmp.Compare(v.Major, o.Major), cmp.Compare(v.Minor, o.Minor), cmp.Compare(v.Patch, o.Patch)); c != 0 {
		return c
	}
	switch {
	case v.Pre == o.Pre:
		return 0
	case v.Pre == "":
		return 1
	case o.Pre == "":
		return -1
	}
	c, err := utilversion.MustParseSemantic(v.Bare()).Compare(o.Bare())
	if err != nil {
		return strings.Compare(v.Pre, o.Pre)
	}
	return c
}

// Less tells whether v is older than o.
func (v Version) Less(o Version) bool { return v.Compare(o) < 0 }

// SameMinor tells whether both are of one minor release.
func (v Version) SameMinor(o Version) bool { return v.Major == o.Major && v.Minor == o.Minor }

// MinorsTo gives how many minors lie between v and o; negative when o is older.
func (v Version) MinorsTo(o Version) int {
	return (o.Major-v.Major)*1000 + o.Minor - v.Minor
}

// MarshalText writes the version as String does; the zero value is empty.
func (v Version) MarshalText() ([]byte, error) {
	if v.IsZero() {
		return nil, nil
	}
	return []byte(v.String()), nil
}

// UnmarshalText reads what MarshalText wrote.
func (v *Version) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*v = Version{}
		return nil
	}
	p, err := Parse(string(b))
	if err != nil {
		return err
	}
	*v = p
	return nil
}
