package postgres

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/storetest"
)

// TestHeadsStayOnTheirPages lets partitions that nobody follows be written to again and again: no index
// is touched when a head changes.
func TestHeadsStayOnTheirPages(t *testing.T) {
	m := storetest.Model(t)
	url := server.Database(t)
	s, err := Open(t.Context(), Config{URL: url, Model: m})
	if err != nil {
		t.Fatal(err)
	}
	f := m.Families[0]
	const rounds, partitions = 50, 20
	for round := range rounds {
		var ws []*store.Write
		for i := range partitions {
			ws = append(ws, &store.Write{Partition: store.Partition{Family: f, Value: model.String(fmt.Sprint("p", i))}, ID: [16]byte{byte(round), byte(i)}, Now: time.Now(),
				Apply: func(tx store.Tx) ([]byte, error) {
					tx.Emit(store.Event{Name: "touched"})
					return nil, nil
				}})
		}
		s.Commit(t.Context(), ws...)
		for _, w := range ws {
			if w.Result.Err != nil {
				t.Fatal(w.Result.Err)
			}
		}
	}
	if err := s.Close(); err != nil { // the server counts what a connection did when it ends, at the latest
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var changed, onPage int
	for changed < (rounds-1)*partitions && t.Context().Err() == nil {
		err := conn.QueryRow(t.Context(), "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = $1", "partita_head_"+f.Name).Scan(&changed, &onPage)
		if err != nil {
			t.Fatal(err)
		}
	}
	if onPage < changed*9/10 { // the first ones of a page that is full move
		t.Errorf("%d of %d changes of heads stayed on their page", onPage, changed)
	}
}
