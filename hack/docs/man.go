package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/cpuguy83/go-md2man/v2/md2man"
	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
	"github.com/spf13/pflag"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/migrate/command"
)

// manual is the collection that the pages are of.
const manual = "kubectl-upgrade"

// manPages makes the man page of every command, by file name.
func manPages(commands []*cobra.Command) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, c := range commands {
		text, err := manPage(c)
		if err != nil {
			return nil, fmt.Errorf("write man page of %s: %w", c.CommandPath(), err)
		}
		out[strings.ReplaceAll(c.CommandPath(), " ", "-")+".1"] = text
	}
	out["etcd-migrate.1"] = migratePage()
	return out, nil
}

func manPage(c *cobra.Command) ([]byte, error) {
	c.DisableAutoGenTag = true
	portable(c.Flags())
	portable(c.InheritedFlags())
	var b bytes.Buffer
	// The library wants a date, and takes today's for none: the page would be another one every month.
	date := time.Unix(0, 0).UTC()
	if err := doc.GenMan(c, &doc.GenManHeader{Section: "1", Date: &date, Source: manual, Manual: manual}, &b); err != nil {
		return nil, err
	}
	return bytes.Replace(b.Bytes(), []byte(date.Format(`"Jan 2006"`)), []byte(`""`), 1), nil
}

// portable takes the home directory of whoever runs this out of the defaults.
func portable(flags *pflag.FlagSet) {
	home, err := os.UserHomeDir()
	if err != nil || home == "/" {
		return
	}
	flags.VisitAll(func(f *pflag.Flag) { f.DefValue = strings.ReplaceAll(f.DefValue, home, "$HOME") })
}

// migratePage quotes the help of etcd-migrate, whose first line says what it is and whose second paragraph how it is called.
func migratePage() []byte {
	var help bytes.Buffer
	command.Run(context.Background(), []string{"--help"}, command.IO{Out: &help, Err: &help, Getenv: func(string) string { return "" }})
	title, rest, _ := strings.Cut(help.String(), "\n\n")
	usage, rest, _ := strings.Cut(rest, "\n\n")
	name, does, _ := strings.Cut(title, " ")
	text := fmt.Sprintf("%% %q \"1\" \"\" %q %q\n# NAME\n%s \\- %s\n\n# SYNOPSIS\n**%s**\n\n# DESCRIPTION\n```\n%s```\n",
		strings.ToUpper(name), manual, manual, name, strings.TrimSuffix(does, "."), strings.TrimPrefix(usage, "usage: "), rest)
	return md2man.Render([]byte(text))
}
