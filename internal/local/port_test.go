package local_test

import (
	"net"
	"strconv"
	"testing"

	"github.com/partita-dev/partita/internal/local"
)

// Ports that are given can be listened on, are given once, and are none that a connection going out may
// have in the meantime.
func TestFreePorts(t *testing.T) {
	given := map[int]bool{}
	for range 200 {
		port, err := local.FreePort()
		if err != nil {
			t.Fatal(err)
		}
		if given[port] || port < 10000 || port >= 32768 {
			t.Errorf("port %d; given before: %v", port, given[port])
		}
		given[port] = true
	}
	address, err := local.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := strconv.Atoi(port); err != nil || given[n] {
		t.Errorf("%s was given twice (%v)", address, err)
	}
}
