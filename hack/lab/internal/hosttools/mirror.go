package hosttools

import (
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// Mirror finds the Debian mirror that this machine uses, so that the lab asks no other. It is empty where the machine
// names none; debootstrap then has a default of its own.
func Mirror(root string) string {
	files := []string{filepath.Join(root, "etc/apt/sources.list")}
	for _, glob := range []string{"*.sources", "*.list"} {
		more, _ := filepath.Glob(filepath.Join(root, "etc/apt/sources.list.d", glob))
		sort.Strings(more)
		files = append(files, more...)
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			continue
		}
		for _, uri := range uris(string(data)) {
			if trimmed := strings.TrimRight(uri, "/"); strings.HasSuffix(trimmed, "/debian") {
				return trimmed
			}
		}
	}
	return ""
}

// uris lists the addresses in an apt source file of either style.
func uris(text string) []string {
	var out []string
	for _, line := range strings.Split(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if fields[0] != "deb" && !strings.EqualFold(fields[0], "URIs:") {
			continue
		}
		for _, f := range fields[1:] {
			if strings.Contains(f, "://") && !strings.HasPrefix(f, "[") {
				out = append(out, f)
			}
		}
	}
	return out
}
