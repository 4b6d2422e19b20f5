package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/cli-runtime/pkg/genericiooptions"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cli"
)

// all gives the plugin and every command of it that help names, each after its parent.
func all() []*cobra.Command {
	kubectl := cli.NewRoot(cli.Invocation{IOStreams: genericiooptions.IOStreams{In: strings.NewReader(""), Out: io.Discard, ErrOut: io.Discard}})
	return below(kubectl)
}

func below(parent *cobra.Command) []*cobra.Command {
	var out []*cobra.Command
	for _, c := range parent.Commands() {
		if c.IsAvailableCommand() {
			out = append(append(out, c), below(c)...)
		}
	}
	return out
}

// words are what is typed after "kubectl upgrade".
func words(c *cobra.Command) string {
	return strings.TrimSpace(strings.TrimPrefix(c.CommandPath(), "kubectl upgrade"))
}

// page is the name of a command's page; the plugin itself has none, its commands are listed instead.
func page(c *cobra.Command) string {
	if words(c) == "" {
		return ""
	}
	return strings.ReplaceAll(words(c), " ", "-") + ".md"
}

// begins is the line before a quoted help text, which hack/verify-help.sh fills and compares.
func begins(c *cobra.Command) string { return "<!-- help: " + words(c) + " -->" }

// pages sees that every command has a page that quotes its help. What else is on a page is written by hand.
func pages(dir string, commands []*cobra.Command, write bool) error {
	known := map[string]bool{}
	var errs []error
	for _, c := range commands {
		name := page(c)
		if name == "" {
			continue
		}
		known[name] = true
		path := filepath.Join(dir, name)
		have, err := os.ReadFile(path)
		switch {
		case errors.Is(err, fs.ErrNotExist) && write:
			text := fmt.Sprintf("# %s\n\n%s\n<!-- /help -->\n", c.CommandPath(), begins(c))
			errs = append(errs, same(dir, map[string][]byte{name: []byte(text)}, true))
		case errors.Is(err, fs.ErrNotExist):
			errs = append(errs, fmt.Errorf("%s has no page %s: run make docs", c.CommandPath(), path))
		case err != nil:
			errs = append(errs, err)
		case !bytes.Contains(have, []byte(begins(c)+"\n")):
			errs = append(errs, fmt.Errorf("%s does not quote the help: it has no line %q", path, begins(c)))
		}
	}
	return errors.Join(append(errs, strangers(dir, func(name string) bool { return known[name] }, write))...)
}

// index is the list of all commands.
func index(commands []*cobra.Command) []byte {
	var b bytes.Buffer
	b.WriteString(`# Commands

`)
	b.WriteString("| command | |\n|---|---|\n")
	for _, c := range commands {
		if name := page(c); name != "" {
			fmt.Fprintf(&b, "| [%s](commands/%s) | %s |\n", c.CommandPath(), name, c.Short)
		}
	}
	b.WriteString(`
Every one takes kubectl's flags for connections, such as ` + "`--context`, which `kubectl upgrade options`" + ` lists, and has a man page in
[man](man). The program that works on etcd's data directories has a page of its own: [etcd-migrate](etcd-migrate.md).

These pages quote the programs' own help; ` + "`make docs`" + ` brings them up to date.
`)
	return b.Bytes()
}
