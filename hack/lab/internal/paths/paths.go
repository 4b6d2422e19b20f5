// Package paths says where the lab keeps things.
package paths

import (
	"fmt"
	"os"
	"path/filepath"
)

const folder = "kubectl-upgrade-lab"

// Cache is the folder of everything that can be built again: $LAB_CACHE, or one in the user's cache.
func Cache() (string, error) {
	if d := os.Getenv("LAB_CACHE"); d != "" {
		return filepath.Abs(d)
	}
	base, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find cache folder: %w (set LAB_CACHE)", err)
	}
	return filepath.Join(base, folder), nil
}

// State is the folder of what runs: $LAB_STATE, or one in the user's state folder.
func State() (string, error) {
	if d := os.Getenv("LAB_STATE"); d != "" {
		return filepath.Abs(d)
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, folder), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find state folder: %w (set LAB_STATE)", err)
	}
	return filepath.Join(home, ".local", "state", folder), nil
}
