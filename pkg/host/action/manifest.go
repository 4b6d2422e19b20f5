package action

import (
	"fmt"
	"os"
	"strings"

	"sigs.k8s.io/yaml"
)

// manifestArgs reads the flags of a static pod's first container, without their dashes.
func manifestArgs(path string) (map[string]string, error) {
	command, err := manifestCommand(path)
	if err != nil {
		return nil, err
	}
	args := map[string]string{}
	for _, a := range command {
		if k, v, ok := strings.Cut(a, "="); ok && strings.HasPrefix(k, "--") {
			args[k[2:]] = v
		}
	}
	return args, nil
}

// manifestCommand reads the whole command line of a static pod's first container.
func manifestCommand(path string) ([]string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read static pod: %w", err)
	}
	pod := struct {
		Spec struct {
			Containers []struct {
				Command []string `json:"command"`
				Args    []string `json:"args"`
			} `json:"containers"`
		} `json:"spec"`
	}{}
	if err := yaml.Unmarshal(b, &pod); err != nil {
		return nil, fmt.Errorf("read static pod %s: %w", path, err)
	}
	if len(pod.Spec.Containers) == 0 {
		return nil, fmt.Errorf("read static pod %s: it has no container", path)
	}
	c := pod.Spec.Containers[0]
	return append(c.Command, c.Args...), nil
}
