package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"time"
)

// etcdKill upgrades etcd by runs that are killed, at the beginning of every step and at random instants inside of steps, each time
// followed by the same command. In the end all has to be as after one run.
func etcdKill(ctx context.Context, e *env) error {
	fmt.Printf("# the random instants are those of --seed %d\n", e.seed)
	var err error
	if e.etcdMigrate, err = e.product.pushEtcdMigrate(ctx, e.root, e.lab, e.hops()); err != nil {
		return err
	}
	c := e.etcdCall("etcd", "--to", e.etcdTarget(), "--yes", "-o", "json")
	steps, err := e.plannedSteps(ctx, c)
	if err != nil {
		return err
	}
	k := &killer{random: rand.New(rand.NewPCG(e.seed, 0)), began: map[string]bool{}, inside: map[string]int{}}
	began := time.Now()
	err = e.upgradeEtcd(ctx, "killed", e.etcdTarget(), func(ctx context.Context) error {
		o, err := e.runKilled(ctx, c, k)
		if err == nil && o.code != 0 {
			err = errors.New(o.String())
		}
		return err
	})
	if err != nil {
		return err
	}
	// A member whose replacement went on after the run had died serves already, and is not waited for again.
	steps = slices.DeleteFunc(steps, func(id string) bool {
		return path.Base(id) == "serves" && k.inside[path.Dir(id)+"/replace"] > 0
	})
	e.check("runs were killed at every step's beginning and at random instants inside of steps", func() error { return k.enough(steps) })
	e.check("every member was replaced once per hop, says systemd's journal", func() error {
		return e.startedOnce(ctx, began, e.lab.info.controlPlanes(), replaceUnit)
	})
	e.figure("kills_at_step_boundaries", len(k.began), "runs")
	e.figure("kills_inside_steps", k.within, "runs")
	return nil
}
