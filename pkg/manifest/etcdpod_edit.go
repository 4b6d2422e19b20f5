package manifest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/knowledge"
)

// EtcdPodEdit is what to change in the manifest of a static pod that runs etcd. What is not set stays.
type EtcdPodEdit struct {
	Image string
	// Settings, if not nil, are all flags and variables that are to be: those of ReadEtcdPod, as knowledge.RewriteFlags gives them back.
	Settings []knowledge.Arg
	// Migrate is put before etcd as the init container etcd-migrate, or in place of the one that is there; RemoveMigrate takes it out.
	Migrate       *InitContainer
	RemoveMigrate bool
	// Probe, if not nil, takes the place of the command in each of EtcdPod.ShellProbes.
	Probe *HTTPProbe
}

// HTTPProbe asks a server whether it is well.
type HTTPProbe struct {
	Host, Path, Scheme string
	Port               int
}

// EditEtcdPod changes the manifest of a static pod that runs etcd. Everything else keeps every byte: comments, order, formatting, and fields that nobody here knows.
func EditEtcdPod(manifest []byte, edit EtcdPodEdit) ([]byte, error) {
	out, err := editEtcdPod(manifest, edit)
	if err != nil {
		return nil, fmt.Errorf("edit etcd's manifest: %w", err)
	}
	return out, nil
}

func editEtcdPod(manifest []byte, edit EtcdPodEdit) ([]byte, error) {
	p, err := readPod(manifest, "etcd")
	if err != nil {
		return nil, err
	}
	want, err := p.tree()
	if err != nil {
		return nil, err
	}
	e, err := newEditor(p, want)
	if err != nil {
		return nil, err
	}
	if edit.Image != "" {
		err = errors.Join(err, e.image(edit.Image))
	}
	if edit.Settings != nil {
		err = errors.Join(err, e.settings(edit.Settings))
	}
	switch {
	case edit.Migrate != nil && edit.RemoveMigrate:
		err = errors.Join(err, errors.New("the init container is both to be put in and taken out"))
	case edit.Migrate != nil:
		err = errors.Join(err, e.putInit(*edit.Migrate))
	case edit.RemoveMigrate:
		err = errors.Join(err, e.removeInit())
	}
	if edit.Probe != nil {
		err = errors.Join(err, e.probe(*edit.Probe))
	}
	if err != nil {
		return nil, err
	}
	return p.finish(want)
}

// editor does every edit twice: on the bytes, and on the values that the bytes have to say in the end.
type editor struct {
	*pod
	spec, container map[string]any
}

func newEditor(p *pod, want map[string]any) (*editor, error) {
	spec, _ := want["spec"].(map[string]any)
	containers, _ := spec["containers"].([]any)
	if p.at < len(containers) {
		if c, ok := containers[p.at].(map[string]any); ok {
			return &editor{p, spec, c}, nil
		}
	}
	return nil, errors.New("its keys are not all strings")
}

func (e *editor) image(to string) error {
	n := value(e.pod.container, "image")
	if n == nil {
		return errors.New("its container has no image")
	}
	if n.Value == to {
		return nil
	}
	e.container["image"] = to
	return e.replace(n, to)
}

func (e *editor) settings(now []knowledge.Arg) error {
	words := knowledge.Words(now)
	if err := e.setWords(words); err != nil {
		return fmt.Errorf("set flags: %w", err)
	}
	if err := e.setEnv(envOf(now)); err != nil {
		return fmt.Errorf("set variables: %w", err)
	}
	e.wantWords(words)
	e.wantEnv(envOf(now))
	return nil
}

// wantWords deals the words to command and args as setWords does.
func (e *editor) wantWords(now []string) {
	lists := map[string][]any{}
	if e.program != "" {
		lists["command"] = append(lists["command"], e.program)
	}
	key := "args"
	if e.program != "" {
		key = "command"
	}
	for _, o := range script(e.wordTexts(), now) {
		if o.old >= 0 {
			key = e.words[o.old].key
		}
		if o.now >= 0 {
			lists[key] = append(lists[key], now[o.now])
		}
	}
	for _, key := range []string{"command", "args"} {
		if len(lists[key]) > 0 {
			e.container[key] = lists[key]
		} else if e.pod.container != nil && len(items(value(e.pod.container, key))) > 0 {
			delete(e.container, key)
		}
	}
}

// wantEnv puts the variables where setEnv does.
func (e *editor) wantEnv(now []EnvVar) {
	have, ok := e.container["env"].([]any)
	if !ok {
		return
	}
	var old []string
	var at []int
	for i, v := range e.env {
		if !v.Ref && strings.HasPrefix(v.Name, "ETCD_") {
			old, at = append(old, v.Name+"="+v.Value), append(at, i)
		}
	}
	var want []string
	for _, v := range now {
		want = append(want, v.Name+"="+v.Value)
	}
	before := map[int][]any{}
	gone := map[int]bool{}
	last := -1
	for _, o := range script(old, want) {
		if o.old >= 0 {
			last = at[o.old]
		}
		switch {
		case o.same:
		case o.now < 0:
			gone[last] = true
		case o.old < 0:
			before[last+1] = append(before[last+1], map[string]any{"name": now[o.now].Name, "value": now[o.now].Value})
		default:
			entry, ok := have[last].(map[string]any)
			if !ok {
				continue
			}
			entry["name"] = now[o.now].Name
			if _, has := entry["value"]; has || now[o.now].Value != "" {
				entry["value"] = now[o.now].Value
			}
		}
	}
	var out []any
	for i := range len(have) + 1 {
		out = append(out, before[i]...)
		if i < len(have) && !gone[i] {
			out = append(out, have[i])
		}
	}
	if len(out) == 0 {
		delete(e.container, "env")
		return
	}
	e.container["env"] = out
}

// listIndent is by how much this file indents its lists below their keys.
func (e *editor) listIndent() int {
	containers := value(e.pod.spec, "containers")
	key := e.pod.spec.Content[index(e.pod.spec, "containers")]
	if column := e.dash(containers.Content[0]); column >= 0 {
		return max(column-(key.Column-1), 0)
	}
	return 0
}

func (e *editor) putInit(c InitContainer) error {
	if c.Mounts == nil {
		c.Mounts = e.mounts
	}
	if err := e.knownVolumes(c.Mounts); err != nil {
		return err
	}
	lines, err := c.lines(e.listIndent())
	if err != nil {
		return fmt.Errorf("write the init container: %w", err)
	}
	want, _ := e.spec["initContainers"].([]any)
	seq := value(e.pod.spec, "initContainers")
	for i, have := range items(seq) {
		if text(value(have, "name")) == MigrateName {
			return e.replaceInit(seq, i, c, lines, want)
		}
	}
	// It comes first: it works on what is there before anything else can touch it.
	e.spec["initContainers"] = append([]any{c.tree()}, want...)
	if len(items(seq)) > 0 {
		return e.insert(seq, -1, lines)
	}
	if seq != nil {
		return fmt.Errorf("line %d: %w", seq.Line, errFlow)
	}
	return e.addInit(lines)
}

// replaceInit writes the container anew, unless it says all of it already.
func (e *editor) replaceInit(seq *yaml.Node, i int, c InitContainer, lines []string, want []any) error {
	if same(want[i], c.tree()) {
		return nil
	}
	first, last, column, err := e.item(seq, i)
	if err != nil {
		return err
	}
	want[i] = c.tree()
	e.splices = append(e.splices, splice{e.starts[first], e.lineEnd(last), strings.Join(e.block(lines, column), e.eol)})
	return nil
}

// addInit puts the list of init containers where it belongs by the alphabet, in which kubeadm writes its manifests; before nothing else than a key.
func (e *editor) addInit(lines []string) error {
	spec := e.pod.spec
	if spec.Style&yaml.FlowStyle != 0 {
		return fmt.Errorf("line %d: %w", spec.Line, errFlow)
	}
	column := spec.Content[0].Column - 1
	block := append([]string{strings.Repeat(" ", column) + "initContainers:"}, e.block(lines, column+e.listIndent())...)
	for i := 2; i < len(spec.Content); i += 2 {
		if spec.Content[i].Value > "initContainers" {
			e.insertAfter(e.lastLine(spec.Content[i-1]), block)
			return nil
		}
	}
	e.insertAfter(e.lastLine(spec), block)
	return nil
}

// knownVolumes sees that every mount has its volume.
func (e *editor) knownVolumes(mounts []Mount) error {
	known := map[string]bool{}
	for _, v := range items(value(e.pod.spec, "volumes")) {
		known[text(value(v, "name"))] = true
	}
	for _, m := range mounts {
		if !known[m.Volume] {
			return fmt.Errorf("write the init container: the pod has no volume %q", m.Volume)
		}
	}
	return nil
}

func (e *editor) removeInit() error {
	seq := value(e.pod.spec, "initContainers")
	for i, c := range items(seq) {
		if text(value(c, "name")) != MigrateName {
			continue
		}
		if len(seq.Content) == 1 {
			delete(e.spec, "initContainers")
			return e.removeKey(e.pod.spec, "initContainers")
		}
		want, _ := e.spec["initContainers"].([]any)
		e.spec["initContainers"] = append(append([]any{}, want[:i]...), want[i+1:]...)
		return e.remove(seq, i)
	}
	return nil
}

func (e *editor) probe(to HTTPProbe) error {
	host, err := scalar(to.Host, 0)
	if err != nil {
		return err
	}
	where, err := scalar(to.Path, 0)
	if err != nil {
		return err
	}
	for _, name := range probes {
		n := value(e.pod.container, name)
		i := index(n, "exec")
		if i < 0 {
			continue
		}
		key := n.Content[i]
		if n.Style&yaml.FlowStyle != 0 {
			return fmt.Errorf("line %d: %w", key.Line, errFlow)
		}
		lead := e.eol + strings.Repeat(" ", key.Column+1)
		lines := strings.Join([]string{"httpGet:", "host: " + host, "path: " + where, "port: " + strconv.Itoa(to.Port), "scheme: " + to.Scheme}, lead)
		e.splices = append(e.splices, splice{e.offset(key), e.lineEnd(e.lastLine(n.Content[i+1])), lines})
		want, ok := e.container[name].(map[string]any)
		if !ok {
			return errors.New("its keys are not all strings")
		}
		delete(want, "exec")
		want["httpGet"] = map[string]any{"host": to.Host, "path": to.Path, "port": to.Port, "scheme": to.Scheme}
	}
	return nil
}
