package knowledge

import "slices"

// FlagRule says what becomes of a flag in a minor. A flag without a rule stays as it is.
type FlagRule struct {
	// Minor is the first that the rule is for.
	Minor string
	Flag  string
	// Values are those that the rule is for, "true" and "false" of a flag that needs no value; none means all.
	Values []string
	// To is the flag that takes its place. Gate is the feature gate in --feature-gates that does. With neither the flag is dropped.
	To, Gate string
	// Set, if not empty, is the new flag's value, where it is not that of the old one.
	Set string
	// And is a flag that the old one implied, which has to be true beside the new one.
	And string
	// Loses, if not empty, is what no longer works, which the operator has to agree to.
	Loses  string
	Why    string
	Source string
}

const (
	guide30 = "https://etcd.io/docs/v3.4/upgrades/upgrade_3_0/"
	guide34 = "https://etcd.io/docs/v3.4/upgrades/upgrade_3_4/"
	guide35 = "https://etcd.io/docs/v3.5/upgrades/upgrade_3_5/"
	guide36 = "https://etcd.io/docs/v3.6/upgrades/upgrade_3_6/"
	guide37 = "https://etcd.io/docs/v3.7/upgrades/upgrade_3_7/"
	flags23 = "https://github.com/etcd-io/etcd/blob/v2.3.8/etcdmain/config.go"
	flags36 = "https://github.com/etcd-io/etcd/blob/v3.6.16/server/embed/config.go"
	gates36 = "https://github.com/etcd-io/etcd/blob/v3.6.16/server/features/etcd_features.go"
	main36  = "https://github.com/etcd-io/etcd/blob/v3.6.16/server/etcdmain/config.go"
)

// flagRules are in the order in which they apply. Those of --addr and its like, which were no URLs, are in addresses.
var flagRules = []FlagRule{
	{Minor: "3.0", Flag: "experimental-auto-compaction-retention", To: "auto-compaction-retention", Why: "it is no longer an experiment", Source: guide30},
	{Minor: "3.0", Flag: "experimental-v3demo", Why: "the v3 API is always there", Source: guide30},
	{Minor: "3.0", Flag: "experimental-gRPC-addr", Why: "the v3 API is served on the client URLs", Source: guide30},
	{Minor: "3.0", Flag: "peers", Why: "a member that has data does not heed it", Source: flags23},
	{Minor: "3.0", Flag: "peers-file", Why: "a member that has data does not heed it", Source: flags23},

	{Minor: "3.4", Flag: "ca-file", To: "trusted-ca-file", And: "client-cert-auth", Why: "--ca-file is gone; it asked for client certificates as well", Source: guide34},
	{Minor: "3.4", Flag: "peer-ca-file", To: "peer-trusted-ca-file", And: "peer-client-cert-auth", Why: "--peer-ca-file is gone; it asked for client certificates as well", Source: guide34},

	{Minor: "3.5", Flag: "debug", Values: []string{"true"}, To: "log-level", Set: "debug", Why: "--debug is gone", Source: guide35},
	{Minor: "3.5", Flag: "debug", Values: []string{"false"}, Why: "--debug is gone, and was off", Source: guide35},
	{Minor: "3.5", Flag: "log-output", To: "log-outputs", Why: "--log-output is gone", Source: guide35},
	{Minor: "3.5", Flag: "log-package-levels", Why: "--log-package-levels is gone: there is one level for all, --log-level", Source: guide35},
	{Minor: "3.5", Flag: "logger", Values: []string{"capnslog"}, Why: "only zap is left, and it is the default", Source: guide35},
	{Minor: "3.5", Flag: "experimental-backend-bbolt-freelist-type", To: "backend-bbolt-freelist-type", Why: "it is no longer an experiment", Source: guide35},
	{Minor: "3.5", Flag: "next-cluster-version-compatible", Why: "it was for a way back from 3.5 to 3.4", Source: guide35},

	{Minor: "3.6", Flag: "enable-v2", Values: []string{"true"}, Loses: "nothing is served over the v2 API any more", Why: "the v2 API is gone", Source: guide36},
	{Minor: "3.6", Flag: "enable-v2", Values: []string{"false"}, Why: "the v2 API is gone, and was off", Source: guide36},
	{Minor: "3.6", Flag: "experimental-enable-v2v3", Values: []string{""}, Why: "the v2 API is gone, and was not emulated", Source: guide36},
	{Minor: "3.6", Flag: "experimental-enable-v2v3", Loses: "the v2 API is not emulated any more", Why: "the v2 API is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy", Values: []string{"off"}, Why: "the v2 proxy is gone, and was off", Source: guide36},
	{Minor: "3.6", Flag: "proxy", Loses: "it is no member, but a proxy of the v2 API, and has no place any more", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy-failure-wait", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy-refresh-interval", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy-dial-timeout", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy-write-timeout", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "proxy-read-timeout", Why: "the v2 proxy is gone", Source: guide36},
	{Minor: "3.6", Flag: "discovery-fallback", Values: []string{"proxy"}, Why: "the v2 proxy is gone, and with it this value", Source: main36},
	{Minor: "3.6", Flag: "v2-deprecation", Values: []string{"not-yet"}, Why: "3.6 ends over this value", Source: main36},

	renamed36("bootstrap-defrag-threshold-megabytes"), renamed36("compact-hash-check-time"), renamed36("compaction-batch-limit"),
	renamed36("compaction-sleep-interval"), renamed36("corrupt-check-time"), renamed36("distributed-tracing-address"), renamed36("distributed-tracing-instance-id"),
	renamed36("distributed-tracing-sampling-rate"), renamed36("distributed-tracing-service-name"), renamed36("downgrade-check-time"),
	renamed36("enable-distributed-tracing"), renamed36("memory-mlock"), renamed36("peer-skip-client-san-verification"), renamed36("snapshot-catchup-entries"),
	renamed36("warning-apply-duration"), renamed36("warning-unary-request-duration"), renamed36("watch-progress-notify-interval"),

	gated36("experimental-compact-hash-check-enabled", "CompactHashCheck"), gated36("experimental-initial-corrupt-check", "InitialCorruptCheck"),
	gated36("experimental-enable-lease-checkpoint", "LeaseCheckpoint"), gated36("experimental-enable-lease-checkpoint-persist", "LeaseCheckpointPersist"),
	gated36("experimental-stop-grpc-service-on-defrag", "StopGRPCServiceOnDefrag"),
	gated36("experimental-txn-mode-write-with-shared-buffer", "TxnModeWriteWithSharedBuffer"),

	{Minor: "3.7", Flag: "discovery", Why: "the v2 discovery service is gone; a member that has data does not heed it", Source: guide37},
	{Minor: "3.7", Flag: "discovery-proxy", Why: "the v2 discovery service is gone; a member that has data does not heed it", Source: guide37},
}

func renamed36(name string) FlagRule {
	return FlagRule{Minor: "3.6", Flag: "experimental-" + name, To: name, Why: "it is no longer an experiment, and 3.7 does not know the old name", Source: flags36}
}

func gated36(flag, gate string) FlagRule {
	return FlagRule{Minor: "3.6", Flag: flag, Gate: gate, Why: "it is a feature gate, and 3.7 does not know the flag", Source: gates36}
}

// FlagRules lists what becomes of flags, by minor.
func FlagRules() []FlagRule { return slices.Clone(flagRules) }

// gate is a feature gate with the minors that know it.
type gate struct {
	name, first string
	source      string
}

const unary = "https://github.com/etcd-io/etcd/pull/13236"

const gates37 = "https://github.com/etcd-io/etcd/blob/v3.7.3/server/features/etcd_features.go"

// gates are all that were ever in --feature-gates. None has gone yet.
var gates = []gate{
	{"AllAlpha", "3.6", "https://github.com/etcd-io/etcd/blob/v3.6.16/pkg/featuregate/feature_gate.go"},
	{"AllBeta", "3.6", "https://github.com/etcd-io/etcd/blob/v3.6.16/pkg/featuregate/feature_gate.go"},
	{"CompactHashCheck", "3.6", gates36},
	{"InitialCorruptCheck", "3.6", gates36},
	{"LeaseCheckpoint", "3.6", gates36},
	{"LeaseCheckpointPersist", "3.6", gates36},
	{"SetMemberLocalAddr", "3.6", gates36},
	{"StopGRPCServiceOnDefrag", "3.6", gates36},
	{"TxnModeWriteWithSharedBuffer", "3.6", gates36},
	{"FastLeaseKeepAlive", "3.7", gates37},
	{"PriorityRequest", "3.7", gates37},
}

// GateIn tells whether a minor knows a feature gate.
func GateIn(minor, name string) bool {
	return slices.ContainsFunc(gates, func(g gate) bool { return g.name == name && etcdIndex(g.first) <= etcdIndex(minor) })
}

// onlyNew are flags of newer releases that an older one can do without: the data do not depend on them.
var onlyNew = []FlagRule{
	{Minor: "3.6", Flag: "max-learners", Why: "before 3.6 there may be one learner at a time", Source: guide36},
	{Minor: "3.6", Flag: "log-format", Why: "before 3.6 logs are always JSON", Source: "https://github.com/etcd-io/etcd/pull/13339"},
	{Minor: "3.6", Flag: "warning-unary-request-duration", Why: "before 3.6 it is always 300ms", Source: unary},
	{Minor: "3.6", Flag: "experimental-warning-unary-request-duration", Why: "before 3.6 it is always 300ms", Source: unary},
	bootstrap("endpoints"), bootstrap("token"), bootstrap("dial-timeout"), bootstrap("request-timeout"), bootstrap("keepalive-time"), bootstrap("keepalive-timeout"),
	bootstrap("insecure-transport"), bootstrap("insecure-skip-tls-verify"), bootstrap("cert"), bootstrap("key"), bootstrap("cacert"), bootstrap("user"), bootstrap("password"),
}

func bootstrap(name string) FlagRule {
	return FlagRule{Minor: "3.6", Flag: "discovery-" + name, Why: "v3 discovery came with 3.6; a member that has data does not heed it",
		Source: "https://github.com/etcd-io/etcd/pull/13635"}
}

// DefaultChange is a default that is another one from a minor on.
type DefaultChange struct {
	Minor, Flag, Was, Now string
	Why                   string
	Source                string
}

var defaultChanges = []DefaultChange{
	{"3.0", "listen-client-urls", "http://localhost:2379,http://localhost:4001", "http://localhost:2379", "clients of port 4001 find nobody there", guide30},
	{"3.0", "advertise-client-urls", "http://localhost:2379,http://localhost:4001", "http://localhost:2379", "clients of port 4001 find nobody there", guide30},
	{"3.0", "listen-peer-urls", "http://localhost:2380,http://localhost:7001", "http://localhost:2380", "peers that use port 7001 find nobody there", guide30},
	{"3.2", "snapshot-count", "10000", "100000", "it takes more memory and fewer snapshots", "https://etcd.io/docs/v3.4/upgrades/upgrade_3_2/"},
	{"3.4", "enable-v2", "true", "false", "clients of the v2 API are turned away", guide34},
	{"3.5", "logger", "capnslog", "zap", "logs are JSON", guide35},
	{"3.5", "pre-vote", "false", "true", "a member that comes back does not disturb the leader", guide35},
	{"3.6", "snapshot-count", "100000", "10000", "it takes less memory and more snapshots", guide36},
}

// DefaultChanges lists the defaults that change between two minors for a server that does not set them. It goes up only.
func DefaultChanges(from, to string, args []Arg) []DefaultChange {
	var out []DefaultChange
	for _, d := range defaultChanges {
		if _, set := Lookup(args, d.Flag); !set && etcdIndex(from) < etcdIndex(d.Minor) && etcdIndex(d.Minor) <= etcdIndex(to) {
			out = append(out, d)
		}
	}
	return out
}
