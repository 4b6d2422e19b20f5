package manifest

import (
	"cmp"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// EnvVar is an environment variable.
type EnvVar struct {
	Name, Value string
	// Ref is set where the value comes from elsewhere (valueFrom) and is not known here.
	Ref bool
}

// Mount is a volume in a container.
type Mount struct {
	// Volume is its name; HostPath what lies behind it, empty for what is no path of the host.
	Volume, HostPath string
	// Path is where in the container.
	Path     string
	SubPath  string
	ReadOnly bool
}

// pod is a static pod's manifest with the parts that are read and edited.
type pod struct {
	*document
	spec, container *yaml.Node
	// name is that of the container; at its place among the containers.
	name string
	at   int
	// program is the first word of the command; words the rest, from command and args.
	program string
	words   []word
	env     []EnvVar
	mounts  []Mount
}

// word is one word of a command line, with its place.
type word struct {
	text string
	seq  *yaml.Node
	key  string // command or args
	i    int
}

// readPod reads a manifest and finds the container of that name: the one that is called so, or the only one that runs it.
func readPod(manifest []byte, name string) (*pod, error) {
	d, err := parse(manifest)
	if err != nil {
		return nil, err
	}
	if k := text(value(d.root, "kind")); k != "Pod" {
		return nil, fmt.Errorf("it is of kind %q, not Pod", k)
	}
	p := &pod{document: d, spec: value(d.root, "spec")}
	containers := value(p.spec, "containers")
	if containers == nil || containers.Kind != yaml.SequenceNode {
		return nil, errors.New("it has no containers")
	}
	p.at = -1
	for i, c := range containers.Content {
		if c.Kind == yaml.MappingNode && (text(value(c, "name")) == name || p.at < 0 && runs(c, name)) {
			p.at = i
		}
	}
	if p.at < 0 {
		return nil, fmt.Errorf("no container of it is called %s or runs it", name)
	}
	p.container = containers.Content[p.at]
	p.name = text(value(p.container, "name"))
	if err := p.readWords(name); err != nil {
		return nil, err
	}
	if p.env, err = readEnv(value(p.container, "env")); err != nil {
		return nil, err
	}
	p.mounts = readMounts(p.spec, p.container)
	return p, nil
}

// runs tells whether a container's command is a program of that name.
func runs(c *yaml.Node, name string) bool {
	words, err := texts(value(c, "command"))
	return err == nil && len(words) > 0 && path.Base(words[0]) == name
}

func (p *pod) readWords(name string) error {
	for _, key := range []string{"command", "args"} {
		seq := value(p.container, key)
		list, err := texts(seq)
		if err != nil {
			return fmt.Errorf("read %s: %w", key, err)
		}
		for i, w := range list {
			if key == "command" && i == 0 {
				p.program = w
				continue
			}
			p.words = append(p.words, word{w, seq, key, i})
		}
	}
	if p.program != "" && path.Base(p.program) != name {
		return fmt.Errorf("its container %s runs %s, not %s", p.name, p.program, name)
	}
	return nil
}

func (p *pod) wordTexts() []string {
	out := make([]string, len(p.words))
	for i, w := range p.words {
		out[i] = w.text
	}
	return out
}

func readEnv(seq *yaml.Node) ([]EnvVar, error) {
	if seq == nil || seq.Tag == "!!null" {
		return nil, nil
	}
	if seq.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d is no list", seq.Line)
	}
	var out []EnvVar
	for _, n := range seq.Content {
		e := EnvVar{Name: text(value(n, "name")), Value: text(value(n, "value")), Ref: value(n, "valueFrom") != nil}
		if e.Name == "" {
			return nil, fmt.Errorf("line %d: a variable has no name", n.Line)
		}
		out = append(out, e)
	}
	return out, nil
}

func readMounts(spec, container *yaml.Node) []Mount {
	host := map[string]string{}
	for _, v := range items(value(spec, "volumes")) {
		host[text(value(v, "name"))] = text(value(value(v, "hostPath"), "path"))
	}
	var out []Mount
	for _, m := range items(value(container, "volumeMounts")) {
		name := text(value(m, "name"))
		out = append(out, Mount{Volume: name, HostPath: host[name], Path: text(value(m, "mountPath")), SubPath: text(value(m, "subPath")),
			ReadOnly: text(value(m, "readOnly")) == "true"})
	}
	return out
}

// items are those of a sequence.
func items(n *yaml.Node) []*yaml.Node {
	if n == nil || n.Kind != yaml.SequenceNode {
		return nil
	}
	return n.Content
}

// hostPath is where on the host a path of the container lies; empty where no mount tells.
func hostPath(mounts []Mount, inside string) string {
	best := -1
	for i, m := range mounts {
		if within(inside, m.Path) && (best < 0 || len(m.Path) > len(mounts[best].Path)) {
			best = i
		}
	}
	if best < 0 || mounts[best].HostPath == "" {
		return ""
	}
	m := mounts[best]
	return path.Join(m.HostPath, m.SubPath, strings.TrimPrefix(path.Clean(inside), path.Clean(m.Path)))
}

func within(p, root string) bool {
	p, root = path.Clean(p), path.Clean(root)
	return p == root || strings.HasPrefix(p, strings.TrimSuffix(root, "/")+"/")
}

// setWords makes the command line's words those that are given, in the list where the old ones stand.
func (p *pod) setWords(now []string) error {
	ops := script(p.wordTexts(), now)
	left := map[string]int{}
	for _, o := range ops {
		if o.old >= 0 && o.now >= 0 {
			left[p.words[o.old].key]++
		}
	}
	last := word{seq: value(p.container, "command"), i: 0}
	if p.program == "" {
		last = word{seq: value(p.container, "args"), i: -1}
	}
	for _, o := range ops {
		if o.old >= 0 {
			last = p.words[o.old]
		}
		if err := p.setWord(o, last, now, left); err != nil {
			return err
		}
	}
	if args := value(p.container, "args"); len(items(args)) > 0 && left["args"] == 0 {
		return p.removeKey(p.container, "args")
	}
	return nil
}

// setWord does one step; what is added goes behind the last of the old words so far, which always stays.
func (p *pod) setWord(o op, last word, now []string, left map[string]int) error {
	switch {
	case o.same:
		return nil
	case o.now < 0 && last.key == "args" && left["args"] == 0:
		return nil // the whole list goes
	case o.now < 0:
		return p.remove(last.seq, last.i)
	case o.old >= 0:
		return p.replace(last.seq.Content[last.i], now[o.now])
	case len(items(last.seq)) == 0:
		return errors.New("there is no argument beside which another could be put")
	}
	s, err := scalar(now[o.now], 0)
	if err != nil {
		return err
	}
	return p.insert(last.seq, last.i, []string{s})
}

// setEnv makes etcd's variables those that are given. Others, and those whose value comes from elsewhere, stay where they are.
func (p *pod) setEnv(now []EnvVar) error {
	seq := value(p.container, "env")
	var old []string
	var at []int
	for i, e := range p.env {
		if !e.Ref && strings.HasPrefix(e.Name, "ETCD_") {
			old, at = append(old, e.Name+"="+e.Value), append(at, i)
		}
	}
	var want []string
	for _, e := range now {
		want = append(want, e.Name+"="+e.Value)
	}
	if slices.Equal(old, want) {
		return nil
	}
	if len(want) == 0 && len(at) == len(p.env) {
		return p.removeKey(p.container, "env")
	}
	if len(items(seq)) == 0 {
		return errors.New("there is no variable beside which another could be put")
	}
	last := -1
	for _, o := range script(old, want) {
		if o.old >= 0 {
			last = at[o.old]
		}
		switch {
		case o.same:
		case o.now < 0:
			if err := p.remove(seq, last); err != nil {
				return err
			}
		case o.old < 0:
			lines, err := envLines(now[o.now])
			if err != nil {
				return err
			}
			if err := p.insert(seq, last, lines); err != nil {
				return err
			}
		default:
			if err := p.replaceEnv(seq.Content[last], p.env[last], now[o.now]); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *pod) replaceEnv(n *yaml.Node, old, now EnvVar) error {
	if old.Name != now.Name {
		if err := p.replace(value(n, "name"), now.Name); err != nil {
			return err
		}
	}
	if old.Value != now.Value {
		v := value(n, "value")
		if v == nil {
			return fmt.Errorf("line %d: %w", n.Line, errFlow)
		}
		return p.replace(v, now.Value)
	}
	return nil
}

func envLines(e EnvVar) ([]string, error) {
	name, err := scalar(e.Name, 0)
	if err != nil {
		return nil, err
	}
	v, err := scalar(e.Value, 0)
	return []string{"name: " + name, "value: " + cmp.Or(v, `""`)}, err
}
