//go:build !unix

package admit

import "net"

// gone tells whether the other side has closed the connection; it cannot be told here.
func gone(*net.TCPConn) bool { return false }
