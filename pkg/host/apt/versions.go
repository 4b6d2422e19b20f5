package apt

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// Madison reads `apt-cache madison`: " kubeadm | 1.34.2-1.1 | https://... Packages"; per package the versions, newest first as apt lists them.
func Madison(out string) map[string][]string {
	offered := map[string][]string{}
	for l := range strings.Lines(out) {
		f := strings.Split(l, "|")
		if len(f) != 3 || !strings.HasSuffix(strings.TrimSpace(f[2]), "Packages") {
			continue
		}
		name, v := strings.TrimSpace(f[0]), strings.TrimSpace(f[1])
		if n := offered[name]; len(n) == 0 || n[len(n)-1] != v { // one line per repository that has it
			offered[name] = append(n, v)
		}
	}
	return offered
}

// Upstream is the Kubernetes version of a package version: "1.34.2-1.1", "1.14.0-00", "1.36.0~rc.1-1.1".
func Upstream(debian string) (version.Version, bool) { return version.OfPackage(debian) }

// OfMinor keeps the package versions of a Kubernetes minor.
func OfMinor(debian []string, want version.Version) []string {
	var out []string
	for _, d := range debian {
		if v, ok := Upstream(d); ok && v.SameMinor(want) {
			out = append(out, d)
		}
	}
	return out
}

// Newest is the first, newest package version of exactly a Kubernetes version.
func Newest(debian []string, want version.Version) (string, bool) {
	for _, d := range debian {
		if v, ok := Upstream(d); ok && v == want {
			return d, true
		}
	}
	return "", false
}

// uri is a line of --print-uris: 'https://.../kubeadm_1.34.2-1.1_amd64.deb' kubeadm_1.34.2-1.1_amd64.deb 12345 SHA256:...
var uri = regexp.MustCompile(`(?m)^'[^']+' \S+ (\d+)`)

// DownloadSize adds up what --print-uris lists; apt leaves out what is in its cache.
func DownloadSize(out string) uint64 {
	var sum uint64
	for _, m := range uri.FindAllStringSubmatch(out, -1) {
		n, err := strconv.ParseUint(m[1], 10, 64)
		if err == nil {
			sum += n
		}
	}
	return sum
}

// installedSize is in units of 1024 bytes, deb-control(5).
var installedSize = regexp.MustCompile(`(?m)^Installed-Size: (\d+)`)

// InstalledSize adds up the sizes in `apt-cache show`.
func InstalledSize(out string) uint64 {
	var sum uint64
	for _, m := range installedSize.FindAllStringSubmatch(out, -1) {
		n, err := strconv.ParseUint(m[1], 10, 64)
		if err == nil {
			sum += n * 1024
		}
	}
	return sum
}
