// Command drills holds the shop of the examples against every promise that `partita drill` knows, with each
// store, in a short form, and says what became of each. What could not be judged fails as what was broken does.
//
// Drills whose trouble is no load are carried out side by side, on copies of their own; those about load one after
// the other, with nothing beside them. Each is carried out once more where only the speed of the machine spoke
// against it. The loads are multiples of a rate that any machine follows, so that the calm is one everywhere: what
// is above ten times that is an overload, and what goodput it leaves is told, and judged by `make bench` and by
// `partita drill` on a machine that does nothing else.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"time"
)

// group is drills that are carried out in one go.
type group struct {
	store string
	names []string
	flags []string
}

var (
	troubles = []group{
		{"sqlite", []string{"store slow", "store frozen", "node killed", "disk full", "disk fails", "clock jump"}, []string{"--time", "1s", "--knee", "600"}},
		{"postgres", []string{"store slow", "store frozen", "store cut", "store killed"}, []string{"--time", "1s", "--knee", "600"}},
		{"postgres", []string{"bus cut", "cache cut", "node killed", "clock jump"}, []string{"--time", "1s", "--knee", "600"}},
	}
	loads = []group{
		{"sqlite", loadNames, loadFlags},
		{"postgres", loadNames, loadFlags},
	}
	loadFlags = []string{"--time", "1s", "--knee", "2000"}
	loadNames = []string{"hot partition", "overload 2x", "overload 5x", "overload 10x", "bulk spike", "retry storm"}
	// toldOnly are promises that compare with what a machine does that is otherwise idle.
	toldOnly = []string{"goodput", "what is let in is fast"}
)

// result is what is read of a report.
type result struct {
	Store  string
	Knee   float64
	Drills []struct {
		Drill, Why string
		Seed       uint64
		Earlier    []string
		Promises   []struct {
			Promise, Bound, Figure, Verdict string
			Details                         []string
		}
	}
}

func main() {
	program := flag.String("partita", "bin/partita", "the program")
	file := flag.String("model", "examples/shop/shop.yaml", "the model")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	start, fine := time.Now(), true
	var beside sync.WaitGroup
	verdicts := make([]bool, len(troubles))
	for i, g := range troubles {
		beside.Go(func() { verdicts[i] = g.run(ctx, *program, *file) })
	}
	beside.Wait()
	for _, v := range verdicts {
		fine = fine && v
	}
	for _, g := range loads {
		fine = g.run(ctx, *program, *file) && fine
	}
	fmt.Printf("drills: %s in all\n", time.Since(start).Round(time.Second))
	if !fine {
		os.Exit(1)
	}
}

// run carries a group out and tells whether every promise was kept.
func (g *group) run(ctx context.Context, program, file string) bool {
	args := append([]string{"drill", file, "--store", g.store, "--again", "1", "--json"}, g.flags...)
	cmd := exec.CommandContext(ctx, program, append(args, g.names...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // it has processes of its own to end
	var out, told bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &told
	failed := cmd.Run() // 1 where a promise was broken: which ones is in the report
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		fmt.Printf("drills: with %s there is no report: %v\n%s", g.store, failed, told.String())
		return false
	}
	text, fine := r.text(len(g.names))
	if !fine {
		text += told.String()
	}
	fmt.Print(text)
	return fine
}

// text says in a line for each drill what became of it, and whether all was kept.
func (r *result) text(wanted int) (string, bool) {
	var b strings.Builder
	fine := len(r.Drills) == wanted
	for _, d := range r.Drills {
		verdict := "kept"
		var details []string
		for _, why := range d.Earlier {
			details = append(details, "once more, since "+why)
		}
		if d.Why != "" {
			verdict = "not judged"
			details = append(details, d.Why)
		}
		for _, p := range d.Promises {
			if p.Verdict == "broken" {
				if !slices.Contains(toldOnly, p.Promise) {
					verdict = "broken"
				}
				details = append(details, fmt.Sprintf("%s: %s; promised: %s", p.Promise, p.Figure, p.Bound))
				details = append(details, p.Details...)
			}
		}
		fine = fine && verdict == "kept"
		fmt.Fprintf(&b, "drills: %s, %s (seed %d): %s\n", r.Store, d.Drill, d.Seed, verdict)
		for _, line := range details {
			fmt.Fprintf(&b, "    %s\n", line)
		}
	}
	return b.String(), fine
}
