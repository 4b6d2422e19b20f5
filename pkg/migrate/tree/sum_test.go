package tree

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/iotest"
)

func TestCopySum(t *testing.T) {
	for _, size := range []int{0, 1, piece - 1, piece, piece + 1, 5*piece + 7, behind, behind + piece} {
		data := make([]byte, size)
		for i := range data {
			data[i] = byte(i * 7 / 3)
		}
		path := filepath.Join(t.TempDir(), "out")
		out, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		sum, n, err := CopySum(out, iotest.HalfReader(bytes.NewReader(data)))
		out.Close()
		want := sha256.Sum256(data)
		got, readErr := os.ReadFile(path)
		if err != nil || readErr != nil || n != int64(size) || !bytes.Equal(sum, want[:]) || !bytes.Equal(got, data) {
			t.Errorf("%d bytes: %d are copied with sum %x, %v, %v", size, n, sum, err, readErr)
		}
	}
}

func TestCopySumFails(t *testing.T) {
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	fault := errors.New("the disk is broken")
	if _, _, err := CopySum(out, iotest.ErrReader(fault)); !errors.Is(err, fault) {
		t.Errorf("err = %v", err)
	}
	out.Close()
	if _, _, err := CopySum(out, bytes.NewReader(make([]byte, 9*piece))); !errors.Is(err, os.ErrClosed) {
		t.Errorf("err = %v", err)
	}
}
