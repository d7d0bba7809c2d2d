// Command gotest runs `go test` with the given arguments and says what counts: the output of what
// failed, a line for each package, and closing figures. A test that is skipped fails the run: what
// was not run was not tested.
package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

func main() {
	start := time.Now()
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	t := newTally(os.Stdout)
	if slices.Contains(os.Args[1:], "./...") {
		t.expected = servers
	}
	t.follow(out)
	failed := cmd.Wait() != nil
	if !t.close(time.Since(start)) || failed {
		os.Exit(1)
	}
}

// event is one line of `go test -json`; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output, ImportPath, FailedBuild string
	Elapsed                                                float64
}

// servers are what a run of all packages must have been against. Packages say so in a line of their own
// that begins with ranAgainst.
var servers = []string{"PostgreSQL", "Redis"}

const ranAgainst = "ran against "

// tally follows one run.
type tally struct {
	expected []string // servers without which the run fails
	against  []string // what ran, each once
	w        io.Writer
	output   map[string][]string // of running tests and packages, by "package test"
	skipped  map[string][]string
	failed   []string
	passed   int
	tested   int // packages
}

func newTally(w io.Writer) *tally {
	return &tally{w: w, output: map[string][]string{}, skipped: map[string][]string{}}
}

func (t *tally) follow(r io.Reader) {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		if line != "" {
			t.line(line)
		}
		if err != nil {
			return
		}
	}
}

func (t *tally) line(line string) {
	var e event
	if json.Unmarshal([]byte(line), &e) != nil {
		fmt.Fprint(t.w, line)
		return
	}
	id := strings.TrimSpace(cmp.Or(e.Package, e.ImportPath) + " " + e.Test)
	switch e.Action {
	case "output", "build-output":
		if what, ok := strings.CutPrefix(strings.TrimSpace(e.Output), ranAgainst); ok && e.Test == "" && !slices.Contains(t.against, what) {
			t.against = append(t.against, what)
		}
		t.output[id] = append(t.output[id], e.Output)
	case "pass", "fail", "skip":
		t.end(e, id)
	}
}

func (t *tally) end(e event, id string) {
	if e.Action == "fail" {
		t.failed = append(t.failed, id)
		for _, line := range slices.Concat(t.output[e.FailedBuild], t.output[id]) {
			fmt.Fprint(t.w, line)
		}
	}
	switch {
	case e.Test == "":
		t.endPackage(e)
	case e.Action == "pass":
		t.passed++
	case e.Action == "skip":
		t.skipped[id] = t.output[id]
	}
	delete(t.output, id)
}

// endPackage prints a line for a package; one without tests is "skip" and has none.
func (t *tally) endPackage(e event) {
	switch e.Action {
	case "pass":
		t.tested++
		fmt.Fprintf(t.w, "ok    %-60s %6.1fs\n", e.Package, e.Elapsed)
	case "fail":
		t.tested++
		fmt.Fprintf(t.w, "FAIL  %-60s %6.1fs\n", e.Package, e.Elapsed)
	}
}

// close prints the closing figures and tells whether all is well.
func (t *tally) close(took time.Duration) bool {
	for _, id := range slices.Sorted(maps.Keys(t.skipped)) {
		fmt.Fprintf(t.w, "SKIPPED, which counts as failed: %s\n%s", id, strings.Join(t.skipped[id], ""))
	}
	for _, id := range t.failed {
		fmt.Fprintln(t.w, "FAILED:", id)
	}
	missing := 0
	for _, what := range slices.Sorted(slices.Values(t.against)) {
		fmt.Fprintln(t.w, "ran against", what)
	}
	for _, want := range t.expected {
		if !slices.ContainsFunc(t.against, func(what string) bool { return strings.HasPrefix(what, want) }) {
			missing++
			fmt.Fprintf(t.w, "NOT RUN, which counts as failed: tests against %s\n", want)
		}
	}
	well := len(t.failed) == 0 && len(t.skipped) == 0 && missing == 0 && t.passed > 0
	word := "PASS"
	if !well {
		word = "FAIL"
	}
	fmt.Fprintf(t.w, "%s: %d packages, %d tests passed, %d failed, %d skipped, %s\n",
		word, t.tested, t.passed, len(t.failed), len(t.skipped), took.Round(time.Second))
	return well
}
