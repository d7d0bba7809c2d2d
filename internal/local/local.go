// Package local runs servers of others for a while, on free ports of the loopback and with files of
// their own in temporary folders: for tests, and for trying a service out. Each may be killed, frozen
// and started again.
package local

import "errors"

// ErrMissing says that the machine does not have the server's program.
var ErrMissing = errors.New("it is not installed on this machine")
