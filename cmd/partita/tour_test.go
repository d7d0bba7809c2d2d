package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/local"
)

// step is one command of a document, and what it prints. In the output … stands for anything
// within a line.
type step struct{ command, output string }

// stepsOf reads the console blocks of a document.
func stepsOf(t *testing.T, path string) (steps []step) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(text)) {
		command, isCommand := strings.CutPrefix(line, "$ ")
		more, goesOn := strings.CutPrefix(strings.TrimRight(line, "\n"), ">")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = strings.TrimSpace(line) == "```console"
		case inside && isCommand:
			steps = append(steps, step{command: strings.TrimSpace(command)})
		case inside && goesOn && steps[len(steps)-1].output == "":
			steps[len(steps)-1].command += "\n" + strings.TrimPrefix(more, " ")
		case inside:
			steps[len(steps)-1].output += line
		}
	}
	return steps
}

// The tours work as printed, against a service that is built from this tree.
func TestREADMEIsTrue(t *testing.T)          { tour(t, "../../README.md", "shop") }
func TestREADMEOfTheShopIsTrue(t *testing.T) { tour(t, "../../examples/shop/README.md", "shop") }
func TestREADMEOfTheTrackerIsTrue(t *testing.T) {
	tour(t, "../../examples/tracker/README.md", "tracker")
}
func TestTheTourIsTrue(t *testing.T) { tour(t, "../../docs/tour.md", "") }

// tour does what a document says, beside a running example, or without one where the document starts its own.
func tour(t *testing.T, document, example string) {
	steps := stepsOf(t, document)
	if len(steps) < 15 {
		t.Fatal("the tour has", len(steps), "steps")
	}
	dir := t.TempDir() // stands for a clone
	repository, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(repository, "examples"), filepath.Join(dir, "examples")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Dir(binary(t)), filepath.Join(dir, "bin")); err != nil {
		t.Fatal(err)
	}
	const place = "127.0.0.1:9000" // of the receiver of webhooks, as printed
	receiver := freePlace(t)
	var api, admin string
	if example == "" {
		api, admin = freePlace(t), freePlace(t)
	} else {
		api, admin = serveIn(t, dir, example, "ORDER_PLACED_HOOK=http://"+receiver+"/", "PARTITA_WEBHOOK_ALLOW=127.0.0.0/8")
	}

	var script strings.Builder
	const mark = "=== step "
	for i, s := range steps {
		fmt.Fprintf(&script, "echo '%s%d'\n%s\n", mark, i, strings.NewReplacer("localhost:8080", api, place, receiver).Replace(s.command))
	}
	shell := exec.CommandContext(t.Context(), "bash")
	shell.Dir = dir
	shell.Env = append(os.Environ(), "PARTITA_ADMIN="+admin, "PARTITA_LISTEN="+api)
	shell.Stdin = strings.NewReader("exec 2>&1\n" + script.String())
	out, err := shell.Output()
	if err != nil && len(out) == 0 {
		t.Fatal(err)
	}
	printed := strings.Split(string(out), mark)[1:]
	if len(printed) != len(steps) {
		t.Fatalf("%d of %d steps were run:\n%s", len(printed), len(steps), out)
	}
	for i, s := range steps {
		_, got, _ := strings.Cut(strings.ReplaceAll(printed[i], "\r", ""), "\n")
		if !alike(s.output, got) {
			t.Errorf("$ %s\nprints:\n%s\nthe README says:\n%s", s.command, got, s.output)
		}
	}
}

// alike tells whether output is as a document shows it.
func alike(shown, got string) bool {
	parts := strings.Split(strings.TrimRight(shown, "\n"), "…")
	for i, p := range parts {
		parts[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(strings.TrimRight(got, "\n"))
}

// serveIn serves the shop as `make run` does, but on free ports, until the test ends.
func serveIn(t *testing.T, dir, example string, env ...string) (api, admin string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(dir, "bin", "partita"), "serve", filepath.Join("examples", example, example+".yaml"))
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "PARTITA_LISTEN=127.0.0.1:0", "PARTITA_ADMIN=127.0.0.1:0"), env...)
	out := &lines{more: make(chan struct{}, 1)}
	var errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = out, &errs
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cmd.Wait(); cmd.ProcessState.ExitCode() != fine { // it was told to stop: that is no error
			t.Errorf("the service ended with %v\n%s", err, errs.String())
		}
	})
	return strings.TrimPrefix(out.after(t, "API "), "http://"), strings.TrimPrefix(out.after(t, "Page "), "http://")
}

// freePlace gives an address that nobody listens on.
func freePlace(t *testing.T) string {
	t.Helper()
	address, err := local.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// Enough rows of the generated shop pass the shop's own checks.
func TestGeneratedShopIsImported(t *testing.T) {
	dir := t.TempDir()
	generate := exec.CommandContext(t.Context(), "go", "run", "../../internal/tools/genshop", "-orders", "3000", "-out", dir)
	if out, err := generate.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for entity, rows := range map[string]int{"customer": 150, "order": 3000} {
		out := must(t, "import", entity, filepath.Join(dir, entity+".ndjson"), "--model", "../../examples/shop/shop.yaml", "--data", filepath.Join(dir, "data"))
		if want := fmt.Sprintf("%d rows of %s put in, 0 there already, 0 refused\n", rows, entity); out != want {
			t.Error(out)
		}
	}
}
