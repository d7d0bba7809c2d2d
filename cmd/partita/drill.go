package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/drill"
)

type drillCommand struct {
	File string   `arg:"" help:"Model file."`
	Name []string `arg:"" optional:"" help:"Drills to carry out; without any, all."`
	copied

	Nodes  int           `help:"Nodes of the copy; more than one with PostgreSQL only." default:"1"`
	Time   time.Duration `help:"How long the trouble of each drill lasts." default:"5s"`
	Knee   float64       `help:"Requests a second that the service follows; without it that is measured." placeholder:"RATE"`
	Within time.Duration `help:"What counts as answered in time where the model declares no objective." default:"500ms"`
	Runs   int           `help:"How often each drill is carried out, with another seed each time." default:"1"`
	Again  int           `help:"How often a drill is carried out once more that broke nothing but what other work of the machine may break." placeholder:"N"`
	HTML   string        `help:"Write the report to this file too, as a page with pictures." name:"html" placeholder:"FILE"`
	JSON   bool          `help:"Print JSON."`
}

func (k *drillCommand) Run(ctx context.Context, c *console) error {
	s, err := k.stage(c, k.File)
	if err != nil {
		return err
	}
	claims, err := k.claims()
	if err != nil {
		return err
	}
	s.Nodes = k.Nodes
	r, err := drill.Run(ctx, drill.Config{Stage: s, Size: k.size(), Claims: claims, Version: partita.Version(), Only: k.Name, Runs: k.Runs, Again: k.Again, Time: k.Time, Knee: k.Knee, Within: k.Within,
		Told: func(format string, args ...any) { fmt.Fprintf(c.err, format+"\n", args...) }})
	if unknown, ok := errors.AsType[drill.Unknown](err); ok {
		return usage{unknown}
	}
	if err != nil {
		return err
	}
	if k.HTML != "" {
		if err := os.WriteFile(k.HTML, r.HTML(), 0o644); err != nil {
			return fmt.Errorf("the report cannot be written: %w", err)
		}
	}
	err = c.print(r, k.JSON)
	if err == nil && !r.Kept() {
		return told(failed)
	}
	return err
}
