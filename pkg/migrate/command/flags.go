package command

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate"
)

// parse reads the flags. Where a flag is not given, the environment of the Kubernetes etcd image counts, so that a
// manifest that was written for it goes on working:
// https://github.com/kubernetes/kubernetes/blob/v1.34.0/cluster/images/etcd/migrate/options.go.
func (a *app) parse(name string, args []string) error {
	f := pflag.NewFlagSet("etcd-migrate "+name, pflag.ContinueOnError)
	a.flags = f
	f.SetOutput(a.Err)
	f.Usage = func() { fmt.Fprint(a.Err, usage, "flags:\n", f.FlagUsages()) }
	env := a.Getenv
	f.StringVar(&a.dataDir, "data-dir", env("DATA_DIRECTORY"), "data directory of the member (or $DATA_DIRECTORY)")
	f.StringVar(&a.opts.To, "to", env("TARGET_VERSION"), "release to end at, such as 3.6 or 3.6.16 (or $TARGET_VERSION)")
	f.StringVar(&a.opts.To, "target-version", env("TARGET_VERSION"), "the same as --to")
	f.StringVar(&a.storage, "target-storage", cmp.Or(env("TARGET_STORAGE"), "etcd3"), "etcd2 or etcd3 (or $TARGET_STORAGE)")
	f.StringVar(&a.opts.BinDir, "bin-dir", "/usr/local/bin", "where the servers are, as etcd-3.5.35 and so on")
	f.StringVar(&a.strategy, "strategy", string(migrate.Auto), "auto, stepwise (run every release in between) or restore (write the target's format and run only that)")
	f.BoolVar(&a.opts.DropV2, "drop-v2", false, "leave behind what the v2 API holds and v3 does not")
	f.BoolVar(&a.opts.Downgrade, "downgrade", false, "allow a release older than that of the data, back to 3.5")
	f.IntVar(&a.opts.Keep, "keep", 2, "how many of the members that were there before to keep")
	f.DurationVar(&a.opts.Timeout, "timeout", 10*time.Minute, "how long one server may take to come up and end")
	f.StringVar(&a.creds, "etcd-server-extra-args", env("ETCD_CREDS"), "more arguments for every server, split at spaces (or $ETCD_CREDS)")
	f.StringVarP(&a.output, "output", "o", "text", "text or json")
	f.StringVar(&a.termination, "termination-log", "", "write the result there too, as JSON, or why there is none (default: /dev/termination-log where there is one)")
	f.IntVar(&a.generation, "generation", 0, "which of the members that were there before to put back (default: the newest)")
	f.StringVar(&a.pod, "manifest", "", "restore: the manifest of the static pod that runs the member, which is ended, restored as the manifest says, and started again; the members are those of the snapshot, unless --initial-cluster names others")
	f.StringVar(&a.member.Name, "name", cmp.Or(env("ETCD_NAME"), "default"), "restore: name of the member (or $ETCD_NAME)")
	f.StringVar(&a.member.PeerURL, "initial-advertise-peer-urls", cmp.Or(env("INITIAL_ADVERTISE_PEER_URLS"), "http://localhost:2380"), "restore: the member's URL for the others")
	f.StringVar(&a.member.Cluster, "initial-cluster", env("INITIAL_CLUSTER"), "restore: every member as name=url,name=url (default: this one alone)")
	f.StringVar(&a.member.Token, "initial-cluster-token", "etcd-cluster", "restore: token of the new cluster")
	f.Uint64Var(&a.bump, "revision-bump", 0, "restore: move the revision on by this much, and mark what was before as compacted; for Kubernetes, 1000000000, which is the default with --manifest")
	f.BoolVar(&a.skipHash, "skip-hash-check", false, "restore: take a file without a sum, such as a copied database")
	f.StringSliceVar(&a.versions, "versions", nil, "install: releases to bring, such as 3.5,3.6.16 (default: all)")
	a.old(f)
	if err := f.Parse(args); err != nil {
		return err
	}
	a.args = f.Args()
	if a.output != "text" && a.output != "json" {
		return fmt.Errorf("want --output text or json, not %q", a.output)
	}
	a.opts.Strategy = migrate.Strategy(a.strategy)
	switch a.opts.Strategy {
	case migrate.Auto, migrate.Stepwise, migrate.Restore:
	default:
		return fmt.Errorf("want --strategy auto, stepwise or restore, not %q", a.strategy)
	}
	a.opts.ServerArgs = strings.Fields(a.creds)
	a.log = a.logger()
	a.opts.Log = a.log
	return nil
}

// old are flags of the Kubernetes image that need no value any more: the member's name and addresses are read from the
// data, and servers listen on a free port of loopback.
func (a *app) old(f *pflag.FlagSet) {
	for _, name := range []string{"port", "peer-port", "listen-client-urls", "listen-peer-urls", "bundled-versions", "etcd-data-prefix", "ttl-keys-directory"} {
		f.String(name, "", "")
		if err := f.MarkHidden(name); err != nil {
			panic(err) // it was defined a line above
		}
	}
}
