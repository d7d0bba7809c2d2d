package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

// onDisk opens a store on a disk in memory.
func onDisk(t *testing.T, c Config) (*Store, *disk) {
	t.Helper()
	d := newDisk(1, t.TempDir())
	c.VFS, c.Dir, c.Model = t.Name(), "/disk", storetest.Model(t)
	vfs.Register(c.VFS, d)
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s, d
}

func put1(s *Store, id string) store.WriteResult {
	w := crashWrite(s.config.Model, id, "p", rand.New(rand.NewPCG(1, 2)))
	s.Commit(context.Background(), w)
	return w.Result
}

func count(t *testing.T, s *Store) int {
	t.Helper()
	rows, err := s.Scan(t.Context(), s.config.Model.Entity("order"), nil, 1000)
	if err != nil {
		t.Fatal(err)
	}
	return len(rows)
}

func TestFullDisk(t *testing.T) {
	for name, full := range map[string]error{
		"as SQLite says it":     sqlite3.FULL,
		"as the system says it": &fs.PathError{Op: "write", Path: "store.db-wal", Err: syscall.ENOSPC},
		"over quota":            &fs.PathError{Op: "write", Path: "store.db-wal", Err: syscall.EDQUOT},
	} {
		t.Run(name, func(t *testing.T) { testFullDisk(t, full) })
	}
}

func testFullDisk(t *testing.T, full error) {
	s, d := onDisk(t, Config{WALBytes: 1}) // each commit asks for a checkpoint, which finds no room either
	if r := put1(s, "1"); r.Err != nil {
		t.Fatal(r.Err)
	}
	d.failing(func(operation, _ string) error {
		if operation == "write" {
			return full
		}
		return nil
	})
	for i := range 3 {
		r := put1(s, fmt.Sprint("full", i))
		if fault.CodeOf(r.Err) != fault.Unavailable || r.Unknown || !strings.Contains(r.Err.Error(), "full") {
			t.Fatalf("on a full disk a write gives %+v", r)
		}
		if n := count(t, s); n != 1 {
			t.Fatalf("%d rows are read while the disk is full", n)
		}
	}
	select {
	case <-s.Broken():
		t.Fatalf("a full disk is no reason to stop: %v", s.Cause())
	default:
	}
	d.failing(nil)
	if r := put1(s, "2"); r.Err != nil || r.Version != 2 {
		t.Fatalf("with room again a write gives %+v", r)
	}
}

func TestFailedSync(t *testing.T) {
	s, d := onDisk(t, Config{})
	if r := put1(s, "1"); r.Err != nil {
		t.Fatal(r.Err)
	}
	syncs := 0
	d.failing(func(operation, name string) error {
		if operation == "sync" && isLog(name) {
			syncs++
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	r := put1(s, "2")
	if fault.CodeOf(r.Err) != fault.Deadline || !r.Unknown {
		t.Fatalf("a write whose sync failed gives %+v", r)
	}
	<-s.Broken()
	if s.Cause() == nil {
		t.Fatal("there is no cause")
	}
	if r := put1(s, "3"); fault.CodeOf(r.Err) != fault.Unavailable || r.Unknown {
		t.Fatalf("a broken store answers a write with %+v", r)
	}
	if _, err := s.Prune(t.Context(), store.Partition{Family: s.config.Model.Families[0], Value: model.String("p")}, time.Now(), time.Now()); fault.CodeOf(err) != fault.Unavailable {
		t.Fatalf("a broken store prunes: %v", err)
	}
	s.Close()
	if syncs != 1 {
		t.Fatalf("a failed sync was tried %d times", syncs)
	}
}

// A look-up that fails makes SQLite roll back the group's transaction: nothing of the group may then
// be written, least of all in parts.
func TestFailedLookUpLeavesNoHalfGroup(t *testing.T) {
	for at := 1; at <= 34; at += 2 {
		m := storetest.Model(t)
		d := newDisk(1, t.TempDir())
		name := fmt.Sprint(t.Name(), at)
		vfs.Register(name, d)
		j := &journal{fates: map[string]fate{}}
		open := func() *Store {
			s, err := Open(t.Context(), Config{Dir: "/disk", VFS: name, Model: m})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		commit := func(s *Store, from, to int) {
			var ws []*store.Write
			for i := from; i < to; i++ {
				ws = append(ws, crashWrite(m, fmt.Sprint(i), fmt.Sprint("p", i%40), rand.New(rand.NewPCG(1, 2))))
			}
			s.Commit(context.Background(), ws...)
			for i, w := range ws {
				j.note(fmt.Sprint(from+i), fateOf(w))
			}
		}
		s := open()
		commit(s, 0, 400)
		s.Close()
		s = open() // with nothing in memory yet
		reads, syncs := 0, 0
		d.failing(func(operation, name string) error {
			if operation == "read" && strings.HasSuffix(name, ".db") {
				if reads++; reads == at { // once, in the middle of the group
					return sqlite3.IOERR_READ
				}
			}
			if operation == "sync" {
				syncs++
			}
			return nil
		})
		commit(s, 400, 440)
		d.failing(nil)
		if reads < at {
			t.Fatalf("only %d reads of the disk", reads)
		}
		if syncs > 1 {
			t.Fatalf("after a failure of read %d one group was committed in %d pieces", at, syncs)
		}
		s.Close()
		s = open()
		if err := j.verify(s, m); err != nil {
			t.Fatalf("after a failure of read %d: %v", at, err)
		}
		s.Close()
	}
}

func TestFailedCheckpointBreaks(t *testing.T) {
	s, d := onDisk(t, Config{WALBytes: 64 << 10})
	d.failing(func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".db") {
			return sqlite3.IOERR_FSYNC
		}
		return nil
	})
	for i := range 1000 {
		if r := put1(s, fmt.Sprint(i)); r.Err != nil {
			<-s.Broken()
			return
		}
	}
	t.Fatal("no checkpoint was made, or its failure was not noticed")
}

func TestStatementFailureHitsItsWriteAlone(t *testing.T) {
	s, _ := onDisk(t, Config{})
	order := s.config.Model.Entity("order")
	var ws []*store.Write
	for i := range 5 {
		w := crashWrite(s.config.Model, fmt.Sprint(i), "p", rand.New(rand.NewPCG(1, 2)))
		if i == 2 { // a time that cannot be stored is found by the statement only
			p := w.Partition
			w.Apply = func(tx store.Tx) ([]byte, error) {
				_, err := tx.Insert(order, []model.Value{p.Value, model.String("x"), model.Null, model.String("a"), model.Null, model.String("x"), model.TimeMicro(1 << 62)})
				return nil, err
			}
		}
		ws = append(ws, w)
	}
	s.Commit(t.Context(), ws...)
	for i, w := range ws {
		want := fault.Code("")
		if i == 2 {
			want = fault.OutOfBounds
		}
		if fault.CodeOf(w.Result.Err) != want {
			t.Fatalf("write %d: %v", i, w.Result.Err)
		}
	}
	if head, err := s.Head(t.Context(), ws[0].Partition); head != 4 || err != nil {
		t.Fatalf("head is %d: %v", head, err)
	}
}

// TestLogIsBounded writes far more than the log may hold.
func TestLogIsBounded(t *testing.T) {
	s, d := onDisk(t, Config{WALBytes: 256 << 10})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for j := range 300 {
				w := crashWrite(s.config.Model, fmt.Sprint(i, "-", j), fmt.Sprint("p", j%7), rand.New(rand.NewPCG(1, 2)))
				s.Commit(context.Background(), w)
				if w.Result.Err != nil {
					t.Error(w.Result.Err)
				}
			}
		})
	}
	wg.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, f := range d.files {
		if isLog(name) && len(f.data) > 4<<20 {
			t.Fatalf("the log has grown to %d bytes", len(f.data))
		}
	}
}

// TestLongReader keeps one snapshot open while the log grows: the log cannot begin anew, and that
// must not cost each commit an attempt.
func TestLongReader(t *testing.T) {
	s, d := onDisk(t, Config{WALBytes: 1 << 20})
	syncs := 0
	d.failing(func(operation, name string) error {
		if operation == "sync" && strings.HasSuffix(name, ".db") {
			syncs++
		}
		return nil
	})
	err := s.with(t.Context(), func(c *conn) error {
		return c.snapshot(func() error {
			_, err := c.number("SELECT count(*) FROM partita_head_account")
			for i := range 120 {
				if r := put1(s, fmt.Sprint(i)); r.Err != nil {
					t.Fatal(r.Err)
				}
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	d.failing(nil)
	if pages := s.walPages.Load(); pages < 2*s.walLimit() || syncs > 60 {
		t.Fatalf("%d checkpoints were tried while the log grew to %d pages", syncs, pages)
	}
	for i := 0; s.walPages.Load() > s.walLimit(); i++ {
		if r := put1(s, fmt.Sprint("later", i)); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
}

func TestReadIsInterrupted(t *testing.T) {
	s, _ := onDisk(t, Config{})
	err := s.with(t.Context(), func(c *conn) error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
		defer cancel()
		c.SetInterrupt(ctx)
		_, err := c.number("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) SELECT count(*) FROM n")
		return err
	})
	if fault.CodeOf(err) != fault.Deadline || !errors.Is(err, sqlite3.INTERRUPT) {
		t.Fatalf("an endless read ended with %v", err)
	}
}

// insertRow commits one row.
func insertRow(t *testing.T, s *Store, entity string, values ...model.Value) {
	t.Helper()
	e := s.config.Model.Entity(entity)
	w := &store.Write{Partition: store.Partition{Family: e.Family, Value: values[0]}, Name: "insert", Now: time.Now(),
		Apply: func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(e, values)
			return nil, err
		}}
	s.Commit(t.Context(), w)
	if w.Result.Err != nil {
		t.Fatal(w.Result.Err)
	}
}
