package knowledge

import (
	"slices"
	"strings"
)

// EtcdFlag is a flag of the server. A flag that came, went and came back has several rows.
type EtcdFlag struct {
	// Name is without dashes.
	Name string
	// Bool is set where the flag stands for true without a value, and takes one only after "=".
	Bool bool
	// First and Last are the oldest and the newest minor that understand it.
	First, Last string
}

// In tells whether a minor understands the flag.
func (f EtcdFlag) In(minor string) bool {
	i := etcdIndex(minor)
	return i >= 0 && etcdIndex(f.First) <= i && i <= etcdIndex(f.Last)
}

// Env is the environment variable that stands for the flag.
func (f EtcdFlag) Env() string { return FlagEnv(f.Name) }

// FlagEnv is the environment variable that stands for a flag.
func FlagEnv(name string) string {
	return "ETCD_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// EtcdFlags lists all flags of all releases by name.
func EtcdFlags() []EtcdFlag { return slices.Clone(etcdFlags) }

// FlagIn finds a flag of a minor.
func FlagIn(minor, name string) (EtcdFlag, bool) {
	i, found := slices.BinarySearchFunc(etcdFlags, name, func(f EtcdFlag, name string) int { return strings.Compare(f.Name, name) })
	for ; found && i < len(etcdFlags) && etcdFlags[i].Name == name; i++ {
		if etcdFlags[i].In(minor) {
			return etcdFlags[i], true
		}
	}
	return EtcdFlag{}, false
}

// flagAnywhere finds the newest row of a flag of any release.
func flagAnywhere(name string) (EtcdFlag, bool) {
	for _, f := range slices.Backward(etcdFlags) {
		if f.Name == name {
			return f, true
		}
	}
	return EtcdFlag{}, false
}

// flagOfEnv finds the flag that an environment variable stands for.
func flagOfEnv(variable string) (EtcdFlag, bool) {
	i := slices.IndexFunc(etcdFlags, func(f EtcdFlag) bool { return f.Env() == variable })
	if i < 0 {
		return EtcdFlag{}, false
	}
	return etcdFlags[i], true
}
