package plan

import (
	"errors"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

func (e *edited) service(_, _ version.Version) error {
	return errors.New("it is run by a service")
}
