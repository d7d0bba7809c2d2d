package main

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/partita-dev/partita/internal/local"
)

// server is one measured process.
type server struct {
	name string
	addr string
	cmd  *exec.Cmd

	admin string // of Partita only
}

// secret is the development secret of the measured server; it guards nothing.
const secret = "a secret for the benchmark only, 32 bytes or more"

// startPartita serves a model from a data folder and returns when it is ready.
func (b *run) startPartita(data, model string, args ...string) (*server, time.Duration, error) {
	addr, err := local.FreeAddress()
	if err != nil {
		return nil, 0, err
	}
	return b.startPartitaAt(addr, data, model, args...)
}

// startPartitaAt does it at an address that is given.
func (b *run) startPartitaAt(addr, data, model string, args ...string) (*server, time.Duration, error) {
	admin, err := local.FreeAddress()
	if err != nil {
		return nil, 0, err
	}
	cmd := exec.Command(b.partita, append([]string{"serve", model, "--data", data, "--listen", addr, "--admin", admin, "--log-level", "warn"}, args...)...)
	cmd.Env = append(os.Environ(), "PARTITA_JWT_SECRET="+secret)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := b.start(cmd); err != nil {
		return nil, 0, err
	}
	s := &server{name: "Partita", addr: addr, cmd: cmd, admin: admin}
	b.servers = append(b.servers, s)
	for time.Since(start) < 20*time.Second {
		r, err := http.Get("http://" + addr + "/readyz")
		if err == nil {
			r.Body.Close()
			if r.StatusCode == http.StatusOK {
				return s, time.Since(start), nil
			}
		}
		time.Sleep(time.Millisecond)
	}
	return nil, 0, errors.New("the server did not become ready in 20 s")
}

// startFloor runs a floor in a process of its own.
func (b *run) startFloor(name string) (*server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(b.dir, name) // several groups may want the same floor
	if err != nil {
		return nil, err
	}
	database := ""
	if strings.HasPrefix(name, "pg") {
		url, err := b.database.Make()
		if err != nil {
			return nil, err
		}
		database = url
	}
	addr, err := local.FreeAddress()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "floor", name, "-listen", addr, "-dir", dir, "-sample", filepath.Join(b.dir, "sample.json"), "-database", database)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := b.start(cmd); err != nil {
		return nil, err
	}
	s := &server{name: name, addr: addr, cmd: cmd}
	b.servers = append(b.servers, s)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "listening ") {
			go func() { // keep the pipe empty
				for lines.Scan() {
				}
			}()
			return s, s.wait()
		}
	}
	return nil, fmt.Errorf("the floor %q ended before it listened", name)
}

// start starts a server, on a core of its own if the group keeps the load away from it.
func (b *run) start(cmd *exec.Cmd) error {
	if b.apart {
		return onCore(serverCore, cmd.Start)
	}
	return cmd.Start()
}

// wait returns when the server takes connections.
func (s *server) wait() error {
	for range 2000 {
		c, err := net.Dial("tcp", s.addr)
		if err == nil {
			return c.Close()
		}
		time.Sleep(5 * time.Millisecond)
	}
	return fmt.Errorf("%s does not listen", s.name)
}

// stop ends the server and waits for it.
func (s *server) stop() error {
	s.cmd.Process.Signal(syscall.SIGTERM)
	if err := s.cmd.Wait(); err != nil && s.name == "Partita" { // floors end by the signal
		return err
	}
	return nil
}

func (b *run) stopAll() {
	for _, s := range b.servers {
		if s.cmd.ProcessState == nil {
			s.cmd.Process.Kill()
			s.cmd.Wait()
		}
	}
}

// memory gives the resident bytes of the process.
func (s *server) memory() int64 {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

// cpu gives the processor time that the process has used.
func (s *server) cpu() time.Duration {
	b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.cmd.Process.Pid))
	_, rest, _ := strings.Cut(string(b), ") ")
	f := strings.Fields(rest)
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // clock ticks of 1/100 s
}

// ownCPU gives the processor time of the load's own process.
func ownCPU() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// folderSize adds up the files of a folder.
func folderSize(dir string) (total int64) {
	filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			total += info.Size()
		}
		return nil
	})
	return total
}
