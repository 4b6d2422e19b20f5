// Command stamped prints its stamps, for the test of the linker flags.
package main

import (
	"fmt"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/buildinfo"
)

func main() { fmt.Println(buildinfo.Version(), buildinfo.Commit(), buildinfo.AgentImage()) }
