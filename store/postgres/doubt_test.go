package postgres

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// notebook is what a store said about changes and doubts, in order.
type notebook struct {
	mu    sync.Mutex
	lines []string
	more  chan struct{}
}

func (n *notebook) note(line string) {
	n.mu.Lock()
	n.lines = append(n.lines, line)
	n.mu.Unlock()
	n.more <- struct{}{}
}

// until waits for the end of a doubt and gives all that was said.
func (n *notebook) until(t *testing.T) []string {
	t.Helper()
	for deadline := time.After(time.Minute); ; {
		n.mu.Lock()
		lines := slices.Clone(n.lines)
		n.mu.Unlock()
		if len(lines) > 0 && strings.HasSuffix(lines[len(lines)-1], "committed") {
			return lines
		}
		select {
		case <-n.more:
		case <-deadline:
			t.Fatalf("the doubt never ended; said %q", lines)
		}
	}
}

func (n *notebook) clear() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = nil
}

// TestADoubtIsToldAndSettled stops the database in the middle of a group, so that its COMMIT is never
// answered within the store's patience, and lets it go on: without any further write the doubt must end.
func TestADoubtIsToldAndSettled(t *testing.T) {
	m, err := model.Parse("test.yaml", []byte(`
service: doubt
partitions: {account: {by: account_id, type: string(40), expect: 10}}
entities: {account: {in: account, fields: {n: int}}}
reads: {account: {get: account}}
writes: {set: {upsert: account, input: [n]}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	said := &notebook{more: make(chan struct{}, 100)}
	asked := &statements{}
	t.Cleanup(func() { asked.check(t) })
	s, err := Open(t.Context(), Config{
		URL: server.Database(t), Model: m, Timeout: 2 * time.Second, tracer: asked.of(m),
		Options: store.Options{
			OnChange: func(*store.Change) { said.note("change") },
			OnDoubt:  func(store.Partition, uint64) { said.note("doubt") },
			OnSettled: func(_ store.Partition, version uint64, committed bool) {
				if committed {
					said.note("committed")
				} else {
					said.note("not committed")
				}
			},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	place := store.Partition{Family: m.Families[0], Value: model.String("a")}
	e := m.Entities[0]
	write := func(id byte, stop bool) *store.Write {
		return &store.Write{Partition: place, ID: [16]byte{id}, Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
			if stop {
				server.Freeze() // the heads are locked and read; what is sent from now on is not answered
			}
			row, err := tx.Get(e, nil)
			if err != nil {
				return nil, err
			}
			values := []model.Value{place.Value, model.Int(int64(id))}
			if row == nil {
				_, err = tx.Insert(e, values)
			} else {
				_, err = tx.Update(e, row, values)
			}
			return nil, err
		}}
	}
	t.Cleanup(server.Thaw)
	head := uint64(0)
	for round := range byte(2) { // a partition that is new, and one that is there
		first := write(10*round+1, true)
		first.Needs = []store.Need{{Entity: e}}
		s.Commit(context.Background(), first)
		if r := first.Result; !r.Unknown || fault.CodeOf(r.Err) != fault.Deadline {
			t.Fatalf("a write that was not answered has the result %+v", r)
		}
		server.Thaw()
		// What the old backend still read decides which it is; both must be told as they are.
		lines := said.until(t)
		v, err := s.Head(t.Context(), place)
		if err != nil {
			t.Fatal(err)
		}
		want := []string{"doubt", "not committed"}
		if v > head {
			want = []string{"doubt", "change", "committed"}
		}
		if !slices.Equal(lines, want) || v > head+1 {
			t.Fatalf("said %q, and the head went from %d to %d", lines, head, v)
		}
		second := write(10*round+2, false)
		s.Commit(t.Context(), second)
		if second.Result.Err != nil || second.Result.Version != v+1 {
			t.Fatalf("the write after it has the result %+v", second.Result)
		}
		head = v + 1
		said.clear()
	}
}
