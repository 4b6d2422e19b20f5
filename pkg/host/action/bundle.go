package action

import (
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/bundle"
)

// openBundle opens the bundle of a digest, as far as it has been brought to the host; nil without a digest.
func openBundle(env Env, digest string) (*bundle.Folder, error) {
	if digest == "" {
		return nil, nil
	}
	return bundle.OpenPart(env.Work.Bundle(digest), digest)
}
