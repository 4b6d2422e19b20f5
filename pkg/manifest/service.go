package manifest

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/cluster"
	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// Kinds of cluster.TextFile that a service is made of.
const (
	KindUnit        = "unit"
	KindDropIn      = "drop-in"
	KindEnvironment = "environment"
	KindConfig      = "config"
)

// EtcdService is a service of systemd's that runs a member. Where --config-file names a file, Settings are what that says, since etcd heeds nothing else then.
type EtcdService struct {
	Etcd
	// Program is the path of etcd.
	Program string
	// Script is set where a shell calls etcd: its arguments can be read, and not changed.
	Script      bool
	User, Group string
	// EnvironmentFiles are those that the unit names, without the dash of one that may be missing.
	EnvironmentFiles []string
}

// service is a unit with its drop-ins and files, and where everything stands.
type service struct {
	files   []cluster.TextFile
	units   map[int]*unit
	command command
	vars    []variable
	envs    []string
	config  *config
	at      int // of the configuration file
	user    string
	group   string
}

// variable is one variable, with its place.
type variable struct {
	name, value string
	file        int
	// entry is that of an environment file; setting and word those of Environment= in a unit.
	entry   *envEntry
	setting unitSetting
	word    unitWord
}

// ReadEtcdService reads how a service runs etcd: its unit, its drop-ins in the order in which they apply, the environment files, and etcd's configuration file.
func ReadEtcdService(files []cluster.TextFile) (EtcdService, error) {
	s, err := readService(files)
	if err != nil {
		return EtcdService{}, fmt.Errorf("read etcd's service: %w", err)
	}
	return s.etcd(), nil
}

func readService(files []cluster.TextFile) (*service, error) {
	s := &service{files: files, units: map[int]*unit{}}
	for i, f := range files {
		if f.Kind != KindUnit && f.Kind != KindDropIn {
			continue
		}
		u, err := parseUnit(f.Text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.Path, err)
		}
		s.units[i] = u
	}
	if len(s.units) == 0 {
		return nil, errors.New("there is no unit")
	}
	if err := s.readUnits(); err != nil {
		return nil, err
	}
	if err := s.readEnvironmentFiles(); err != nil {
		return nil, err
	}
	return s, s.readConfig()
}

// readUnits goes through the settings in the order in which they apply. An empty assignment takes back what was assigned before.
func (s *service) readUnits() error {
	var commands []command
	for i := range s.files {
		u := s.units[i]
		if u == nil {
			continue
		}
		for _, set := range u.settings {
			if set.section != "Service" {
				continue
			}
			empty := strings.TrimSpace(u.text[set.value:set.end]) == ""
			var err error
			switch set.key {
			case "ExecStart":
				if empty {
					commands = nil
					continue
				}
				var c command
				c, err = u.readCommand(set)
				c.file = i
				commands = append(commands, c)
			case "Environment":
				if empty {
					s.vars = nil
					continue
				}
				err = s.readVariables(i, set)
			case "EnvironmentFile":
				if empty {
					s.envs = nil
					continue
				}
				name := strings.TrimPrefix(strings.TrimSpace(u.text[set.value:set.end]), "-")
				// What is read twice counts where it is read last.
				s.envs = append(slices.DeleteFunc(s.envs, func(other string) bool { return other == name }), name)
			case "User":
				s.user = strings.TrimSpace(u.text[set.value:set.end])
			case "Group":
				s.group = strings.TrimSpace(u.text[set.value:set.end])
			}
			if err != nil {
				return fmt.Errorf("%s: %w", s.files[i].Path, err)
			}
		}
	}
	if len(commands) != 1 {
		return fmt.Errorf("it has %d commands in ExecStart, not one", len(commands))
	}
	s.command = commands[0]
	if base := path.Base(strings.TrimLeft(s.command.program.text, "@-:+!|")); base != "etcd" && !strings.HasPrefix(base, "etcd-") {
		return fmt.Errorf("ExecStart runs %s, not etcd", s.command.program.text)
	}
	return nil
}

func (s *service) readVariables(file int, set unitSetting) error {
	words, err := s.units[file].words(set)
	if err != nil {
		return err
	}
	for _, w := range words {
		name, v, ok := strings.Cut(w.text, "=")
		if !ok {
			return fmt.Errorf("%q is no variable", w.text)
		}
		s.vars = append(s.vars, variable{name: name, value: v, file: file, setting: set, word: w})
	}
	return nil
}

// readEnvironmentFiles reads those that the unit names, of which the texts are given. They come after Environment=, which they override.
func (s *service) readEnvironmentFiles() error {
	for _, name := range s.envs {
		for i, f := range s.files {
			if f.Kind != KindEnvironment || f.Path != name {
				continue
			}
			entries, err := parseEnvFile(f.Text)
			if err != nil {
				return fmt.Errorf("%s: %w", f.Path, err)
			}
			for _, e := range entries {
				s.vars = append(s.vars, variable{name: e.name, value: e.value, file: i, entry: &e})
			}
		}
	}
	return nil
}

func (s *service) readConfig() error {
	a, ok := knowledge.Lookup(s.expand(s.flags()), "config-file")
	if !ok || a.Value == "" {
		return nil
	}
	for i, f := range s.files {
		if f.Kind != KindConfig {
			continue
		}
		c, err := readConfig([]byte(f.Text))
		if err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		s.config, s.at = c, i
		return nil
	}
	return fmt.Errorf("the text of %s is not given", a.Value)
}

// flags are arguments and variables, as they are written.
func (s *service) flags() []knowledge.Arg {
	out := knowledge.ParseArgs("", wordTexts(s.command.words))
	for _, v := range s.vars {
		if a, ok := knowledge.EnvArg(v.name, v.value); ok {
			out = append(out, a)
		}
	}
	return out
}

func wordTexts(words []unitWord) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = w.text
	}
	return out
}

var reference = regexp.MustCompile(`\$\{[A-Za-z_][A-Za-z0-9_]*\}|\$[A-Za-z_][A-Za-z0-9_]*`)

// expand puts the variables' values into the arguments.
func (s *service) expand(args []knowledge.Arg) []knowledge.Arg {
	values := map[string]string{}
	for _, v := range s.vars {
		values[v.name] = v.value
	}
	out := slices.Clone(args)
	for i, a := range out {
		if a.Form != knowledge.Env {
			out[i].Value = reference.ReplaceAllStringFunc(a.Value, func(r string) string { return values[strings.Trim(r, "${}")] })
		}
	}
	return out
}

func (s *service) etcd() EtcdService {
	settings := s.flags()
	if s.config != nil {
		settings = s.config.settings()
	}
	e := EtcdService{
		Etcd: readEtcd(s.expand(settings)), Program: strings.TrimLeft(s.command.program.text, "@-:+!|"), Script: s.command.script,
		User: s.user, Group: s.group, EnvironmentFiles: s.envs,
	}
	e.Settings = settings
	if a, ok := knowledge.Lookup(s.expand(s.flags()), "config-file"); ok {
		e.ConfigFile = a.Value
	}
	return e
}

// EtcdServiceEdit is what to change in how a service runs etcd. What is not set stays.
type EtcdServiceEdit struct {
	// Program is the path of etcd.
	Program string
	// Settings, if not nil, are all that are to be: those of ReadEtcdService, as knowledge.RewriteFlags gives them back.
	Settings []knowledge.Arg
}

// EditEtcdService changes how a service runs etcd, in the files where it is said; it returns them all, in their order. Everything else keeps every byte: comments,
// order, line breaks, quotes, specifiers and variables.
func EditEtcdService(files []cluster.TextFile, edit EtcdServiceEdit) ([]cluster.TextFile, error) {
	out, err := editService(files, edit)
	if err != nil {
		return nil, fmt.Errorf("edit etcd's service: %w", err)
	}
	return out, nil
}

func editService(files []cluster.TextFile, edit EtcdServiceEdit) ([]cluster.TextFile, error) {
	s, err := readService(files)
	if err != nil {
		return nil, err
	}
	e := serviceEditor{s, map[int][]splice{}}
	if edit.Program != "" {
		if err := e.program(edit.Program); err != nil {
			return nil, err
		}
	}
	out := slices.Clone(files)
	switch {
	case edit.Settings == nil:
	case s.config != nil:
		text, err := s.config.edit(edit.Settings)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[s.at].Path, err)
		}
		out[s.at].Text = string(text)
	default:
		if err := errors.Join(e.words(knowledge.Words(edit.Settings)), e.variables(envOf(edit.Settings))); err != nil {
			return nil, err
		}
	}
	for i, splices := range e.splices {
		text, err := apply([]byte(files[i].Text), splices)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", files[i].Path, err)
		}
		out[i].Text = string(text)
	}
	return out, s.verify(out, edit)
}

// verify reads the files again, and refuses them unless they say what was asked for.
func (s *service) verify(files []cluster.TextFile, edit EtcdServiceEdit) error {
	broken := errors.New("it is written in a way that cannot be edited: the edited files would say something else than they should")
	now, err := readService(files)
	if err != nil {
		return fmt.Errorf("read the edited files: %w", err)
	}
	program, settings := edit.Program, edit.Settings
	if program == "" {
		program = s.etcd().Program
	}
	if settings == nil {
		settings = s.etcd().Settings
	}
	got := now.etcd()
	if got.Program != program || !slices.Equal(knowledge.Words(got.Settings), knowledge.Words(settings)) || !slices.Equal(envOf(got.Settings), envOf(settings)) ||
		s.config != nil && !slices.Equal(got.Settings, settings) || !slices.Equal(now.rest(), s.rest()) {
		return broken
	}
	return nil
}

// rest is all that an edit must not change.
func (s *service) rest() []string {
	var out []string
	for i := range s.files {
		u := s.units[i]
		if u == nil {
			continue
		}
		for _, set := range u.settings {
			if set.key != "Environment" && (set.key != "ExecStart" || strings.TrimSpace(u.text[set.value:set.end]) == "") {
				out = append(out, set.section+"/"+strings.TrimRight(u.text[set.start:set.end], "\r\n"))
			}
		}
	}
	for _, v := range s.vars {
		if !strings.HasPrefix(v.name, "ETCD_") {
			out = append(out, v.name+"="+v.value)
		}
	}
	return out
}
