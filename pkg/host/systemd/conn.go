// Package systemd talks to the host's service manager over D-Bus: from the agent's pod to start transient units, from the host to restart the kubelet.
package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strconv"

	sd "github.com/coreos/go-systemd/v22/dbus"
	"github.com/godbus/dbus/v5"
)

// The private socket comes first: it needs no message bus daemon, which may itself be restarted by a package upgrade.
// Both paths are spelled out because godbus would look in /var/run, which a scratch image does not have.
const (
	privateSocket = "/run/systemd/private"
	busSocket     = "/run/dbus/system_bus_socket"
)

// Conn is a connection to the host's systemd.
type Conn struct {
	*sd.Conn
	// Version is systemd's own, such as 252.
	Version int
}

// Connect opens a connection, which ends with ctx.
func Connect(ctx context.Context) (*Conn, error) {
	c, err := sd.NewConnection(func() (*dbus.Conn, error) { return dial(ctx, privateSocket, false) })
	if err != nil {
		var berr error
		if c, berr = sd.NewConnection(func() (*dbus.Conn, error) { return dial(ctx, busSocket, true) }); berr != nil {
			return nil, fmt.Errorf("connect to the host's systemd: %w", errors.Join(err, berr))
		}
	}
	v, err := c.GetManagerProperty("Version")
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("ask systemd for its version: %w", err)
	}
	return &Conn{Conn: c, Version: parseVersion(v)}, nil
}

// dial authenticates by the uid that the kernel vouches for; a bus wants Hello first, systemd's own socket refuses it.
func dial(ctx context.Context, socket string, hello bool) (*dbus.Conn, error) {
	c, err := dbus.Dial("unix:path="+socket, dbus.WithContext(ctx))
	if err != nil {
		return nil, err
	}
	err = c.Auth([]dbus.Auth{dbus.AuthExternal(strconv.Itoa(os.Getuid()))})
	if err == nil && hello {
		err = c.Hello()
	}
	if err != nil {
		c.Close()
		return nil, fmt.Errorf("authenticate at %s: %w", socket, err)
	}
	return c, nil
}

var firstNumber = regexp.MustCompile(`\d+`)

// parseVersion reads "252.39-1~deb12u1", "v255" or "systemd 219", quoted as a variant.
func parseVersion(s string) int {
	n, err := strconv.Atoi(firstNumber.FindString(s))
	if err != nil {
		return 0
	}
	return n
}
