package postgres

import (
	"testing"

	"github.com/partita-dev/partita/internal/pgtest"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

var server *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, &server) }

func TestContract(t *testing.T) {
	said := &statements{}
	t.Cleanup(func() { said.check(t) })
	storetest.Run(t, func(t testing.TB) storetest.Factory {
		url := server.Database(t)
		return func(t testing.TB, m *model.Model, o store.Options) store.Store {
			t.Helper()
			s, err := Open(t.Context(), Config{URL: url, Model: m, Options: o, tracer: said.of(m)})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
	})
}
