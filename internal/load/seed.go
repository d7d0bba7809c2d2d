package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/partita-dev/partita/internal/transfer"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Seeds lists the entities that have rows of their own.
func (w *World) Seeds() (list []*model.Entity) {
	for _, e := range w.Model.Entities {
		if e.View == nil && !e.Internal {
			list = append(list, e)
		}
	}
	return list
}

// Seed puts the World's rows into a store, as an import does, and gives how many there are. The store
// must not be served meanwhile if it is embedded.
func (w *World) Seed(ctx context.Context, s store.Store) (rows int, err error) {
	for _, e := range w.Seeds() {
		n, err := w.SeedEntity(ctx, s, e)
		rows += n
		if err != nil {
			return rows, err
		}
	}
	return rows, nil
}

// SeedEntity is Seed for one entity.
func (w *World) SeedEntity(ctx context.Context, s store.Store, e *model.Entity) (int, error) {
	out, in := io.Pipe()
	go func() { in.CloseWithError(w.writeRows(in, e)) }()
	refused := ""
	sum, err := transfer.Import(ctx, transfer.ImportOptions{Model: w.Model, Store: s, Entity: e, Format: transfer.NDJSON, Source: out,
		Refused: func(_ int, why string) error { refused = why; return nil }})
	out.CloseWithError(errors.New("the import has ended"))
	if err == nil && sum.Inserted+sum.Present == 0 && sum.Refused > 0 {
		err = fmt.Errorf("no row could be made for %s: %s", e.Name, refused)
	}
	return sum.Inserted, err
}

// writeRows writes the rows of an entity as NDJSON.
func (w *World) writeRows(to io.Writer, e *model.Entity) error {
	var b []byte
	for p := range w.Partitions(e.Family) {
		for r := range w.Rows(e) {
			b = model.AppendRow(b, e.Fields, w.Row(e, p, r))
			b = append(b, '\n')
		}
		if len(b) > 64<<10 {
			if _, err := to.Write(b); err != nil {
				return err
			}
			b = b[:0]
		}
	}
	_, err := to.Write(b)
	return err
}
