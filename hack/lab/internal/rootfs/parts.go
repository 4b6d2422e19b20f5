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

// shellFiles are the parts of Debian that a shell and sleep need.
var shellFiles = regexp.MustCompile(`^(bin|sbin|lib|lib64|usr|usr/s?bin|usr/lib|usr/lib64|usr/lib/[^/]+-linux-gnu|` +
	`usr/bin/(sh|dash|sleep)|usr/lib64/ld-linux.*|usr/lib/[^/]+-linux-gnu/(ld-linux|libc)[-.].*)$`)

// IPTables returns the parts of the base file system that kube-proxy needs as an image layer, with a name for its content.
func IPTables(base string) ([]byte, string, error) { return part(base, iptablesFiles) }

// Shell returns the parts of the base file system that a shell needs, in the same way.
func Shell(base string) ([]byte, string, error) { return part(base, shellFiles) }

func part(base string, files *regexp.Regexp) ([]byte, string, error) {
	var b bytes.Buffer
	if err := pick(base, files, &b); err != nil {
		return nil, "", fmt.Errorf("make layer of %s: %w", filepath.Base(base), err)
	}
	return b.Bytes(), hash(filepath.Base(base), files.String()), nil
}

func pick(base string, files *regexp.Regexp, to io.Writer) error {
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
		if !files.MatchString(strings.TrimSuffix(h.Name, "/")) {
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
