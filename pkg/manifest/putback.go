package manifest

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Setting is an argument or a feature gate of a configuration that kubeadm keeps.
type Setting struct {
	// Section is the part of a ClusterConfiguration whose arguments it belongs to, such as "apiServer"; empty for a gate of the document itself.
	Section string `json:"section,omitempty"`
	Name    string `json:"name"`
	Value   string `json:"value"`
	// Gate is set for a feature gate.
	Gate bool `json:"gate,omitempty"`
}

// String shows it as it is given to a program.
func (s Setting) String() string {
	if s.Gate {
		return "feature gate " + s.Name + "=" + s.Value
	}
	return "--" + s.Name + "=" + s.Value
}

// Taken are the settings that StripConfiguration takes out of a configuration, with their values.
func Taken(text []byte, s Strip) ([]Setting, error) {
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	var out []Setting
	for _, section := range slices.Sorted(maps.Keys(s.Args)) {
		for _, name := range s.Args[section] {
			out = append(out, d.settings(Setting{Section: section, Name: name})...)
		}
	}
	for _, section := range slices.Sorted(maps.Keys(s.Gates)) {
		for _, name := range s.Gates[section] {
			out = append(out, d.settings(Setting{Section: section, Name: name, Gate: true})...)
		}
	}
	return out, nil
}

// Missing are those of some settings that a configuration does not have, with whatever value.
func Missing(text []byte, settings []Setting) ([]Setting, error) {
	d, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return slices.DeleteFunc(slices.Clone(settings), func(s Setting) bool { return len(d.settings(s)) > 0 }), nil
}

// settings finds a setting by its name: an argument may stand several times, and so may a gate.
func (d *document) settings(s Setting) []Setting {
	var out []Setting
	add := func(v string) {
		s.Value = v
		out = append(out, s)
	}
	args := value(value(d.root, s.Section), "extraArgs")
	switch {
	case s.Gate && s.Section == "":
		if gates := value(d.root, "featureGates"); index(gates, s.Name) >= 0 {
			add(text(value(gates, s.Name)))
		}
	case s.Gate:
		for _, a := range arguments(args, featureGates) {
			for pair := range strings.SplitSeq(text(a.value), ",") {
				if gateOf(pair) == s.Name {
					_, v, _ := strings.Cut(strings.TrimSpace(pair), "=")
					add(v)
				}
			}
		}
	default:
		for _, a := range arguments(args, s.Name) {
			add(text(a.value))
		}
	}
	return out
}

// PutBack puts settings into a configuration that was stripped of them. One that is there, with whatever value, is left as it is, and so is every
// other byte; comments that went with a setting do not come back.
func PutBack(text []byte, settings []Setting) ([]byte, error) {
	missing, err := Missing(text, settings)
	if err != nil {
		return nil, err
	}
	out := text
	for _, s := range missing {
		if out, err = putBack(out, s); err != nil {
			return nil, fmt.Errorf("put %s back: %w", s, err)
		}
	}
	return out, nil
}

func putBack(text []byte, s Setting) ([]byte, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	want, err := d.tree()
	if err != nil {
		return nil, err
	}
	switch {
	case s.Gate && s.Section == "":
		err = d.putOwnGate(want, s)
	case s.Gate:
		err = d.putGate(want, s)
	default:
		err = d.putArg(want, s)
	}
	if err != nil {
		return nil, err
	}
	return d.finish(want)
}

// putOwnGate puts a gate among those of the document itself, where it is true or false.
func (d *document) putOwnGate(want map[string]any, s Setting) error {
	on, err := strconv.ParseBool(s.Value)
	if err != nil {
		return fmt.Errorf("%q is neither true nor false", s.Value)
	}
	gates, _ := want["featureGates"].(map[string]any)
	if gates == nil {
		gates = map[string]any{}
		want["featureGates"] = gates
	}
	gates[s.Name] = on
	line := s.Name + ": " + strconv.FormatBool(on)
	if in := value(d.root, "featureGates"); in != nil && len(in.Content) > 0 {
		return d.addKeys(in, []string{line})
	}
	return d.addPart(d.root, "featureGates", []string{"  " + line})
}

// putGate puts a gate at the end of a list of gates, or makes one.
func (d *document) putGate(want map[string]any, s Setting) error {
	pair := s.Name + "=" + s.Value
	args := value(value(d.root, s.Section), "extraArgs")
	all := arguments(args, featureGates)
	if len(all) == 0 {
		return d.putArg(want, Setting{Section: s.Section, Name: featureGates, Value: pair})
	}
	first := all[0]
	now := strings.TrimPrefix(text(first.value)+","+pair, ",")
	setArg(want, s.Section, args.Content[first.at].Value, first.at, now)
	return d.replace(first.value, now)
}

// putArg puts an argument behind the others of a section, in the form that they have.
func (d *document) putArg(want map[string]any, s Setting) error {
	v, err := scalar(s.Value, yaml.DoubleQuotedStyle)
	if err != nil {
		return err
	}
	part, _ := want[s.Section].(map[string]any)
	if part == nil {
		part = map[string]any{}
		want[s.Section] = part
	}
	in := value(d.root, s.Section)
	args := value(in, "extraArgs")
	full := args != nil && len(args.Content) > 0
	var item []string
	if full && args.Kind == yaml.SequenceNode || !full && d.listsArgs() {
		all, _ := part["extraArgs"].([]any)
		part["extraArgs"] = append(slices.Clone(all), map[string]any{"name": s.Name, "value": s.Value})
		lines := []string{"name: " + s.Name, "value: " + v}
		if full {
			return d.insert(args, len(args.Content)-1, lines)
		}
		item = d.block(lines, 0)
	} else {
		all, _ := part["extraArgs"].(map[string]any)
		if all == nil {
			all = map[string]any{}
			part["extraArgs"] = all
		}
		all[s.Name] = s.Value
		if full {
			return d.addKeys(args, []string{s.Name + ": " + v})
		}
		item = []string{"  " + s.Name + ": " + v}
	}
	if in != nil && len(in.Content) > 0 {
		return d.addPart(in, "extraArgs", item)
	}
	lines := []string{"  extraArgs:"}
	for _, l := range item {
		lines = append(lines, "  "+l)
	}
	return d.addPart(d.root, s.Section, lines)
}

// listsArgs tells which form of arguments a ClusterConfiguration has: up to v1beta3 a mapping, from v1beta4 on a list.
// https://github.com/kubernetes/kubernetes/blob/v1.31.14/cmd/kubeadm/app/apis/kubeadm/v1beta4/types.go
func (d *document) listsArgs() bool {
	v := text(value(d.root, "apiVersion"))
	old := []string{"v1alpha1", "v1alpha2", "v1alpha3", "v1beta1", "v1beta2", "v1beta3"}
	return !slices.Contains(old, strings.TrimPrefix(v, "kubeadm.k8s.io/"))
}

// addKeys puts lines behind the last key of a mapping, indented as its keys are.
func (d *document) addKeys(in *yaml.Node, lines []string) error {
	last := in.Content[len(in.Content)-2:]
	if in.Kind != yaml.MappingNode || in.Style&yaml.FlowStyle != 0 {
		return fmt.Errorf("line %d: %w", in.Line, errFlow)
	}
	d.insertAfter(d.lastLine(last[1]), indented(lines, last[0].Column-1))
	return nil
}

// addPart gives a mapping a key with what belongs to it, written as if the key stood at the beginning of its line. Where the key is there, it has to
// be one that kubeadm has written for nothing, such as "scheduler: {}".
func (d *document) addPart(in *yaml.Node, key string, lines []string) error {
	i := index(in, key)
	if i < 0 {
		return d.addKeys(in, append([]string{key + ":"}, lines...))
	}
	k, v := in.Content[i], in.Content[i+1]
	start := d.offset(k) + len(key)
	rest := string(d.text[start:d.lineEnd(d.line(k))])
	if empty := strings.TrimSpace(rest); empty != ": {}" && empty != ": []" || k.Line != v.Line || k.Style != 0 {
		return fmt.Errorf("line %d: %w", k.Line, errFlow)
	}
	now := ":" + d.eol + strings.Join(indented(lines, k.Column-1), d.eol)
	d.splices = append(d.splices, splice{start, start + len(rest), now})
	return nil
}

func indented(lines []string, by int) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = strings.Repeat(" ", by) + l
	}
	return out
}
