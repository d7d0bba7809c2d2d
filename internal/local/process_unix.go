//go:build unix

package local

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// systemUser is whom a server runs as; the zero value is who runs this program.
type systemUser struct{ credential *syscall.Credential }

// unprivileged picks another user where this program runs as root, which PostgreSQL refuses to, and
// gives it the folder.
func unprivileged(dir string) (systemUser, error) {
	if os.Getuid() != 0 {
		return systemUser{}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		return systemUser{&syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, os.Chown(dir, uid, gid)
	}
	return systemUser{}, fmt.Errorf("PostgreSQL does not run as root, and there is no user postgres or nobody")
}

// apart runs a server in a group of its own, so that an interrupt from the terminal is not for it.
func apart(cmd *exec.Cmd, u systemUser) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: u.credential, Setpgid: true}
	tie(cmd.SysProcAttr)
}

// killAll ends a server and all the processes that it started, at once.
func killAll(p *os.Process, ended <-chan struct{}) {
	pid := p.Pid
	// A backend that outlives the server holds the memory that the next one wants, so nothing is
	// started any more before all are killed, and they are waited for.
	kill(pid, syscall.SIGSTOP)
	await(func() bool { s := state(pid); return s == 'T' || s == 0 || s == 'Z' })
	backends := children(pid)
	for _, child := range backends {
		kill(child, syscall.SIGKILL)
	}
	kill(pid, syscall.SIGKILL)
	<-ended
	for _, child := range backends {
		await(func() bool { return state(child) == 0 || state(child) == 'Z' })
	}
}

// freeze stops the server first: what it would start afterwards would not be stopped.
func freeze(p *os.Process) {
	pid := p.Pid
	kill(pid, syscall.SIGSTOP)
	await(func() bool { s := state(pid); return s == 'T' || s == 0 || s == 'Z' })
	for _, child := range children(pid) {
		kill(child, syscall.SIGSTOP)
	}
}

func thaw(p *os.Process) {
	for _, pid := range append(children(p.Pid), p.Pid) {
		kill(pid, syscall.SIGCONT)
	}
}

func kill(pid int, sig syscall.Signal) {
	syscall.Kill(pid, sig) //nolint:errcheck // it may be gone already
}

// await waits, not for ever, until something is so of a process; that has no signal.
func await(so func() bool) {
	for end := time.Now().Add(10 * time.Second); !so() && time.Now().Before(end); {
		time.Sleep(time.Millisecond)
	}
}

// state gives the state of a process as /proc has it, 0 where there is none.
func state(pid int) byte {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	if _, after, ok := strings.Cut(string(b), ") "); ok && after != "" {
		return after[0]
	}
	return 0
}

// children lists the processes that a process started: backends have groups of their own.
func children(pid int) (out []int) {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, f := range files {
		b, _ := os.ReadFile(f)
		for field := range strings.FieldsSeq(string(b)) {
			if n, err := strconv.Atoi(field); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}
