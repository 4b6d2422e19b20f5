package manifest

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"sigs.k8s.io/yaml"
)

// SetKubeadmEtcd writes etcd.local.imageTag, and etcd.local.imageRepository where it is not empty, into the text of kubeadm's ClusterConfiguration, and
// leaves every other byte as it is. An external etcd is an error.
func SetKubeadmEtcd(text, repository, tag string) (string, error) {
	out, err := setKubeadmEtcd(text, repository, tag)
	if err != nil {
		return "", fmt.Errorf("edit kubeadm's ClusterConfiguration: %w", err)
	}
	return out, nil
}

func setKubeadmEtcd(text, repository, tag string) (string, error) {
	var want map[string]any
	if err := yaml.Unmarshal([]byte(text), &want); err != nil {
		return "", err
	}
	local, err := localEtcd(want)
	if err != nil {
		return "", err
	}
	fields := [][2]string{{"imageTag", tag}}
	if repository != "" {
		fields = append(fields, [2]string{"imageRepository", repository})
	}
	for _, f := range fields {
		local[f[0]] = f[1]
	}
	out := text
	for _, f := range fields {
		out = setNested(out, []string{"etcd", "local"}, f[0], quoted(f[1]))
	}
	var have map[string]any
	if err := yaml.Unmarshal([]byte(out), &have); err != nil || !reflect.DeepEqual(have, want) {
		return "", errors.New("it is not written as kubeadm writes it: set etcd.local.imageTag by hand")
	}
	return out, nil
}

// localEtcd finds, or makes, the part about the etcd that kubeadm runs.
func localEtcd(config map[string]any) (map[string]any, error) {
	etcd, _ := config["etcd"].(map[string]any)
	if etcd == nil {
		etcd = map[string]any{}
		config["etcd"] = etcd
	}
	if etcd["external"] != nil {
		return nil, errors.New("its etcd is external")
	}
	local, _ := etcd["local"].(map[string]any)
	if local == nil {
		local = map[string]any{}
		etcd["local"] = local
	}
	return local, nil
}

// quoted writes a value so that YAML reads a string: "3.6" would be a number.
func quoted(v string) string {
	var back any
	if err := yaml.Unmarshal([]byte(v), &back); err == nil {
		if s, ok := back.(string); ok && s == v {
			return v
		}
	}
	return `"` + v + `"`
}

// setNested sets a scalar below a path of keys in a text of block mappings, line by line; a key that is missing is added.
func setNested(text string, path []string, key, value string) string {
	lines := strings.SplitAfter(text, "\n")
	if last := len(lines) - 1; lines[last] == "" {
		lines = lines[:last]
	} else {
		lines[last] += "\n"
	}
	from, to, indent := 0, len(lines), 0
	for depth, p := range path {
		i := find(lines, from, to, indent, p)
		if i < 0 {
			return insert(lines, to, block(path[depth:], indent, key, value))
		}
		if rest := strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(lines[i]), p+":")); rest == "{}" || rest == "null" {
			lines[i] = strings.Repeat(" ", indent) + p + ":\n"
		}
		from = i + 1
		to = end(lines, from, to, indent)
		inner := indent + 2
		if from < to {
			inner = width(lines[from])
		}
		indent = inner
	}
	line := strings.Repeat(" ", indent) + key + ": " + value + "\n"
	if i := find(lines, from, to, indent, key); i >= 0 {
		lines[i] = line
		return strings.Join(lines, "")
	}
	return insert(lines, to, line)
}

// block is a path of keys that is not there yet, with a scalar below.
func block(path []string, indent int, key, value string) string {
	var b strings.Builder
	for i, p := range path {
		b.WriteString(strings.Repeat(" ", indent+2*i) + p + ":\n")
	}
	b.WriteString(strings.Repeat(" ", indent+2*len(path)) + key + ": " + value + "\n")
	return b.String()
}

func insert(lines []string, at int, text string) string {
	return strings.Join(lines[:at], "") + text + strings.Join(lines[at:], "")
}

// find gives the line of a key of a mapping, or -1.
func find(lines []string, from, to, indent int, key string) int {
	for i := from; i < to; i++ {
		if width(lines[i]) == indent && strings.HasPrefix(strings.TrimSpace(lines[i]), key+":") {
			return i
		}
	}
	return -1
}

// end is the line after the last one that lies deeper than indent. Items of a list may lie as deep as their key.
func end(lines []string, from, to, indent int) int {
	for i := from; i < to; i++ {
		if t := strings.TrimSpace(lines[i]); t != "" && width(lines[i]) <= indent {
			return i
		}
	}
	return to
}

func width(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
