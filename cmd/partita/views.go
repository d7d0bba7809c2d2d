package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"text/tabwriter"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/store"
)

type viewsCommand struct {
	File string `arg:"" help:"Model file."`
	data
	Verify  bool     `xor:"what" help:"Make each view anew from its source, in memory, and compare. No service may run on the store."`
	Rebuild []string `xor:"what" placeholder:"NAME" help:"Have these views deleted and built anew by the next service that runs. None may run on the store now."`
	JSON    bool     `help:"Print as JSON."`
	Quiet   bool     `help:"Show no progress."`
}

func (k *viewsCommand) Run(ctx context.Context, c *console) (err error) {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	if len(m.Views) == 0 {
		return usage{fmt.Errorf("the model %s has no views", k.File)}
	}
	if err := k.present(); err != nil {
		return err
	}
	books := work.Extend(m)
	s, err := storeurl.Open(ctx, k.Store, k.Data, books, store.Options{})
	if err != nil {
		return k.unheld(err, "this command works on the store itself; of a service that runs, `partita status` tells how its views are")
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if k.Verify || len(k.Rebuild) > 0 {
		leave, ok, err := relay.Alone(ctx, s, "views-"+uuid.NewString())
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("a service runs on this store, so that its views would change on the way: stop it first; `partita status` tells how its views are")
		}
		defer leave()
	}
	bar := newProgress(c, k.Quiet)
	views := relay.NewViews(relay.ViewsConfig{Books: books, Store: s, Logger: slog.New(slog.DiscardHandler)})
	if len(k.Rebuild) > 0 {
		if err := views.Rebuild(ctx, k.Rebuild...); err != nil {
			return err
		}
	}
	reports, err := views.Inspect(ctx, k.Verify, func(view string, rows int) { bar.show("%s: %d rows", view, rows) })
	bar.end()
	if err != nil {
		return err
	}
	if k.JSON {
		err = c.printJSON(reports)
	} else {
		err = k.print(c, reports)
	}
	for _, r := range reports {
		if err == nil && (r.Differences > 0 || k.Verify && !r.Compared) {
			return told(failed)
		}
	}
	return err
}

func (k *viewsCommand) print(c *console, reports []relay.ViewReport) error {
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "VIEW\tFROM\tSTATE\tBEHIND\tROWS")
	for _, r := range reports {
		state, behind := r.State, "-"
		if r.State == "building" {
			state = fmt.Sprintf("building, %.0f %%", 100*r.Built)
		}
		if r.Lagging > 0 {
			behind = fmt.Sprintf("%s, %s", counted(r.Lagging, "partition"), time.Duration(r.Lag*float64(time.Second)).Round(time.Second))
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%d\n", r.View, r.From, state, behind, r.Rows)
	}
	if err := w.Flush(); err != nil || !k.Verify {
		return err
	}
	fmt.Fprintln(c.out)
	for _, r := range reports {
		switch {
		case !r.Compared:
			fmt.Fprintf(c.out, "%s was not compared: %s\n", r.View, r.Why)
		case r.Differences == 0 && r.Aged > 0:
			fmt.Fprintf(c.out, "%s is what its source says in %s\n", r.View, counted(r.Rows-r.Aged, "row"))
		case r.Differences == 0:
			fmt.Fprintf(c.out, "%s is what its source says\n", r.View)
		default:
			fmt.Fprintf(c.out, "%s differs from its source in %s:\n", r.View, counted(r.Differences, "place"))
			for _, line := range r.Examples {
				fmt.Fprintf(c.out, "  %s\n", line)
			}
		}
		if r.Aged > 0 {
			fmt.Fprintf(c.out, "  rows of it that also count rows of the source which have expired, and are not compared in full: %d\n"+
				"    (nobody can count those again; compared was that their figures hold all that is there, and follow from what the view keeps)\n", r.Aged)
		}
		if r.Kept > 0 {
			fmt.Fprintf(c.out, "  rows of it without a source any more, since expired rows are kept: %d\n", r.Kept)
		}
	}
	return nil
}
