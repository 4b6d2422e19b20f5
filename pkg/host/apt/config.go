package apt

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
)

// The configurations that a view keeps in files, for apt's -c: the command lines in the log stay short, and an administrator can repeat them.
const (
	viewConf         = "view.conf"          // the host as it will be
	viewUpdateConf   = "view-update.conf"   // the Kubernetes sources of it, to fetch their lists
	installConf      = "install.conf"       // the view, to install from
	systemConf       = "system.conf"        // the host as it is, but for holds
	systemUpdateConf = "system-update.conf" // the Kubernetes sources of it, to fetch their lists
)

// options make apt use the view instead of the host's sources and lists. Pins, keys, credentials and proxies stay the host's,
// and so does the cache of archives: what is downloaded by the view is found by the real installation.
func (p *Private) options() []string { return p.config(viewConf) }

// systemOptions make apt use the host's own sources and lists, and only look beyond the holds.
func (p *Private) systemOptions() []string { return p.config(systemConf) }

func (p *Private) config(name string) []string { return []string{"-c", filepath.Join(p.dir, name)} }

func (p *Private) writeConfigs() error {
	view := settings(
		"Dir::Etc::sourcelist", "/dev/null",
		"Dir::Etc::sourceparts", filepath.Join(p.dir, "etc"),
		"Dir::State::lists", filepath.Join(p.dir, "lists"),
		"Dir::Cache::pkgcache", filepath.Join(p.dir, "pkgcache.bin"),
		"Dir::Cache::srcpkgcache", filepath.Join(p.dir, "srcpkgcache.bin"),
	)
	install := view
	view += settings("Dir::State::status", p.status)
	update := settings(
		"Dir::Etc::sourcelist", "/dev/null",
		"Dir::Etc::sourceparts", filepath.Join(p.dir, "only"),
		// Cleaning up would remove the lists of every source that is not among these.
		"APT::Get::List-Cleanup", "0",
		// Otherwise a repository that cannot be reached is only a warning, and apt goes on with what it fetched some day.
		"APT::Update::Error-Mode", "any",
	)
	// Hooks of other programs are about the host's lists and have no business with the view's.
	const noHooks = "#clear APT::Update::Pre-Invoke;\n#clear APT::Update::Post-Invoke;\n#clear APT::Update::Post-Invoke-Success;\n"
	for name, text := range map[string]string{
		viewConf:         view,
		installConf:      install,
		viewUpdateConf:   view + update + noHooks,
		systemConf:       settings("Dir::State::status", p.status, "Dir::Cache::pkgcache", filepath.Join(p.dir, "system-pkgcache.bin")),
		systemUpdateConf: update,
	} {
		if err := file.Write(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// settings writes pairs of name and value as apt.conf(5) wants them.
func settings(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(&b, "%s %q;\n", pairs[i], pairs[i+1])
	}
	return b.String()
}
