package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if built != "" {
		os.RemoveAll(built)
	}
	os.Exit(code)
}

var built string // the folder of the program, once it was made

// build makes the program, once.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "partita-test")
	if err != nil {
		return "", err
	}
	built = dir
	path := filepath.Join(dir, "partita")
	if out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return path, nil
})

// binary gives the path of the program, built from this tree.
func binary(t *testing.T) string {
	t.Helper()
	path, err := build()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// An import that is killed again and again puts every row in once.
func TestImportSurvivesKills(t *testing.T) {
	const rows = 60_000
	dir := t.TempDir()
	file, data := filepath.Join(dir, "note.ndjson"), filepath.Join(dir, "data")
	f, err := os.Create(file)
	if err != nil {
		t.Fatal(err)
	}
	for n := range rows { // without a key: the model makes it
		fmt.Fprintf(f, `{"person_id":"p%d","title":"note %d"}`+"\n", n%1000, n)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	args := []string{"import", "note", file, "--model", "starter.yaml", "--data", data}
	kills := 0
	for range 5 {
		cmd := exec.CommandContext(t.Context(), binary(t), args...)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		grown := sizeOf(data) + 300_000 // kill it when this much more was written
		for sizeOf(data) < grown && len(ended) == 0 {
			// busy on purpose: the moment of the kill should be any
		}
		if err := cmd.Process.Kill(); err == nil {
			kills++
		}
		<-ended
	}
	out := program(t, args...)
	if kills < 3 {
		t.Errorf("it was killed %d times only: %s", kills, out)
	}
	if exported := program(t, "export", "note", "--model", "starter.yaml", "--data", data); strings.Count(exported, "\n") != rows {
		t.Errorf("%d rows, want %d; the last run said: %s", strings.Count(exported, "\n"), rows, out)
	}
}

// program runs the built program, which is quicker than the one under the race detector.
func program(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), binary(t), args...).Output()
	if err != nil {
		t.Fatalf("partita %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// sizeOf gives the bytes of the files in a folder.
func sizeOf(dir string) (n int64) {
	entries, _ := os.ReadDir(dir) // not there yet: 0
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			n += info.Size()
		}
	}
	return n
}
