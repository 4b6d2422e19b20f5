// Package buildinfo says what this binary was built from. It imports nothing of this project.
package buildinfo

import "runtime/debug"

// The linker sets these with -X; nothing else writes them. See the Makefile.
var (
	version          string
	commit           string
	agentImage       string
	etcdMigrateImage string
)

// Version is the release that this binary belongs to, or "dev".
func Version() string { return pick(version, moduleVersion(), "dev") }

// Commit is the commit that this binary was built from, with "-dirty" behind it when there were changes on top, or "".
func Commit() string { return pick(commit, revision()) }

// AgentImage is the image of the host agent that belongs to this binary, or "" when its build was not told.
func AgentImage() string { return agentImage }

// EtcdMigrateImage is the image of etcd-migrate that belongs to this binary, or "" when its build was not told.
func EtcdMigrateImage() string { return etcdMigrateImage }

func pick(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// moduleVersion serves "go install ...@v1.2.3", which stamps nothing else.
func moduleVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "(devel)" {
		return ""
	}
	return info.Main.Version
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	var rev, dirty string
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			rev = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	if rev == "" {
		return ""
	}
	return rev + dirty
}
