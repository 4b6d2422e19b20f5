// Command kubectl-upgrade is a kubectl plugin that upgrades clusters which were built with kubeadm.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cli"
)

func main() { os.Exit(run()) }

func run() int {
	ctx, stop := interrupts()
	in := cli.Invocation{
		IOStreams: genericiooptions.IOStreams{In: os.Stdin, Out: os.Stdout, ErrOut: os.Stderr},
		Stop:      stop,
		Args:      cli.Args(os.Args),
	}
	err := cli.NewRoot(in).ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
	}
	return cli.Code(err)
}

// interrupts gives a channel that the first signal closes, to end in good order, and a context that the second one cancels. The third
// ends the process where it is: the record and the hosts' own journals are made for that.
func interrupts() (context.Context, <-chan struct{}) {
	ctx, cancel := context.WithCancel(context.Background())
	stop := make(chan struct{})
	signals := make(chan os.Signal, 3)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		close(stop)
		<-signals
		cancel()
		<-signals
		os.Exit(cli.Interrupted)
	}()
	return ctx, stop
}
