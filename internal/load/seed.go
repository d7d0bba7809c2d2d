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

// Seeded says what was put into a store.
type Seeded struct {
	Partitions int `json:"partitions"`
	Rows       int `json:"rows"`
}

// Seed puts the World's rows into a store, as an import does. The store must not be served meanwhile
// if it is embedded. told hears how many rows there are; nil: nobody does.
func (w *World) Seed(ctx context.Context, s store.Store, told func(rows int)) (Seeded, error) {
	done := Seeded{}
	for _, f := range w.Model.Families {
		if f.View == nil {
			done.Partitions += w.Partitions(f)
		}
	}
	for _, e := range w.Model.Entities {
		if e.View != nil || e.Internal {
			continue
		}
		n, err := w.seedEntity(ctx, s, e)
		done.Rows += n
		if err != nil {
			return done, err
		}
		if told != nil {
			told(done.Rows)
		}
	}
	return done, nil
}

func (w *World) seedEntity(ctx context.Context, s store.Store, e *model.Entity) (int, error) {
	out, in := io.Pipe()
	go func() { in.CloseWithError(w.writeRows(in, e)) }() //nolint:errcheck // it never fails
	refused := ""
	sum, err := transfer.Import(ctx, transfer.ImportOptions{Model: w.Model, Store: s, Entity: e, Format: transfer.NDJSON, Source: out,
		Refused: func(_ int, why string) error { refused = why; return nil }})
	out.CloseWithError(errors.New("the import has ended")) //nolint:errcheck // it never fails
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
