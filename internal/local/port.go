package local

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
)

// Ports are looked for below those that systems give to connections going out (32768 and up on Linux,
// 49152 and up elsewhere): one of those could be anybody's by the time that a server listens on it.
const (
	firstPort = 10000
	pastPorts = 32768
)

var given struct {
	sync.Mutex
	ports map[int]bool // each is given to one caller only, who may listen later, or again after a crash
}

// FreePort gives a port of the loopback that nobody listens on now, and that no other call in this
// process gives. It is for servers that cannot choose a port and tell it, or that come back on the same
// one. It is safe for concurrent use.
func FreePort() (int, error) {
	given.Lock()
	defer given.Unlock()
	for _, n := range rand.Perm(pastPorts - firstPort) {
		port := firstPort + n
		if given.ports[port] || !free(port) {
			continue
		}
		if given.ports == nil {
			given.ports = map[int]bool{}
		}
		given.ports[port] = true
		return port, nil
	}
	return 0, fmt.Errorf("no port of the loopback is free from %d to %d", firstPort, pastPorts-1)
}

// FreeAddress gives FreePort with the loopback before it, as 127.0.0.1:PORT.
func FreeAddress() (string, error) {
	port, err := FreePort()
	if err != nil {
		return "", err
	}
	return address(port), nil
}

func free(port int) bool {
	l, err := net.Listen("tcp", address(port))
	return err == nil && l.Close() == nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
