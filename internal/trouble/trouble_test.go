package trouble

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

func TestNoDrillNoTrouble(t *testing.T) {
	n, err := Connect("")
	if n != nil || err != nil || n.Disk("write") != nil || n.Clock() != 0 || n.Room(7) != 7 {
		t.Error(n, err)
	}
	if _, err := Connect(filepath.Join(t.TempDir(), "nobody")); err == nil {
		t.Error("a drill that is not there is no error")
	}
}

func TestANodeDoesAsTheDrillSays(t *testing.T) {
	dir, err := os.MkdirTemp("", "drill") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	d, err := Listen(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	d.Set(State{Full: true})
	n, err := Connect(filepath.Join(dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	if err := n.Disk("write"); !errors.Is(err, syscall.ENOSPC) || n.Disk("read") != nil || n.Disk("sync") != nil || n.Room(7) != 0 {
		t.Error("full:", err)
	}
	d.Set(State{Fail: true, Clock: time.Hour})
	if err := n.Disk("sync"); !errors.Is(err, syscall.EIO) || n.Disk("write") != nil || n.Clock() != time.Hour || n.Room(7) != 7 {
		t.Error("failing:", err)
	}
	d.Set(State{Hang: true})
	back := make(chan error)
	go func() { back <- n.Disk("read") }()
	select {
	case <-back:
		t.Error("what hangs came back")
	default:
	}
	d.Set(State{})
	if err := <-back; err != nil {
		t.Error("what hung gives", err)
	}
	d.Set(State{Write: time.Hour})
	go func() { back <- n.Disk("write") }()
	if err := d.Close(); err != nil { // the drill is over, and so is the trouble
		t.Error(err)
	}
	if err := <-back; err != nil {
		t.Error(err)
	}
}
