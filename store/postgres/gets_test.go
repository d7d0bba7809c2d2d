package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// TestReadsThatGoTogether lets many read one row each, of whom some give up, while the server ends
// connections: each is given its own row or an error that says why not, and nobody is forgotten.
func TestReadsThatGoTogether(t *testing.T) {
	const types = `
service: gets
partitions: {account: {by: account_id, type: string(40), expect: 10}}
entities:
  thing:
    in: account
    key: [a, b, c, d, e, f]
    fields: {a: uuid, b: int, c: time, d: date, e: "decimal(12,3)", f: bool, note: text(100)?}
reads: {thing: {get: thing}}
writes: {put: {insert: thing, input: [note]}}
`
	m, err := model.Parse("test.yaml", []byte(types), nil)
	if err != nil {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), Config{URL: server.Database(t), Model: m})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	e := m.Entities[0]
	const rows = 100
	place := func(i int) store.Partition {
		return store.Partition{Family: m.Families[0], Value: model.String(fmt.Sprint("p", i%7))}
	}
	values := func(i int) []model.Value {
		return []model.Value{place(i).Value, model.String(fmt.Sprintf("0191f6e0-0000-7000-8000-%012d", i)), model.Int(int64(i) - 50),
			model.TimeMicro(1_700_000_000_000_000 + int64(i)), model.DateDays(int64(i) - 50), model.Decimal(int64(i)-50, 3), model.Bool(i%2 == 0), model.String(fmt.Sprint("note ", i))}
	}
	var ws []*store.Write
	for i := range rows {
		ws = append(ws, &store.Write{Partition: place(i), ID: [16]byte{byte(i), 1}, Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(e, values(i))
			return nil, err
		}})
	}
	s.Commit(t.Context(), ws...)
	for _, w := range ws {
		if w.Result.Err != nil {
			t.Fatal(w.Result.Err)
		}
	}
	read := func(ctx context.Context, i int) error {
		v := values(i)
		q := &store.Query{Read: m.Read("thing"), Args: &model.Args{Values: v[:7], Given: []bool{true, true, true, true, true, true, true}}}
		r, err := s.Read(ctx, place(i), q)
		if err != nil {
			return err
		}
		if len(r.Rows) != 1 || r.Version == 0 || r.Rows[0].Values[7] != v[7] {
			return fmt.Errorf("row %d: %+v", i, r)
		}
		return nil
	}
	var answered, failed, left atomic.Int64
	var readers sync.WaitGroup
	for range 100 {
		readers.Go(func() {
			for range 50 {
				ctx, cancel := t.Context(), context.CancelFunc(func() {})
				hurried := rand.IntN(10) == 0
				if hurried {
					ctx, cancel = context.WithTimeout(ctx, rand.N(time.Millisecond))
				}
				err := read(ctx, rand.IntN(rows))
				cancel()
				switch code := fault.CodeOf(err); {
				case err == nil:
					answered.Add(1)
				case code == fault.Unavailable:
					failed.Add(1)
				case code == fault.Deadline && hurried:
					left.Add(1)
				default:
					t.Errorf("a reader was told %v", errors.Unwrap(err))
				}
			}
		})
	}
	killer, err := pgx.Connect(t.Context(), s.readers.Config().ConnString())
	if err != nil {
		t.Fatal(err)
	}
	defer killer.Close(context.Background())
	for range 10 {
		_, err := killer.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name = 'partita' AND random() < 0.5`)
		if err != nil {
			t.Error(err)
		}
	}
	readers.Wait()
	t.Logf("%d reads answered, %d failed with their connection, %d given up", answered.Load(), failed.Load(), left.Load())
	if answered.Load() < 2000 {
		t.Error("too few reads were answered to say anything")
	}
	s.gets.mu.Lock()
	defer s.gets.mu.Unlock()
	if len(s.gets.waiting) != 0 {
		t.Errorf("%d reads still wait", len(s.gets.waiting))
	}
}
