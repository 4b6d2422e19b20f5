package rootfs

import (
	"archive/tar"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// iptablesFiles are the parts of Debian that kube-proxy's image needs: iptables in both its forms, conntrack, and the
// libraries they load.
var iptablesFiles = regexp.MustCompile(`^(bin|sbin|lib|lib64|usr|usr/s?bin|usr/lib|usr/lib64|etc|etc/alternatives|usr/lib/[^/]+-linux-gnu|` +
	`etc/alternatives/ip6?tables.*|usr/sbin/(xtables-.*|ip6?tables.*|conntrack)|usr/lib64/ld-linux.*|` +
	`usr/lib/[^/]+-linux-gnu/(xtables(/.*)?|(ld-linux|libc|libm|libxtables|libmnl|libnftnl|libnetfilter_conntrack|libnfnetlink|libip[46]tc)[-.].*))$`)

// IPTables returns those parts of the base file system as an image layer, with a name for its content.
func IPTables(base string) ([]byte, string, error) {
	var b bytes.Buffer
	if err := iptables(base, &b); err != nil {
		return nil, "", fmt.Errorf("make iptables layer: %w", err)
	}
	return b.Bytes(), hash(filepath.Base(base), iptablesFiles.String()), nil
}

func iptables(base string, to io.Writer) error {
	f, err := os.Open(base)
	if err != nil {
		return fmt.Errorf("open base file system: %w", err)
	}
	defer f.Close()
	in, out := tar.NewReader(f), tar.NewWriter(to)
	for {
		h, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("read base file system: %w", err)
		}
		h.Name = strings.TrimPrefix(h.Name, "./")
		if !iptablesFiles.MatchString(strings.TrimSuffix(h.Name, "/")) {
			continue
		}
		if h.Typeflag == tar.TypeLink {
			h.Linkname = strings.TrimPrefix(h.Linkname, "./")
		}
		if err := out.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
	}
	return out.Close()
}
