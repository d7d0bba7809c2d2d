// Package hosts tells names of this machine from names that a stranger may have pointed at it. A page
// in a browser can make its own name resolve to 127.0.0.1 and would then be of one origin with what
// listens there: what asks no caller for a token has to look at the Host header.
package hosts

import (
	"net"
	"net/netip"
	"strings"
)

// Name gives the name of a Host header: without port, brackets and final dot, in lower case.
func Name(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// Own tells whether a name, as Name gives it, cannot be a stranger's: an IP address, or one of the
// names that never leave the machine (RFC 6761). A request without a name is no browser's.
func Own(name string) bool {
	if name == "" || name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return true
	}
	_, err := netip.ParseAddr(name)
	return err == nil
}

// Here tells whether an address, HOST:PORT, can be reached from this machine only.
func Here(address string) bool {
	host, _, err := net.SplitHostPort(address)
	return err == nil && Loopback(host)
}

// Loopback tells whether a host, without port and brackets, is this machine.
func Loopback(host string) bool {
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
