// Package local runs servers of others for a while, on free ports of the loopback and with files of
// their own in temporary folders: for tests, and for trying a service out. Each may be killed, frozen
// and started again.
package local

import (
	"errors"
	"net"
)

// ErrMissing says that the machine does not have the server's program.
var ErrMissing = errors.New("it is not installed on this machine")

// FreePort gives a port of the loopback that nobody listens on now.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port, nil
}
