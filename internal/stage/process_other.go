//go:build !unix

package stage

import (
	"errors"
	"os/exec"
	"time"
)

// Freezes tells whether processes can be stopped in place on this system.
const Freezes = false

func interrupt(cmd *exec.Cmd) error { return cmd.Process.Kill() }

var errFreeze = errors.New("processes cannot be stopped in place on this system")

// Freeze cannot be done here.
func (n *Node) Freeze() error { return errFreeze }

// Thaw cannot be done here.
func (n *Node) Thaw() error { return errFreeze }

func cpuOf(int) time.Duration { return 0 }
