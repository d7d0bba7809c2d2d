package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/relay"
)

type deadCommand struct {
	admin
	beside
	ID   string   `arg:"" optional:"" help:"Dead letter to show whole; without it all are listed."`
	Drop []string `help:"Dead letters to delete for good." placeholder:"ID"`
	JSON bool     `help:"Print JSON."`
}

func (k *deadCommand) Run(ctx context.Context, c *console) error {
	k.folder = k.Data
	switch {
	case len(k.Drop) > 0 && k.ID != "":
		return usage{fmt.Errorf("give either an ID to show, or --drop")}
	case len(k.Drop) > 0:
		return k.order(ctx, c, "drop", dashboard.LetterOrder{IDs: k.Drop}, "dropped", k.JSON)
	case k.ID != "":
		return k.show(ctx, c)
	}
	list := []relay.Letter{}
	for after := ""; ; {
		var page dashboard.LetterList
		if err := k.read(ctx, http.MethodGet, "/dead?limit=1000&after="+url.QueryEscape(after), nil, &page); err != nil {
			return err
		}
		list = append(list, page.Letters...)
		if after = page.Next; after == "" {
			break
		}
	}
	if k.JSON {
		return c.printJSON(list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(c.out, "There are no dead letters.")
		return err
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "GIVEN UP\tEVENT\tFOR\tPARTITION\tREASON\tID")
	for _, l := range list {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s %s\t%s\t%s\n", l.GivenUp.Local().Format(time.DateTime), l.Event, l.Target, l.Family, line(l.Partition, 40), line(l.Reason, 60), l.ID)
	}
	return w.Flush()
}

func (k *deadCommand) show(ctx context.Context, c *console) error {
	var l relay.Letter
	if err := k.read(ctx, http.MethodGet, "/dead/"+url.PathEscape(k.ID), nil, &l); err != nil {
		return err
	}
	if k.JSON {
		return c.printJSON(l)
	}
	_, err := fmt.Fprintf(c.out, "event      %s\nfor        %s\npartition  %s %s, version %d\nhappened   %s\ngiven up   %s, after %d attempts\nreason     %s\ndata       %s\n",
		l.Event, l.Target, l.Family, l.Partition, l.Version, l.Happened.Local().Format(time.DateTime), l.GivenUp.Local().Format(time.DateTime), l.Attempts, l.Reason, l.Data)
	return err
}

type replayCommand struct {
	admin
	beside
	IDs  []string `arg:"" optional:"" name:"id" help:"Dead letters to try again; partita dead lists them."`
	All  bool     `help:"Try all of them again."`
	JSON bool     `help:"Print JSON."`
}

func (k *replayCommand) Run(ctx context.Context, c *console) error {
	k.folder = k.Data
	if k.All == (len(k.IDs) > 0) {
		return usage{fmt.Errorf("give the IDs of dead letters, or --all; `partita dead` lists them")}
	}
	return k.order(ctx, c, "replay", dashboard.LetterOrder{IDs: k.IDs, All: k.All}, "on their way again", k.JSON)
}

// order gives an order about dead letters and says how many it concerned.
func (k *admin) order(ctx context.Context, c *console, what string, order dashboard.LetterOrder, done string, asJSON bool) error {
	var answer dashboard.LettersDone
	if err := k.read(ctx, http.MethodPost, "/dead/"+what, order, &answer); err != nil {
		return err
	}
	if asJSON {
		return c.printJSON(answer)
	}
	if answer.Done < len(order.IDs) {
		fmt.Fprintf(c.err, "%d of %d are no dead letters (any more)\n", len(order.IDs)-answer.Done, len(order.IDs))
	}
	_, err := fmt.Fprintf(c.out, "%d %s\n", answer.Done, done)
	return err
}

// line bounds a text to one line of a table.
func line(s string, most int) string {
	runes := []rune(s)
	for i, r := range runes {
		if r < ' ' {
			runes[i] = ' '
		}
	}
	if len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return string(runes)
}
