package apt

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// rootEnv names the directory that the tests make their root. It is an overlay of the machine's own root in a mount namespace of
// their own: apt and dpkg are the real ones with the real database, and nothing they do reaches the machine.
const rootEnv = "KUBECTL_UPGRADE_TEST_ROOT"

// lockEnv makes this program hold the POSIX lock of a file until its standard input ends, as another package manager would.
const lockEnv = "KUBECTL_UPGRADE_TEST_LOCK"

func TestMain(m *testing.M) {
	if file := os.Getenv(lockEnv); file != "" {
		os.Exit(holdLock(file))
	}
	if dir := os.Getenv(rootEnv); dir != "" {
		if err := enter(dir); err != nil {
			fmt.Fprintln(os.Stderr, "enter throw-away root:", err)
			os.Exit(3)
		}
	}
	os.Exit(m.Run())
}

func holdLock(file string) int {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err == nil {
		err = syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK, Whence: io.SeekStart})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "hold lock:", err)
		return 4
	}
	fmt.Println("locked")
	_, _ = io.Copy(io.Discard, os.Stdin)
	return 0
}

// inRoot runs a test of this package in the throw-away root; it returns true there.
func inRoot(t *testing.T) bool {
	t.Helper()
	if os.Getenv(rootEnv) != "" {
		return true
	}
	// A developer's machine may lack root or Debian; where everything is to be proven, that is a failure.
	without := t.Skip
	if os.Getenv("CI") != "" {
		without = t.Fatal
	}
	if os.Geteuid() != 0 || testing.Short() {
		without("needs root for a mount namespace")
	}
	for _, tool := range []string{"apt-get", "dpkg-deb", "apt-ftparchive"} {
		if _, err := exec.LookPath(tool); err != nil {
			without("needs ", tool)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), rootEnv+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNS}
	out, err := cmd.CombinedOutput()
	if exit, ok := err.(*exec.ExitError); ok && exit.ExitCode() == 3 {
		without("no overlay here: ", string(out))
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	return false
}

func enter(dir string) error {
	if err := syscall.Mount("", "/", "", syscall.MS_PRIVATE|syscall.MS_REC, ""); err != nil {
		return err
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, ""); err != nil {
		return err
	}
	up, work, root := filepath.Join(dir, "up"), filepath.Join(dir, "work"), filepath.Join(dir, "root")
	for _, d := range []string{up, work, root} {
		if err := os.Mkdir(d, 0o755); err != nil {
			return err
		}
	}
	if err := syscall.Mount("overlay", root, "overlay", 0, "lowerdir=/,upperdir="+up+",workdir="+work); err != nil {
		return err
	}
	for _, d := range []string{"/proc", "/dev"} {
		if err := syscall.Mount(d, root+d, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return err
		}
	}
	if err := syscall.Mount("tmpfs", root+"/tmp", "tmpfs", 0, "mode=1777"); err != nil {
		return err
	}
	if err := syscall.Chroot(root); err != nil {
		return err
	}
	return os.Chdir("/")
}
