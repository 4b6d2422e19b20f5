package host

import (
	"encoding/hex"
	"fmt"
	"io"
	"os"

	"github.com/kubectl-upgrade/kubectl-upgrade/pkg/host/workdir"
)

// Give writes an offered file from a byte on. Its name is a checksum, so that nothing else can be asked for.
func Give(work workdir.Dir, name string, offset int64, w io.Writer) error {
	if b, err := hex.DecodeString(name); err != nil || len(b) != 32 {
		return fmt.Errorf("give file: %q is no checksum", name)
	}
	f, err := os.Open(work.Offered(name))
	if err != nil {
		return fmt.Errorf("give file: %w", err)
	}
	defer f.Close()
	if _, err := f.Seek(offset, io.SeekStart); err != nil {
		return fmt.Errorf("give file: %w", err)
	}
	if _, err := io.Copy(w, f); err != nil {
		return fmt.Errorf("give file: %w", err)
	}
	return nil
}
