// Command e2e proves the product on a real cluster of the lab. It looks at the cluster and its hosts for what is so;
// of the product's own output it judges only exit codes and the wording of errors.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"regexp"
	"syscall"
	"time"
)

func main() { os.Exit(run()) }

func run() int {
	scenario := flag.String("scenario", "basic", "basic, bad-input, all (both on one cluster, with one upgrade) or demo")
	name := flag.String("name", "", "name of the cluster in the lab (default e2e, or demo)")
	keep := flag.Bool("keep", false, "leave the cluster standing")
	only := flag.String("only", "", "of bad-input, only the rows whose names match this regular expression")
	flag.Parse()
	if *name == "" {
		*name = "e2e"
		if *scenario == "demo" {
			*name = "demo"
		}
	}
	scenarios := map[string]func(context.Context, *env) error{"basic": basic, "bad-input": badInput, "all": all, "demo": demo}
	todo, ok := scenarios[*scenario]
	if !ok || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "e2e: --scenario has to be one of basic, bad-input, all, demo")
		return 1
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
	e := &env{tally: t, only: rows}
	if err := e.during(ctx, *name, *keep || *scenario == "demo", todo); err != nil {
		t.fail("scenario", err)
	}
	if *scenario == "demo" && t.failed == 0 {
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
