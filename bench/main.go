// Command bench measures Partita against hand-written floors and a peer, in one run, in turns, with
// the load from a process of its own. `make bench` runs it and writes RESULTS.md.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == "floor" {
		set := flag.NewFlagSet("floor", flag.ExitOnError)
		c := floorConfig{}
		set.StringVar(&c.Listen, "listen", "127.0.0.1:0", "address to listen on")
		set.StringVar(&c.Dir, "dir", ".", "folder for files")
		set.StringVar(&c.Sample, "sample", "", "file with the answer to imitate")
		set.StringVar(&c.Database, "database", "", "URL of an empty PostgreSQL database")
		set.StringVar(&c.Model, "model", "jobs.yaml", "the model of the jobs")
		set.Parse(os.Args[3:])
		exit(serveFloor(os.Args[2], c))
	}
	o := options{}
	flag.StringVar(&o.partita, "partita", "", "the partita binary (required)")
	flag.StringVar(&o.model, "model", "model.yaml", "the measured model")
	flag.StringVar(&o.out, "out", "", "write the results to this file too")
	flag.IntVar(&o.rounds, "rounds", 5, "rounds, each with every server in turn")
	flag.DurationVar(&o.round, "time", 3*time.Second, "length of one server's turn")
	flag.IntVar(&o.conns, "connections", 64, "connections of the load")
	flag.StringVar(&o.only, "only", "", "run one group only: start, cached, uncached, write, accept, postgres, river, feed, overload, coldstart, plan")
	flag.StringVar(&o.rows, "rows", "", "of the overload: only what this regular expression finds in its name")
	flag.Parse()
	if o.partita == "" {
		exit(fmt.Errorf("say where the binary is: -partita FILE"))
	}
	exit(bench(o))
}

type options struct {
	partita, model, out, only, rows string
	rounds, conns                   int
	round                           time.Duration
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// bench runs everything and prints the report.
func bench(o options) error {
	dir, err := os.MkdirTemp("", "partita-bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	b := &run{options: o, dir: dir, keys: makeKeys(), report: newReport(o)}
	defer b.stopAll()
	defer b.stopDatabase()
	var failed error
	for _, step := range []struct {
		group string
		run   func() error
	}{{"start", b.firstStart}, {"import", b.importOrders}, {"cached", b.cached}, {"uncached", b.uncached}, {"write", b.writes}, {"accept", b.accepts}, {"postgres", b.postgres}, {"river", b.river}, {"feed", b.feeds}, {"overload", b.overload}, {"coldstart", b.coldStart}, {"plan", b.plan}} {
		needed := step.group == "import" && !slices.Contains([]string{"postgres", "start", "accept", "river", "feed", "plan"}, o.only)
		if o.only != "" && o.only != step.group && !needed {
			continue
		}
		fmt.Println("==", step.group)
		if err := step.run(); err != nil { // what the others found is told all the same
			b.report.fact("group "+step.group, "", "broken off: %v", err)
			failed = errors.Join(failed, fmt.Errorf("%s: %w", step.group, err))
		}
	}
	text := b.report.text()
	fmt.Print("\n", text)
	if o.out == "" {
		return failed
	}
	return errors.Join(failed, os.WriteFile(filepath.Clean(o.out), []byte(text), 0o644))
}
