//go:build !unix

package local

import (
	"os"
	"os/exec"
)

type systemUser struct{}

func unprivileged(string) (systemUser, error) { return systemUser{}, nil }

func apart(*exec.Cmd, systemUser) {}

func killAll(p *os.Process, ended <-chan struct{}) {
	p.Kill() //nolint:errcheck // it may be gone already
	<-ended
}

// freeze and thaw do nothing where processes cannot be stopped in place: see CanFreeze.
func freeze(*os.Process) {}

func thaw(*os.Process) {}
