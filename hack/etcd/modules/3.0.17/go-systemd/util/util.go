// Package util says whether systemd runs here.
package util

import "os"

// IsRunningSystemd looks for what systemd makes when it boots a system.
func IsRunningSystemd() bool {
	info, err := os.Lstat("/run/systemd/system")
	return err == nil && info.IsDir()
}
