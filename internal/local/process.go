package local

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// process is a server's program, while it runs. It is safe for concurrent use.
type process struct {
	mu    sync.Mutex
	cmd   *exec.Cmd     // nil: it does not run
	ended chan struct{} // closed when it has
}

// readyTime is how long a server may take until it answers.
const readyTime = time.Minute

// run starts a server, with its output behind what its folder's log has, and returns when it answers. It
// is killed when this program ends, however that ends, where the system can do that.
func (p *process) run(name, dir string, cmd *exec.Cmd, ready func(context.Context) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	path := filepath.Join(dir, "log")
	log, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, log, log
	started, ended := make(chan error), make(chan struct{})
	go func() {
		defer close(ended)
		// What the system ties a server to is the thread that started it, so that is kept until the
		// server ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			cmd.Wait() //nolint:errcheck // it is told to end
		}
	}()
	if err := <-started; err != nil {
		return err
	}
	p.cmd, p.ended = cmd, ended
	ctx, cancel := context.WithTimeout(context.Background(), readyTime)
	defer cancel()
	for {
		err := ready(ctx)
		if err == nil {
			return nil
		}
		select { // that a server is ready has no signal
		case <-time.After(10 * time.Millisecond):
			continue
		case <-ended:
			p.cmd = nil
			err = fmt.Errorf("it has ended")
		case <-ctx.Done():
		}
		text, _ := os.ReadFile(path) // what it said, if it did
		return fmt.Errorf("%s does not answer: %w: %s", name, err, text)
	}
}

// Kill ends the server and all that it started at once, as a crash does.
func (p *process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs() {
		killAll(p.cmd.Process, p.ended)
	}
	p.cmd = nil
}

// end asks the server to end, and waits until it has.
func (p *process) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs() {
		p.cmd.Process.Signal(os.Interrupt) //nolint:errcheck // it may be gone already
		<-p.ended
	}
	p.cmd = nil
}

// Freeze stops all its processes in place, and Thaw lets them go on: a server that hangs.
func (p *process) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs() {
		freeze(p.cmd.Process)
	}
}

// Thaw ends Freeze.
func (p *process) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.runs() {
		thaw(p.cmd.Process)
	}
}

// runs tells whether the program runs. The lock is held.
func (p *process) runs() bool {
	if p.cmd == nil {
		return false
	}
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}
