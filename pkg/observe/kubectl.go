package observe

import (
	"context"
	"encoding/json"
	"os/exec"
	"time"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

const (
	// kubectlTimeout bounds the wait for an answer: a kubectl on the PATH may be a wrapper that downloads one first.
	kubectlTimeout = 5 * time.Second
	// kubectlLeft is how long what such a wrapper has started may hold on to the output after that.
	kubectlLeft = time.Second
)

// Kubectl asks the kubectl that the operator's PATH has first for its version. It is nil where there is none, or it does not answer: nobody's
// upgrade depends on it.
func Kubectl(ctx context.Context) *cluster.Kubectl {
	path, err := exec.LookPath("kubectl")
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, kubectlTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "version", "--client", "-o", "json")
	cmd.WaitDelay = kubectlLeft
	out, err := cmd.Output()
	if err != nil {
		return nil
	}
	var answer struct {
		ClientVersion struct {
			GitVersion string `json:"gitVersion"`
		} `json:"clientVersion"`
	}
	if json.Unmarshal(out, &answer) != nil {
		return nil
	}
	v, err := version.Parse(answer.ClientVersion.GitVersion)
	// One that was built without a version says v0.0.0. Google's takes another kubectl for each server, of its version:
	// https://github.com/GoogleCloudPlatform/kubectl-dispatcher
	if err != nil || v.Major == 0 || v.Pre == "dispatcher" {
		return nil
	}
	return &cluster.Kubectl{Path: path, Version: v}
}
