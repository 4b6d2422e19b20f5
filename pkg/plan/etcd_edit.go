package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/hostaction"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// FileChanges are the files that become others, each bound to the text that was read.
func FileChanges(before, after []cluster.TextFile) []hostaction.FileChange {
	var out []hostaction.FileChange
	for i, f := range after {
		if f.Text != before[i].Text {
			out = append(out, hostaction.FileChange{Path: f.Path, Before: Sum(before[i].Text), After: f.Text})
		}
	}
	return out
}

// Sum is how a file's text is named: its SHA-256 in lower-case hexadecimal.
func Sum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// EtcdProblem is what is wrong with the settings of a member on the way.
type EtcdProblem struct {
	Member string
	knowledge.Problem
}
