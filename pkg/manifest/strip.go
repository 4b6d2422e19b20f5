package manifest

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Strip is what to take out of a configuration that kubeadm keeps: of a ClusterConfiguration arguments and gates, of any other gates.
type Strip struct {
	// Args are names of extraArgs by their section, such as "apiServer".
	Args map[string][]string `json:"args,omitempty"`
	// Gates are names of feature gates: those in the arguments of a section by its name, and those of the document itself under "".
	Gates map[string][]string `json:"gates,omitempty"`
}

// Empty tells whether there is nothing to take out.
func (s Strip) Empty() bool { return len(s.Args)+len(s.Gates) == 0 }

// StripConfiguration takes arguments and feature gates out of a configuration. What is not there needs no taking out. Everything else keeps every byte.
func StripConfiguration(text []byte, s Strip) ([]byte, error) {
	out := text
	var err error
	// One edit after another: a part that gets empty goes with its last entry, and two edits at one place could not both be made.
	for section, names := range s.Args {
		for _, n := range names {
			if out, err = stripped(out, func(d *document, want map[string]any) (bool, error) { return d.stripArg(want, section, n) }); err != nil {
				return nil, fmt.Errorf("take --%s out of %s: %w", n, section, err)
			}
		}
	}
	for section, names := range s.Gates {
		for _, n := range names {
			if out, err = stripped(out, func(d *document, want map[string]any) (bool, error) { return d.stripGate(want, section, n) }); err != nil {
				return nil, fmt.Errorf("take feature gate %s out: %w", n, err)
			}
		}
	}
	return out, nil
}

// stripped makes one edit, again as long as there is something to make it on: an argument may stand several times.
func stripped(text []byte, edit func(*document, map[string]any) (bool, error)) ([]byte, error) {
	for {
		d, err := parse(text)
		if err != nil {
			return nil, err
		}
		want, err := d.tree()
		if err != nil {
			return nil, err
		}
		changed, err := edit(d, want)
		if err != nil || !changed {
			return text, err
		}
		if text, err = d.finish(want); err != nil {
			return nil, err
		}
	}
}

// stripArg takes out the first argument of that name.
func (d *document) stripArg(want map[string]any, section, name string) (bool, error) {
	// Before v1beta1 they are of the document itself: apiServerExtraArgs.
	flat := section + "ExtraArgs"
	if in := value(d.root, flat); len(arguments(in, name)) > 0 {
		part, _ := want[flat].(map[string]any)
		return true, d.stripKey(want, d.root, flat, in, part, in.Content[arguments(in, name)[0].at].Value)
	}
	all := arguments(value(value(d.root, section), "extraArgs"), name)
	if len(all) == 0 {
		return false, nil
	}
	return true, d.stripArgAt(want, section, all[0].at)
}

// stripArgAt takes out an argument by its place, and extraArgs with it when it was the last.
func (d *document) stripArgAt(want map[string]any, section string, i int) error {
	in := value(d.root, section)
	args := value(in, "extraArgs")
	part, _ := want[section].(map[string]any)
	switch {
	case args.Kind == yaml.MappingNode && len(args.Content) == 2, args.Kind == yaml.SequenceNode && len(args.Content) == 1:
		return d.stripKey(want, d.root, section, in, part, "extraArgs")
	case args.Kind == yaml.MappingNode:
		all, _ := part["extraArgs"].(map[string]any)
		key := args.Content[i].Value
		delete(all, key)
		return d.removeKey(args, key)
	}
	all, _ := part["extraArgs"].([]any)
	part["extraArgs"] = slices.Delete(slices.Clone(all), i, i+1)
	return d.remove(args, i)
}

// stripKey takes a key out of a part of the document, and the part with it when nothing else is in it.
func (d *document) stripKey(want map[string]any, parent *yaml.Node, name string, in *yaml.Node, part map[string]any, key string) error {
	if len(in.Content) == 2 {
		delete(want, name)
		return d.removeKey(parent, name)
	}
	delete(part, key)
	return d.removeKey(in, key)
}

// argument is an argument's place in the content of extraArgs, and the node of its value.
type argument struct {
	at    int
	value *yaml.Node
}

// arguments finds those of a name in either form of extraArgs. In a list a name may stand several times.
func arguments(args *yaml.Node, name string) []argument {
	same := func(s string) bool { return strings.ReplaceAll(s, "_", "-") == name }
	var out []argument
	switch {
	case args == nil:
	case args.Kind == yaml.MappingNode:
		for i := 0; i < len(args.Content); i += 2 {
			if same(args.Content[i].Value) {
				out = append(out, argument{i, args.Content[i+1]})
			}
		}
	case args.Kind == yaml.SequenceNode:
		for i, n := range args.Content {
			if same(text(value(n, "name"))) {
				out = append(out, argument{i, value(n, "value")})
			}
		}
	}
	return out
}

// stripGate takes a gate out of a list in an argument, or out of the document's own gates.
func (d *document) stripGate(want map[string]any, section, gate string) (bool, error) {
	if section == "" {
		gates := value(d.root, "featureGates")
		if index(gates, gate) < 0 {
			return false, nil
		}
		own, _ := want["featureGates"].(map[string]any)
		return true, d.stripKey(want, d.root, "featureGates", gates, own, gate)
	}
	args := value(value(d.root, section), "extraArgs")
	for _, a := range arguments(args, featureGates) {
		all := strings.Split(text(a.value), ",")
		kept := slices.DeleteFunc(slices.Clone(all), func(pair string) bool { return gateOf(pair) == gate })
		switch len(kept) {
		case len(all):
			continue
		case 0:
			return true, d.stripArgAt(want, section, a.at)
		}
		now := strings.Join(kept, ",")
		setArg(want, section, args.Content[a.at].Value, a.at, now)
		return true, d.replace(a.value, now)
	}
	return false, nil
}

// setArg gives an argument another value in the tree: one of a mapping is found by its key, one of a list by its place.
func setArg(want map[string]any, section, key string, i int, now string) {
	part, _ := want[section].(map[string]any)
	if m, ok := part["extraArgs"].(map[string]any); ok {
		m[key] = now
	} else if l, ok := part["extraArgs"].([]any); ok {
		if m, ok := l[i].(map[string]any); ok {
			m["value"] = now
		}
	}
}

// featureGates is the argument that has gates.
const featureGates = "feature-gates"

// gateOf is the name in a pair such as "SomeGate=true".
func gateOf(pair string) string {
	name, _, _ := strings.Cut(strings.TrimSpace(pair), "=")
	return name
}
