package apt

import (
	"regexp"
	"slices"
	"strings"
)

// The styles of apt's source files, sources.list(5).
const (
	OneLine = "one-line"
	Deb822  = "deb822"
)

// Source is one URL of an active entry of a source file.
type Source struct {
	File, Style, URL string
	// Minor is the Kubernetes minor in the URL; empty when it names none.
	Minor string
	// first and last are the lines of the entry in the file, line that of the URL.
	first, last, line int
	// signedBy are the keys that the entry names: files, fingerprints or the key itself. trusted is set where apt is told to ask for no signature.
	signedBy string
	trusted  bool
}

// minorInURL finds the segment that pkgs.k8s.io and its mirrors have: .../core:/stable:/v1.34/deb/.
// Mirrors drop the colons; the add-on repositories of other projects (addons:/cri-o:/...) have no core segment.
// https://kubernetes.io/blog/2023/08/15/pkgs-k8s-io-introduction/
var minorInURL = regexp.MustCompile(`/core:?/[a-z]+:?/v(1\.\d+)(?:/|$)`)

// minorAnywhere is the same for repositories laid out in another way that are known to serve kubeadm.
var minorAnywhere = regexp.MustCompile(`/v?(1\.\d+)(?:/|$)`)

// legacyURL are the repositories of all minors, which ended in March 2024 but live on in mirrors.
// https://kubernetes.io/blog/2023/08/31/legacy-package-repository-deprecation/
var legacyURL = regexp.MustCompile(`://(apt\.kubernetes\.io|packages\.cloud\.google\.com/apt)(/|$)|/kubernetes/apt(/|$)`)

// Parse reads the active entries of a source file; its name decides the style, as for apt.
func Parse(file string, content []byte) []Source {
	if strings.HasSuffix(file, ".sources") {
		return parseDeb822(file, content)
	}
	return parseOneLine(file, content)
}

func newSource(file, style, url string) Source {
	s := Source{File: file, Style: style, URL: url}
	if m := minorInURL.FindStringSubmatch(url); m != nil {
		s.Minor = m[1]
	}
	return s
}

// Kubernetes keeps the sources that serve Kubernetes packages. Serving are URLs that apt itself has kubeadm from:
// a private mirror need not look like the public repositories.
func Kubernetes(all []Source, serving []string) []Source {
	var out []Source
	for _, s := range all {
		serves := false
		for _, u := range serving {
			serves = serves || strings.TrimRight(u, "/") == strings.TrimRight(s.URL, "/")
		}
		if s.Minor == "" && serves {
			if m := minorAnywhere.FindStringSubmatch(s.URL); m != nil {
				s.Minor = m[1]
			}
		}
		if s.Minor != "" || serves || legacyURL.MatchString(s.URL) {
			out = append(out, s)
		}
	}
	return out
}

// policyURL is a version's origin in the output of `apt-cache policy`: "        500 https://... suite/comp amd64 Packages".
var policyURL = regexp.MustCompile(`(?m)^\s+-?\d+ (\S+://?\S+)(?: .*)? Packages$`)

// ServingURLs reads from `apt-cache policy kubeadm` where kubeadm comes from.
func ServingURLs(policy string) []string {
	var out []string
	for _, m := range policyURL.FindAllStringSubmatch(policy, -1) {
		out = append(out, m[1])
	}
	return out
}

// truth and falsehood are the words that apt's StringToBool takes for them, apt-pkg/contrib/strutl.cc.
func truth(word string) bool {
	return slices.Contains([]string{"yes", "true", "with", "on", "enable", "1"}, strings.ToLower(strings.TrimSpace(word)))
}

func falsehood(word string) bool {
	return slices.Contains([]string{"no", "false", "without", "off", "disable", "0"}, strings.ToLower(strings.TrimSpace(word)))
}

// lines splits text so that joining the parts gives the text back.
func lines(content []byte) []string { return strings.SplitAfter(string(content), "\n") }
