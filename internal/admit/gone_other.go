//go:build !unix

package admit

import "syscall"

// gone tells whether the other side has closed the connection; it cannot be told here.
func gone(syscall.Conn) bool { return false }
