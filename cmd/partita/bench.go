package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
)

// copied says what a throw-away copy of a service is made of, and what is asked of it.
type copied struct {
	Store      string   `help:"Store of the throw-away copy: sqlite, postgres (a server is started), or the URL of a PostgreSQL server, on which a database is made and dropped." default:"sqlite" placeholder:"STORE"`
	Partitions int      `help:"Partitions of each family, where the model expects no fewer." default:"2000"`
	Zipf       float64  `help:"How popular the popular partitions are: the k-th is asked for in proportion to 1/k^N; below 0 all alike." default:"0.99" placeholder:"N"`
	Seed       uint64   `help:"Decides on rows and requests: the same seed, the same load." default:"1"`
	Claim      []string `help:"A claim of every caller's token, beside what the model's rules ask for: NAME=TEXT, or NAME:=JSON. Repeated, it is a list." sep:"none" placeholder:"NAME=TEXT"`
	Dir        string   `help:"Folder for the copy's files; without it one for temporary files." placeholder:"DIR"`
	Verbose    bool     `help:"Show what the copy logs."`
}

// stage says what the copy of a model file is made of.
func (k *copied) stage(c *console, file string) (stage.Config, error) {
	if _, err := readModel(file); err != nil {
		return stage.Config{}, err
	}
	source, err := os.ReadFile(file)
	if err != nil {
		return stage.Config{}, err
	}
	program, err := os.Executable()
	if err != nil {
		return stage.Config{}, err
	}
	s := stage.Config{Program: []string{program}, File: file, Source: source, Store: k.Store, Dir: k.Dir}
	if k.Verbose {
		s.Log = c.err
	}
	return s, nil
}

func (k *copied) size() load.Size {
	return load.Size{Partitions: k.Partitions, Zipf: k.Zipf, Seed: k.Seed}
}

// claims gives the flags' claims as JSON.
func (k *copied) claims() ([]byte, error) {
	t := tokenCommand{Claim: k.Claim}
	claims, err := t.claims()
	if err != nil {
		return nil, usage{err}
	}
	delete(claims, "sub") // each partition's caller has one of its own
	return json.Marshal(claims)
}

type benchCommand struct {
	File string `arg:"" help:"Model file."`
	copied

	URL    string        `help:"Measure a running service instead: the address of its API, such as http://127.0.0.1:8080. It is written to." name:"url" placeholder:"URL"`
	Secret string        `help:"File with the secret of the running service's tokens; or PARTITA_JWT_SECRET in the environment." name:"jwt-secret-file" placeholder:"FILE"`
	Nodes  int           `help:"Nodes of the copy; more than one with PostgreSQL only." default:"1"`
	Rate   float64       `help:"Requests a second to begin with." default:"200"`
	Time   time.Duration `help:"How long each level is held." default:"5s"`
	Within time.Duration `help:"What counts as answered in time where the model declares no objective." default:"500ms"`
	Conns  int           `help:"Connections of the load." name:"connections" default:"128"`
	Out    string        `help:"Write the report to this file too, as JSON, for partita plan --measured." placeholder:"FILE"`
	JSON   bool          `help:"Print JSON."`
}

func (k *benchCommand) Run(ctx context.Context, c *console) error {
	s, err := k.stage(c, k.File)
	if err != nil {
		return err
	}
	claims, err := k.claims()
	if err != nil {
		return err
	}
	s.Nodes, s.Around = k.Nodes, true
	b := bench.Config{Stage: s, Size: k.size(), Claims: claims, Version: partita.Version(), URL: k.URL, Rate: k.Rate, Time: k.Time, Within: k.Within, Connections: k.Conns,
		Told: func(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }}
	if k.URL != "" {
		secret, err := jwtSecret(k.Secret)
		if err != nil {
			return err
		}
		b.Secret = string(secret)
	}
	r, err := bench.Run(ctx, b)
	if err != nil {
		return err
	}
	if k.Out != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(k.Out, append(text, '\n'), 0o644); err != nil {
			return fmt.Errorf("the report cannot be written: %w", err)
		}
	}
	return c.print(r, k.JSON)
}

// loadCommand is the load's process: what bench and drill start, not people.
type loadCommand struct{}

func (loadCommand) Run(c *console) error { return load.Serve(c.in, c.out) }
