package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/keep"
)

type eraseCommand struct {
	Partition string `arg:"" help:"Partition to erase, as FAMILY/VALUE, such as customer/42."`
	admin
	beside
	Yes   bool `help:"Do not ask."`
	JSON  bool `help:"Print the certificate as JSON."`
	Quiet bool `help:"Show no progress."`
}

func (k *eraseCommand) Run(ctx context.Context, c *console) error {
	k.folder = k.Data
	if family, value, _ := strings.Cut(k.Partition, "/"); family == "" || value == "" {
		return usage{fmt.Errorf("%q is no partition: write it as FAMILY/VALUE, such as customer/42", k.Partition)}
	}
	if err := k.confirm(c); err != nil {
		return err
	}
	res, err := k.askFor(ctx, 0, http.MethodPost, "/erase", dashboard.EraseOrder{Partition: k.Partition})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	bar := newProgress(c, k.Quiet)
	dec := json.NewDecoder(res.Body)
	for {
		var line dashboard.EraseLine
		if err := dec.Decode(&line); err != nil {
			bar.end()
			return errors.New("the service did not finish it: give the same command again, it goes on from there")
		}
		switch {
		case line.Error != "":
			bar.end()
			return errors.New(line.Error)
		case line.Certificate != nil:
			bar.end()
			return k.print(c, line.Certificate)
		case line.Step != nil:
			bar.show("%s %d", line.Doing, line.Count)
		}
	}
}

// confirm asks for the partition once more.
func (k *eraseCommand) confirm(c *console) error {
	if k.Yes {
		return nil
	}
	fmt.Fprintf(c.err, "This deletes all of %s for good, with its history. Type it again to go on: ", k.Partition)
	answer, _ := bufio.NewReader(c.in).ReadString('\n') // an end without an answer is none
	if strings.TrimSpace(answer) != k.Partition {
		return usage{errors.New("nothing was erased; --yes goes on without asking")}
	}
	return nil
}

func (k *eraseCommand) print(c *console, x *keep.Certificate) error {
	if k.JSON {
		return c.printJSON(x)
	}
	w := c.out
	fmt.Fprintf(w, "Erased: a partition of %s in the service %s\n\n", x.Family, x.Service)
	fmt.Fprintf(w, "partition    SHA-256 of FAMILY/VALUE: %s\n", x.Partition)
	fmt.Fprintf(w, "when         %s to %s\n", x.Began.Format(time.RFC3339), x.Ended.Format(time.RFC3339))
	fmt.Fprintf(w, "where        %s, incarnation %s, model %s, node %s; the partition is at version %d\n\n", x.Store, x.Incarnation, x.Model, x.Node, x.Version)
	e := &x.Erased
	for _, name := range slices.Sorted(maps.Keys(e.Rows)) {
		fmt.Fprintf(w, "%8d rows of %s\n", e.Rows[name], name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.Views)) {
		fmt.Fprintf(w, "%8d partitions of the view %s, of what they had of it\n", e.Views[name], name)
	}
	fmt.Fprintf(w, "%8d changes\n%8d outcomes\n%8d events that waited\n%8d dead letters\n%8d answers in the shared cache\n", e.Changes, e.Outcomes, e.Waiting, e.Dead, e.Shared)
	if x.Overwritten {
		fmt.Fprintln(w, "         The store has overwritten what it deleted in its files.")
	}
	fmt.Fprintln(w, "\nStays:")
	for _, line := range x.Kept {
		fmt.Fprintln(w, "- "+line)
	}
	fmt.Fprintln(w, "\nOut of reach:")
	for _, line := range x.OutOfReach {
		fmt.Fprintln(w, "- "+line)
	}
	return nil
}
