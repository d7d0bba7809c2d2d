package postgres

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

// A node that is paused in the middle of a write holds the partition for less than the time of a
// request: the write of another node is done, and then that of the paused one, each once.
func TestAPausedNodeHoldsNobodyForLong(t *testing.T) {
	const timeout = 4 * time.Second
	m, url := storetest.Model(t), server.Database(t)
	open := func() *Store {
		s, err := Open(t.Context(), Config{URL: url, Model: m, Timeout: timeout})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return s
	}
	paused, other := open(), open()
	touch := func(id byte, work func()) *store.Write {
		return &store.Write{Partition: store.Partition{Family: m.Families[0], Value: model.String("p")}, ID: [16]byte{id}, Now: time.Now(),
			Apply: func(tx store.Tx) ([]byte, error) {
				work()
				tx.Emit(store.Event{Name: "touched"})
				return nil, nil
			}}
	}
	first := touch(1, func() {})
	if other.Commit(t.Context(), first); first.Result.Err != nil {
		t.Fatal(first.Result.Err)
	}

	entered, goOn := make(chan struct{}), make(chan struct{})
	var once atomic.Bool
	mine := touch(2, func() {
		if once.CompareAndSwap(false, true) {
			close(entered)
			<-goOn
		}
	})
	done := make(chan struct{})
	go func() { paused.Commit(t.Context(), mine); close(done) }()
	<-entered
	theirs := touch(3, func() {})
	other.Commit(t.Context(), theirs)
	close(goOn)
	<-done
	if theirs.Result.Err != nil {
		t.Errorf("the other node's write was not done: %v", theirs.Result.Err)
	}
	if mine.Result.Err != nil {
		t.Errorf("the paused node's write was not done: %v", mine.Result.Err)
	}
	if theirs.Result.Version != 2 || mine.Result.Version != 3 {
		t.Errorf("the other's write has version %d, the paused one's %d", theirs.Result.Version, mine.Result.Version)
	}
}
