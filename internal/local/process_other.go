//go:build !unix

package local

import "os/exec"

type systemUser struct{}

func unprivileged(string) (systemUser, error) { return systemUser{}, nil }

func apart(*exec.Cmd, systemUser) {}

func killAll(cmd *exec.Cmd) {
	cmd.Process.Kill() //nolint:errcheck // it may be gone already
	cmd.Wait()         //nolint:errcheck // it was killed
}

// freeze and thaw do nothing where processes cannot be stopped in place: see CanFreeze.
func freeze(*exec.Cmd) {}

func thaw(*exec.Cmd) {}
