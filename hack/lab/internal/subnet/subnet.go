// Package subnet chooses networks and addresses. It is pure.
package subnet

import (
	"fmt"
	"net/netip"
)

// Choose returns the wanted prefix, or the next one of its size within the same /16 that overlaps nothing taken.
func Choose(want netip.Prefix, taken []netip.Prefix) (netip.Prefix, error) {
	want = want.Masked()
	if !want.Addr().Is4() || want.Bits() < 17 || want.Bits() > 28 {
		return netip.Prefix{}, fmt.Errorf("choose subnet: %s is not an IPv4 prefix of 17 to 28 bits", want)
	}
	base := want.Addr().As4()
	start := uint32(base[2])<<8 | uint32(base[3])
	size := uint32(1) << (32 - want.Bits())
	for off := uint32(0); off < 1<<16; off += size {
		low := (start + off) % (1 << 16)
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{base[0], base[1], byte(low >> 8), byte(low)}), want.Bits())
		if free(p, taken) {
			return p, nil
		}
	}
	return netip.Prefix{}, fmt.Errorf("choose subnet: nothing is free around %s", want)
}

func free(p netip.Prefix, taken []netip.Prefix) bool {
	for _, t := range taken {
		if p.Overlaps(t) {
			return false
		}
	}
	return true
}

// Host returns the n-th address of a prefix.
func Host(p netip.Prefix, n int) netip.Addr {
	a := p.Masked().Addr()
	for range n {
		a = a.Next()
	}
	return a
}

// PodRange returns the /24 of the n-th node within the pod subnet.
func PodRange(pods netip.Prefix, n int) (netip.Prefix, error) {
	if !pods.Addr().Is4() || pods.Bits() > 24 || n >= 1<<(24-pods.Bits()) {
		return netip.Prefix{}, fmt.Errorf("choose pod range %d: %s has no such /24", n, pods)
	}
	b := pods.Masked().Addr().As4()
	v := (uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8) + uint32(n)<<8
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(v >> 24), byte(v >> 16), byte(v >> 8), 0}), 24), nil
}
