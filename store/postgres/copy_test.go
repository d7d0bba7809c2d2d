package postgres

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

func TestCopy(t *testing.T) {
	storetest.RunCopy(t, func(t testing.TB) storetest.CopyPlace {
		url := server.Database(t)
		return storetest.CopyPlace{
			Open: func(t testing.TB, m *model.Model, o store.Options) store.Store {
				t.Helper()
				s, err := Open(t.Context(), Config{URL: url, Model: m, Options: o})
				if err != nil {
					t.Fatal(err)
				}
				return s
			},
			Copy: func(m *model.Model) (store.Copy, error) { return OpenCopy(t.Context(), url, m) },
			Fill: func(m *model.Model) (store.Filler, error) { return OpenFiller(t.Context(), url, m) },
		}
	})
}

// A node that runs while the store is given another past must not go on with what it holds of the old one.
func TestNodeStopsWhenTheStoreIsReplaced(t *testing.T) {
	url, m := server.Database(t), storetest.Model(t)
	open := func() *Store {
		s, err := Open(t.Context(), Config{URL: url, Model: m})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	old := open()
	info, err := Renew(t.Context(), url, m)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-old.Broken():
	case <-time.After(time.Minute):
		t.Fatal("the node goes on")
	}
	if old.Cause() == nil {
		t.Error("it does not say why")
	}
	w := &store.Write{Partition: store.Partition{Family: m.Families[0], Value: model.String("p")}, Apply: func(tx store.Tx) ([]byte, error) {
		tx.Emit(store.Event{Name: "x"})
		return nil, nil
	}}
	old.Commit(t.Context(), w)
	if fault.CodeOf(w.Result.Err) != fault.Unavailable {
		t.Errorf("a write on it comes to %v", w.Result.Err)
	}
	if now := open().Info(); now.Incarnation != info.Incarnation || now.Incarnation == old.Info().Incarnation {
		t.Errorf("the incarnation is %q, was %q, and was said to be %q", now.Incarnation, old.Info().Incarnation, info.Incarnation)
	}
}
