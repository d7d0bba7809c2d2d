package sqlite

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

// soak tells whether the long form of the crash tests is wanted: make soak, or PARTITA_SOAK=1.
func soak() bool { return os.Getenv("PARTITA_SOAK") != "" }

// fate is what a writer knows of one write.
type fate struct {
	partition string
	version   uint64 // 0: not acknowledged
	unknown   bool   // it may have happened
}

// journal is what all writers know.
type journal struct {
	mu    sync.Mutex
	fates map[string]fate // by the id of the order that was inserted
}

func (j *journal) note(id string, f fate) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.fates[id] = f
}

// crashWrite inserts one order under a key, and now and then changes or deletes an earlier one.
func crashWrite(m *model.Model, id, partition string, rng *rand.Rand) *store.Write {
	p := store.Partition{Family: m.Families[0], Value: model.String(partition)}
	order := m.Entity("order")
	w := &store.Write{Partition: p, Name: "put", Revision: m.Revision, Now: time.Now(), Key: &store.Key{}}
	copy(w.Key.Hash[:], id)
	copy(w.ID[:], id)
	change := rng.IntN(3) == 0
	w.Apply = func(tx store.Tx) ([]byte, error) {
		if change {
			rows, err := tx.List(order, nil, 1)
			if err != nil {
				return nil, err
			}
			for _, row := range rows {
				values := slices.Clone(row.Values)
				values[5] = model.String(strings.Repeat("changed by "+id+" ", 2))
				if _, err := tx.Update(order, row, values); err != nil {
					return nil, err
				}
			}
		}
		_, err := tx.Insert(order, []model.Value{p.Value, model.String(id), model.String("c" + id), model.String("a"),
			model.Null, model.String("new"), model.Time(w.Now)})
		return []byte(id), err
	}
	return w
}

// TestPowerCut cuts the power at a random operation of the disk, three times per seed.
func TestPowerCut(t *testing.T) {
	seeds := uint64(60)
	if soak() {
		seeds = 1000
	}
	m := storetest.Model(t)
	base := rand.Uint64() >> 16
	for i := range seeds {
		seed := base + i
		if soak() {
			t.Logf("seed %d", seed)
		}
		if err := powerCuts(t, m, seed); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
	}
}

func powerCuts(t *testing.T, m *model.Model, seed uint64) error {
	name := fmt.Sprint("power", seed)
	d := newDisk(seed, t.TempDir())
	j := &journal{fates: map[string]fate{}}
	rng := rand.New(rand.NewPCG(seed, 2))
	defer vfs.Unregister(name)
	defer vfs.Unregister("partita-" + name)
	for life := range 3 {
		vfs.Register(name, d)
		d.cutAfter(rng.IntN(900))
		s, err := Open(context.Background(), Config{Dir: "/disk", Model: m, VFS: name, WALBytes: 100 << 10, Options: store.Options{Readers: 1}})
		if err == nil {
			writeUntilDead(s, m, j, fmt.Sprint(life), seed)
			s.Close()
		} else if !d.dead {
			return fmt.Errorf("life %d: opening failed though the power was on: %w", life, err)
		}
		d = d.reboot(t.TempDir())
	}
	vfs.Register(name, d)
	s, err := Open(context.Background(), Config{Dir: "/disk", Model: m, VFS: name, Options: store.Options{Readers: 1}})
	if err != nil {
		return fmt.Errorf("opening after the cuts: %w", err)
	}
	defer s.Close()
	return j.verify(s, m)
}

func writeUntilDead(s *Store, m *model.Model, j *journal, life string, seed uint64) {
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(10+i)))
			for n := range 60 {
				id := fmt.Sprintf("%s-%d-%d", life, i, n)
				w := crashWrite(m, id, fmt.Sprint("p", rng.IntN(3)), rng)
				s.Commit(context.Background(), w)
				j.note(id, fateOf(w))
				if w.Result.Err != nil {
					return
				}
			}
		})
	}
	wg.Wait()
}

func fateOf(w *store.Write) fate {
	f := fate{partition: w.Partition.Value.Text(), unknown: w.Result.Unknown}
	if w.Result.Err == nil {
		f.version = w.Result.Version
	}
	return f
}

// verify holds the store against what the writers know: every acknowledged write is there, once,
// under its version; one that was refused for certain is not; versions have no gap; and the rows
// are what the changes add up to.
func (j *journal) verify(s *Store, m *model.Model) error {
	ctx := context.Background()
	if err := s.integrity(); err != nil {
		return err
	}
	rows := map[string]*model.Row{}
	scanned, err := s.Scan(ctx, m.Entity("order"), nil, 1<<20)
	if err != nil {
		return err
	}
	for _, r := range scanned {
		rows[r.Values[1].Text()] = r
	}
	summed, versions := map[string]*model.Row{}, map[string]uint64{}
	partitions, err := s.Partitions(ctx, m.Families[0], model.Null, 1000)
	if err != nil {
		return err
	}
	for _, v := range partitions {
		p := store.Partition{Family: m.Families[0], Value: v}
		if err := sum(s, p, summed, versions); err != nil {
			return err
		}
	}
	if len(rows) != len(scanned) || !maps.EqualFunc(rows, summed, sameRow) {
		return fmt.Errorf("%d rows are there, the changes add up to %d others", len(scanned), len(summed))
	}
	for id, f := range j.fates {
		got, there := versions[id]
		switch {
		case f.version > 0 && got != f.version:
			return fmt.Errorf("write %s was acknowledged with version %d, and is there with version %d", id, f.version, got)
		case f.version == 0 && !f.unknown && there:
			return fmt.Errorf("write %s was refused for certain, and is there", id)
		}
	}
	return j.repeat(s, m)
}

// sum adds up the changes of a partition.
func sum(s *Store, p store.Partition, rows map[string]*model.Row, versions map[string]uint64) error {
	head, err := s.Head(context.Background(), p)
	if err != nil {
		return err
	}
	changes, err := s.Changes(context.Background(), p, 0, 1<<20)
	if err != nil {
		return err
	}
	if uint64(len(changes)) != head {
		return fmt.Errorf("%s has version %d and %d changes", p.Value.Text(), head, len(changes))
	}
	for i, c := range changes {
		if c.Version != uint64(i+1) || c.Foreign {
			return fmt.Errorf("%s has a gap before version %d", p.Value.Text(), c.Version)
		}
		for _, r := range c.Rows {
			id := r.After.Values[1].Text()
			if before := rows[id]; (before == nil) != (r.Before == nil) || before != nil && !sameRow(before, r.Before) {
				return fmt.Errorf("change %d of %s does not follow on the one before", c.Version, p.Value.Text())
			}
			if r.Before == nil {
				versions[id] = c.Version
			}
			rows[id] = r.After
		}
	}
	return nil
}

func sameRow(a, b *model.Row) bool { return a.Version == b.Version && slices.Equal(a.Values, b.Values) }

// repeat sends some acknowledged writes again: they must be replayed.
func (j *journal) repeat(s *Store, m *model.Model) error {
	n := 0
	for id, f := range j.fates {
		if f.version == 0 {
			continue
		}
		if n++; n > 10 {
			return nil
		}
		w := crashWrite(m, id, f.partition, rand.New(rand.NewPCG(1, 1)))
		s.Commit(context.Background(), w)
		if w.Result.Err != nil || !w.Result.Replayed || w.Result.Version != f.version || string(w.Result.Outcome) != id {
			return fmt.Errorf("write %s, sent again, gave %+v", id, w.Result)
		}
	}
	return nil
}

// integrity lets SQLite check the whole file.
func (s *Store) integrity() error {
	return s.with(context.Background(), func(c *conn) error {
		text, err := c.word("PRAGMA integrity_check")
		if err == nil && text != "ok" {
			err = errors.New(text)
		}
		return err
	})
}
