package storetest

import (
	"context"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

// A write that follows another one is carried out after it, or not at all where that one may still
// come.
func followsAnother(b *bench) {
	p := b.account("p")
	insert := func(id string, first error) *store.Write {
		return b.write(p, func(tx store.Tx) ([]byte, error) {
			if first != nil {
				return nil, first
			}
			_, err := tx.Insert(b.entity("order"), b.order(p, id, "", "a", 1, "x"))
			return nil, err
		})
	}
	chain := func(ids []string, firsts ...error) (ws []*store.Write) {
		for i, id := range ids {
			w := insert(id, firsts[i])
			if i > 0 {
				w.After = ws[i-1]
			}
			ws = append(ws, w)
		}
		return ws
	}
	away := fault.New(fault.Unavailable, "It is away for a test.")
	refused := fault.New(fault.GuardFailed, "It is refused for a test.")

	ws := chain([]string{"1", "2", "3"}, nil, refused, nil)
	b.Commit(context.Background(), ws...)
	b.no(ws[0].Result.Err)
	b.is(ws[1].Result.Err, fault.GuardFailed)
	b.no(ws[2].Result.Err) // a refusal is final, so what follows goes on

	ws = chain([]string{"4", "5", "6"}, away, nil, nil)
	b.Commit(context.Background(), ws...)
	for _, w := range ws {
		b.is(w.Result.Err, fault.Unavailable)
	}
	later := insert("7", nil)
	later.After = ws[2]
	b.Commit(context.Background(), later) // of an earlier Commit
	b.is(later.Result.Err, fault.Unavailable)

	res, err := b.Read(context.Background(), p, b.query(p, "orders"))
	b.no(err)
	b.equal("rows", len(res.Rows), 2)
	head, err := b.Head(context.Background(), p)
	b.no(err)
	b.equal("head", head, 2)

	ws = chain([]string{"4", "5", "6"}, nil, nil, nil) // the same again
	b.Commit(context.Background(), ws...)
	for i, w := range ws {
		b.no(w.Result.Err)
		b.equal("version", w.Result.Version, 3+i)
	}
}
