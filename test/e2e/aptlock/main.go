// Command aptlock holds the lock of apt's front end until it is ended, as another apt does: by fcntl, not by flock.
// It runs on a node as a systemd service of type notify.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if err := hold(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "aptlock:", err)
		os.Exit(1)
	}
}

func hold(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o640)
	if err != nil {
		return fmt.Errorf("open lock: %w", err)
	}
	defer f.Close()
	if err := syscall.FcntlFlock(f.Fd(), syscall.F_SETLK, &syscall.Flock_t{Type: syscall.F_WRLCK}); err != nil {
		return fmt.Errorf("take lock %s: %w", path, err)
	}
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	if err := ready(os.Getenv("NOTIFY_SOCKET")); err != nil {
		return err
	}
	<-end
	return nil
}

func ready(socket string) error {
	c, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return fmt.Errorf("reach systemd: %w", err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("READY=1")); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}
