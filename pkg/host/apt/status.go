package apt

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/file"
)

const dpkgStatus = "/var/lib/dpkg/status"

// unheld writes a copy of dpkg's database in which our packages are not held, for apt to look at, and returns its path.
// --allow-change-held-packages is not enough: it is for packages named on the command line, while the solver leaves a held dependency
// as it is and gives up ("kubeadm : Depends: cri-tools (>= 1.34.0) but 1.33.0 is to be installed").
func unheld(dir string) (string, error) {
	b, err := os.ReadFile(dpkgStatus)
	if err != nil {
		return "", fmt.Errorf("copy package database: %w", err)
	}
	path := filepath.Join(dir, "status")
	return path, file.Write(path, []byte(Unheld(string(b), cluster.PackageNames)), 0o644)
}

// Unheld takes the hold off the packages in the text of a dpkg database.
func Unheld(status string, names []string) string {
	var b strings.Builder
	ours := false
	for l := range strings.Lines(status) {
		if name, ok := strings.CutPrefix(l, "Package: "); ok {
			ours = slices.Contains(names, strings.TrimSpace(name))
		}
		if rest, ok := strings.CutPrefix(l, "Status: hold "); ok && ours {
			l = "Status: install " + rest
		}
		b.WriteString(l)
	}
	return b.String()
}
