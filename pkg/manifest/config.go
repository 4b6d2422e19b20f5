package manifest

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// config is etcd's --config-file. Its keys are the flags, but for those of certificates, which stand in a section for clients and one for peers.
type config struct {
	*document
	keys []configKey
}

// configKey is one setting, with its place.
type configKey struct {
	arg        knowledge.Arg
	in         *yaml.Node
	key, value *yaml.Node
}

// Sections of the configuration file, and what the flags of their keys begin with.
const (
	clientSection = "client-transport-security"
	peerSection   = "peer-transport-security"
	peerPrefix    = "peer-"
)

// sectionFlags are the keys of a section that are flags as well; the peers' ones begin with "peer-" as flags.
var sectionFlags = []string{"cert-file", "key-file", "client-cert-auth", "trusted-ca-file", "ca-file", "auto-tls"}

func readConfig(text []byte) (*config, error) {
	d, err := parse(text)
	if err != nil {
		return nil, err
	}
	c := &config{document: d}
	for i := 0; i < len(d.root.Content); i += 2 {
		k, v := d.root.Content[i], d.root.Content[i+1]
		switch {
		case v.Kind == yaml.MappingNode && (k.Value == clientSection || k.Value == peerSection):
			for j := 0; j < len(v.Content); j += 2 {
				if slices.Contains(sectionFlags, v.Content[j].Value) {
					c.add(v, v.Content[j], v.Content[j+1], k.Value)
				}
			}
		default:
			c.add(d.root, k, v, "")
		}
	}
	return c, nil
}

// add takes up a scalar; lists, of which etcd has one (log-outputs), are not changed and read as joined.
func (c *config) add(in, k, v *yaml.Node, section string) {
	a := knowledge.Arg{Name: k.Value, Form: knowledge.Config, Variable: section}
	if section == peerSection {
		a.Name = peerPrefix + k.Value
	}
	switch v.Kind {
	case yaml.ScalarNode:
		a.Value = text(v)
	case yaml.SequenceNode:
		words, err := texts(v)
		if err != nil {
			return
		}
		a.Value = strings.Join(words, ",")
	default:
		return
	}
	c.keys = append(c.keys, configKey{a, in, k, v})
}

func (c *config) settings() []knowledge.Arg {
	out := make([]knowledge.Arg, len(c.keys))
	for i, k := range c.keys {
		out[i] = k.arg
	}
	return out
}

// keyOf is a setting's key in its section.
func keyOf(a knowledge.Arg) string {
	if a.Variable == peerSection {
		return strings.TrimPrefix(a.Name, peerPrefix)
	}
	return a.Name
}

// ReadEtcdConfig reads etcd's configuration file, which --config-file names.
func ReadEtcdConfig(text []byte) (Etcd, error) {
	c, err := readConfig(text)
	if err != nil {
		return Etcd{}, fmt.Errorf("read etcd's configuration: %w", err)
	}
	return readEtcd(c.settings()), nil
}

// EditEtcdConfig makes the settings of etcd's configuration file those that are given: those of ReadEtcdConfig, as knowledge.RewriteFlags gives them back. Everything
// else keeps every byte.
func EditEtcdConfig(text []byte, settings []knowledge.Arg) ([]byte, error) {
	c, err := readConfig(text)
	if err == nil {
		text, err = c.edit(settings)
	}
	if err != nil {
		return nil, fmt.Errorf("edit etcd's configuration: %w", err)
	}
	return text, nil
}

func (c *config) edit(now []knowledge.Arg) ([]byte, error) {
	want, err := c.tree()
	if err != nil {
		return nil, err
	}
	write := func(args []knowledge.Arg) []string {
		out := make([]string, len(args))
		for i, a := range args {
			out[i] = a.Variable + "/" + a.String()
		}
		return out
	}
	for _, a := range slices.Concat(c.settings(), now) {
		if section(want, a.Variable) == nil {
			return nil, fmt.Errorf("it has no section %q, or one whose keys are not all strings", a.Variable)
		}
	}
	last := -1
	for _, o := range script(write(c.settings()), write(now)) {
		if o.old >= 0 {
			last = o.old
		}
		switch {
		case o.same:
		case o.now < 0:
			k := c.keys[o.old]
			delete(section(want, k.arg.Variable), keyOf(k.arg))
			err = c.removeKey(k.in, k.key.Value)
		case last < 0:
			err = errors.New("there is no setting beside which another could be put")
		case o.old < 0:
			err = c.addKey(want, c.keys[last], now[o.now])
		default:
			err = c.replaceKey(want, c.keys[o.old], now[o.now])
		}
		if err != nil {
			return nil, err
		}
	}
	return c.finish(want)
}

// section finds the values among which a setting stands.
func section(tree map[string]any, name string) map[string]any {
	if name == "" {
		return tree
	}
	s, _ := tree[name].(map[string]any)
	return s
}

func (c *config) replaceKey(want map[string]any, old configKey, now knowledge.Arg) error {
	if old.arg.Variable != now.Variable {
		return fmt.Errorf("%s and %s stand in two sections", old.arg.Name, now.Name)
	}
	in := section(want, now.Variable)
	v := in[keyOf(old.arg)]
	if old.arg.Name != now.Name {
		delete(in, keyOf(old.arg))
		if err := c.replace(old.key, keyOf(now)); err != nil {
			return err
		}
	}
	if old.arg.Value != now.Value || now.Name == "log-outputs" {
		if old.value.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: %w", old.value.Line, errFlow)
		}
		s, err := plainOrQuoted(now, old.value.Style)
		if err != nil {
			return err
		}
		start, end, err := c.span(old.value)
		if err != nil {
			return err
		}
		c.splices = append(c.splices, splice{start, end, s})
		if v, err = decode(s); err != nil {
			return err
		}
	}
	in[keyOf(now)] = v
	return nil
}

// addKey puts a setting on a line of its own behind another.
func (c *config) addKey(want map[string]any, after configKey, now knowledge.Arg) error {
	if after.arg.Variable != now.Variable {
		return fmt.Errorf("there is no setting in %q beside which %s could be put", now.Variable, now.Name)
	}
	if after.in.Style&yaml.FlowStyle != 0 {
		return fmt.Errorf("line %d: %w", after.key.Line, errFlow)
	}
	s, err := plainOrQuoted(now, 0)
	if err != nil {
		return err
	}
	c.insertAfter(c.lastLine(after.value), []string{strings.Repeat(" ", after.key.Column-1) + keyOf(now) + ": " + s})
	v, err := decode(s)
	if err != nil {
		return err
	}
	section(want, now.Variable)[keyOf(now)] = v
	return nil
}

// plainOrQuoted writes a value as etcd reads it, strictly by type: a truth value of a flag that is one as such, what is a list as a list, anything else as a string.
func plainOrQuoted(a knowledge.Arg, style yaml.Style) (string, error) {
	if v, ok := a.Bool(); ok && style == 0 {
		for _, f := range knowledge.EtcdFlags() {
			if f.Name == a.Name && f.Bool {
				return fmt.Sprint(v), nil
			}
		}
	}
	s, err := scalar(a.Value, style)
	if a.Name == "log-outputs" {
		s = "[" + s + "]"
	}
	return s, err
}

func decode(s string) (any, error) {
	var v any
	err := yaml.Unmarshal([]byte(s), &v)
	return v, err
}
