package sqlite

import (
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

func TestContract(t *testing.T) {
	storetest.Run(t, func(t testing.TB) storetest.Factory {
		dir := t.TempDir()
		return func(t testing.TB, m *model.Model, o store.Options) store.Store {
			t.Helper()
			s, err := Open(t.Context(), Config{Dir: dir, Model: m, Options: o})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
