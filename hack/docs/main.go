// Command docs writes what the docs take from the programs themselves: a page for every command, the list of them, and
// man pages. Without --write it only compares, and fails where something is not as the programs say.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/pflag"
)

func main() { os.Exit(run(os.Args[1:])) }

func run(args []string) int {
	flags := pflag.NewFlagSet("docs", pflag.ContinueOnError)
	write := flags.Bool("write", false, "bring the docs up to date")
	root := flags.String("docs", "docs", "folder of the docs")
	err := flags.Parse(args)
	if err == nil {
		err = update(*root, *write)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "docs:", err)
		return 1
	}
	return 0
}

// update compares every file with what the programs say, or makes it so.
func update(root string, write bool) error {
	commands := all()
	man, err := manPages(commands)
	if err != nil {
		return err
	}
	list := map[string][]byte{"commands.md": index(commands)}
	return errors.Join(
		same(root, list, write),
		pages(filepath.Join(root, "commands"), commands, write),
		same(filepath.Join(root, "man"), man, write),
		strangers(filepath.Join(root, "man"), func(name string) bool { return man[name] != nil }, write),
	)
}

// same compares files with what is in them, or writes them.
func same(dir string, want map[string][]byte, write bool) error {
	var errs []error
	for name, text := range want {
		path := filepath.Join(dir, name)
		have, err := os.ReadFile(path)
		if err == nil && bytes.Equal(have, text) {
			continue
		}
		if !write {
			errs = append(errs, fmt.Errorf("%s is not what the programs say: run make docs", path))
			continue
		}
		if err = os.MkdirAll(dir, 0o755); err == nil {
			err = os.WriteFile(path, text, 0o644)
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// strangers finds pages that belong to no command any more, or removes them.
func strangers(dir string, known func(name string) bool, write bool) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries = slices.DeleteFunc(entries, func(e fs.DirEntry) bool { return known(e.Name()) })
	var errs []error
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if write {
			errs = append(errs, os.Remove(path))
			continue
		}
		errs = append(errs, fmt.Errorf("%s belongs to no command: run make docs", path))
	}
	return errors.Join(errs...)
}
