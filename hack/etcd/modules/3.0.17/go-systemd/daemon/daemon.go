// Package daemon tells systemd how a service is. etcd 3.0.17 was written against a state of go-systemd between two
// releases, in which SdNotify had one argument and two results; no module version has that.
package daemon

import (
	"net"
	"os"
)

// SdNotify sends the state to the socket that systemd named, and says whether there was one.
func SdNotify(state string) (bool, error) {
	socket := os.Getenv("NOTIFY_SOCKET")
	if socket == "" {
		return false, nil
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return false, err
	}
	defer conn.Close()
	_, err = conn.Write([]byte(state))
	return err == nil, err
}
