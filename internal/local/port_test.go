package local_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"sync"
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

const portsEnv = "PARTITA_LOCAL_PORTS"

// takePorts says which ports it is given, and keeps them until its input ends.
func takePorts() {
	for range 200 {
		port, err := local.FreePort()
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(port)
	}
	fmt.Println("all")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// Processes that run at once, as the tests of several packages do, are given different ports.
func TestFreePortsOfSeveralProcesses(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	const processes = 4
	said := make([][]string, processes)
	var all, reading sync.WaitGroup
	all.Add(processes)
	for i := range processes {
		reading.Go(func() {
			done := sync.OnceFunc(all.Done)
			defer done()
			cmd := exec.Command(exe)
			cmd.Env = append(os.Environ(), portsEnv+"=1")
			in, err1 := cmd.StdinPipe()
			out, err2 := cmd.StdoutPipe()
			if err := errors.Join(err1, err2, cmd.Start()); err != nil {
				t.Error(err)
				return
			}
			lines := bufio.NewScanner(out)
			for lines.Scan() && lines.Text() != "all" {
				said[i] = append(said[i], lines.Text())
			}
			done()
			all.Wait() // none ends before all have theirs
			if err := errors.Join(in.Close(), cmd.Wait()); err != nil {
				t.Error(err)
			}
		})
	}
	reading.Wait()
	by := map[string]int{}
	for i, ports := range said {
		if len(ports) != 200 {
			t.Errorf("process %d said %q", i, ports)
		}
		for _, port := range ports {
			if other, twice := by[port]; twice {
				t.Errorf("%s was given to process %d and to %d", port, other, i)
			}
			by[port] = i
		}
	}
}
