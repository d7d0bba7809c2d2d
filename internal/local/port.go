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

// claims are what ports that were given are held by: the UDP port of the same number, which no server here
// uses and no second process can have. The system takes it back when the process ends, however that ends.
var claims struct {
	sync.Mutex
	held []net.PacketConn // one that nobody refers to is closed
}

// FreePort gives a port of the loopback that nobody listens on now, and that no other call gives, in this
// process or in another one, as long as this one runs: its caller may listen later, or again after a crash. It
// is for servers that cannot choose a port and tell it, or that come back on the same one. It is safe for
// concurrent use.
func FreePort() (int, error) {
	for _, n := range rand.Perm(pastPorts - firstPort) {
		port := firstPort + n
		claim, err := net.ListenPacket("udp", address(port))
		if err != nil {
			continue
		}
		if !free(port) {
			_ = claim.Close() // nothing was sent
			continue
		}
		claims.Lock()
		defer claims.Unlock()
		claims.held = append(claims.held, claim)
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
