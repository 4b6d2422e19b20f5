package plan

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/manifest"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/version"
)

// service rewrites the settings of a member that is a service or a process of its host: in the unit and its files, in etcd's configuration file where
// that counts instead, and in the arguments that it was started with. The program stays where it is, and becomes another one there.
func (e *edited) service(from, to version.Version) error {
	p := e.Process
	if i := slices.IndexFunc(p.Files, func(f cluster.TextFile) bool { return f.Kind == manifest.KindUnit }); p.Run == cluster.EtcdAsService && i >= 0 {
		s, err := manifest.ReadEtcdService(p.Files)
		if err != nil {
			return err
		}
		if p.Files, err = manifest.EditEtcdService(p.Files, manifest.EtcdServiceEdit{Settings: e.rewrite(from, to, s.Settings)}); err != nil {
			return err
		}
		e.arguments(from, to)
		return nil
	}
	i := slices.IndexFunc(p.Files, func(f cluster.TextFile) bool { return f.Kind == manifest.KindConfig })
	if i < 0 {
		e.changes, e.problems = e.arguments(from, to)
		return nil
	}
	f := &p.Files[i]
	config, err := manifest.ReadEtcdConfig([]byte(f.Text))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	text, err := manifest.EditEtcdConfig([]byte(f.Text), e.rewrite(from, to, config.Settings))
	if err != nil {
		return fmt.Errorf("%s: %w", f.Path, err)
	}
	f.Text = string(text)
	return nil
}

// arguments rewrites what the process was started with.
func (e *edited) arguments(from, to version.Version) ([]knowledge.Change, []knowledge.Problem) {
	p := e.Process
	settings := knowledge.ParseArgs(from.MinorString(), p.Args)
	var others []string
	for _, env := range p.Env {
		name, value, _ := strings.Cut(env, "=")
		if a, ok := knowledge.EnvArg(name, value); ok {
			settings = append(settings, a)
		} else {
			others = append(others, env)
		}
	}
	now, changes, problems := knowledge.RewriteFlags(from.MinorString(), to.MinorString(), settings)
	p.Args, p.Env = knowledge.Words(now), others
	for _, a := range now {
		if a.Form == knowledge.Env {
			p.Env = append(p.Env, a.String())
		}
	}
	return changes, problems
}
