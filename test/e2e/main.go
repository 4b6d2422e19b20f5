// Command e2e proves the product on a real cluster of the lab. It looks at the cluster and its hosts for what is so;
// of the product's own output it judges only exit codes and the wording of errors.
package main

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/signal"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

// scenario is something to prove and the clusters that it takes: each part gets a fresh one.
type scenario struct {
	topology string
	parts    []func(context.Context, *env) error
}

func on(topology string, parts ...func(context.Context, *env) error) scenario {
	return scenario{topology, parts}
}

var scenarios = map[string]scenario{
	"basic":           on("basic", basic),
	"terminal":        on("basic", terminal),
	"bad-input":       on("basic", badInput),
	"all":             on("basic", all),
	"demo":            on("basic", demo),
	"kill":            on("basic", kill),
	"abort":           on("basic", abort),
	"bundle":          on("basic", bundle, carriedBundle),
	"operators":       on("workers", operators),
	"faults":          on("ha", faults),
	"ha-three-minors": on("ha", haThreeMinors),
	"availability":    on("ha", haThreeMinors, byHand),
	"etcd-stacked":    on("etcd-stacked", etcdStacked, etcdByKubeadm),
	"etcd-single":     on("etcd-single", etcdSingle),
	"etcd-kill":       on("etcd-stacked", etcdKill),
	"etcd-restore":    on("etcd-stacked", etcdRestore),
	"etcd-downgrade":  on("etcd-stacked", etcdDowngrade),
	"etcd-faults":     on("etcd-disk", etcdFaults),
	"etcd-v2":         on("etcd2", etcdV2),
	"etcd-service":    on("etcd-service", etcdService),
	"hazards":         on("basic", hazards),
	"seed":            on("seed", seed, bundle),
	"seed-etcd2":      on("etcd2", seedEtcd2),
}

func run() int {
	names := strings.Join(slices.Sorted(maps.Keys(scenarios)), ", ")
	chosen := flag.String("scenario", "basic", "one of "+names+" (all is basic and bad-input on one cluster, with one upgrade)")
	name := flag.String("name", "", "name of the cluster in the lab (default e2e, or demo)")
	keep := flag.Bool("keep", false, "leave the last cluster standing, and the first on which something failed")
	only := flag.String("only", "", "of bad-input, only the rows whose names match this regular expression")
	topology := flag.String("topology", "", "topology of the cluster (default: the scenario's own)")
	seed := flag.Uint64("seed", rand.Uint64(), "chooses what is left to chance")
	flag.Parse()
	if *name == "" {
		*name = "e2e"
		if *chosen == "demo" {
			*name = "demo"
		}
	}
	todo, ok := scenarios[*chosen]
	if !ok || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "e2e: --scenario has to be one of", names)
		return 1
	}
	if *topology != "" {
		todo.topology = *topology
	}
	rows, err := regexp.Compile(*only)
	if err != nil {
		fmt.Fprintln(os.Stderr, "e2e: --only:", err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	t := &tally{}
	began := time.Now()
	e := &env{tally: t, only: rows, topology: todo.topology, seed: *seed}
	for i, part := range todo.parts {
		last := i == len(todo.parts)-1
		stays := func(failed bool) bool { return last && *chosen == "demo" || *keep && (last || failed) }
		if err := e.during(ctx, *name, stays, part); err != nil {
			t.fail("scenario", err)
			break
		}
		if *keep && t.failed > 0 {
			break // the name is taken by the cluster that is left
		}
	}
	if *chosen == "demo" && t.failed == 0 {
		return 0
	}
	fmt.Printf("took %s\n", time.Since(began).Round(time.Second))
	t.figures()
	fmt.Printf("%d passed, %d failed\n", t.passed, t.failed)
	if t.failed > 0 {
		return 1
	}
	return 0
}

// all runs bad-input and basic on one cluster, whose only upgrade is cut short half way and continued.
func all(ctx context.Context, e *env) error {
	e.interrupt = true
	if err := badInput(ctx, e); err != nil {
		return err
	}
	return basic(ctx, e)
}
