package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Formats are the endings of files that a report can be written to.
func Formats() []string { return []string{".html", ".md", ".json"} }

// WriteFile writes a report in the format that the file's name ends in. The file is whole or not there: who reads it finds no half report.
func WriteFile(path string, r *Report) error {
	text, err := Encode(strings.ToLower(filepath.Ext(path)), r)
	if err != nil {
		return err
	}
	if err := Replace(path, text); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

// Replace puts a whole file in place.
func Replace(path string, text []byte) error {
	next := path + ".part"
	err := os.WriteFile(next, text, 0o644) // less where the user's umask says so: it may name every node
	if err == nil {
		err = os.Rename(next, path)
	}
	if err != nil {
		_ = os.Remove(next)
	}
	return err
}

// Replaceable tells whether Replace would succeed, as far as that can be known before.
func Replaceable(path string) error {
	if at, err := os.Stat(path); err == nil && at.IsDir() {
		return fmt.Errorf("%s is a folder", path)
	}
	next := path + ".part"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(next))
}

// Encode gives a report in a format.
func Encode(format string, r *Report) ([]byte, error) {
	var out bytes.Buffer
	switch format {
	case ".html":
		if err := HTML(&out, r); err != nil {
			return nil, err
		}
	case ".md":
		Markdown(&out, r)
	case ".json":
		text, err := json.MarshalIndent(r, "", "  ")
		return append(text, '\n'), err
	default:
		return nil, fmt.Errorf("report format %q is none of %s", format, strings.Join(Formats(), ", "))
	}
	return out.Bytes(), nil
}
