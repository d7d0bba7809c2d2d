package migrate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/postgres"
)

// An index to what lags stands only where somebody follows: a database that has one for every family
// loses those that nobody needs, and a node that begins to follow has its own built.
func TestIndexToWhatLags(t *testing.T) {
	p, url, sql := onPostgres(t)
	p.filled(t)
	m := parse(t, before)
	const list = "SELECT relname FROM pg_class WHERE relname LIKE 'partita_lag_%' ORDER BY relname"
	is := func(when string, want ...string) {
		t.Helper()
		if have := sql(list); !slices.Equal(have, want) {
			t.Errorf("%s: %v, want %v", when, have, want)
		}
	}
	following := func(family string) store.Store {
		t.Helper()
		s, err := postgres.Open(t.Context(), postgres.Config{URL: url, Model: m, Options: store.Options{Follow: func(f *model.Family) bool { return f.Name == family }}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return s
	}
	is("of a database that nobody follows")

	for _, f := range []string{"box", "shelf"} { // as an earlier release made it
		sql(`DO $$ BEGIN CREATE INDEX "partita_lag_` + f + `" ON "partita_head_` + f + `" ("bucket") WHERE "version" > "relayed"; END $$`)
	}
	target, err := postgres.Migrate(t.Context(), url, m, func(f *model.Family) bool { return f.Name == "box" })
	if err != nil {
		t.Fatal(err)
	}
	plan, err := migrate.Run(t.Context(), target, nil, true)
	if err != nil || len(plan.Steps) != 1 || !plan.Steps[0].AtStart || !strings.Contains(plan.Text(), `DROP INDEX CONCURRENTLY IF EXISTS "partita_lag_shelf"`) {
		t.Error(err, plan.Text())
	}
	if err := target.Close(); err != nil {
		t.Fatal(err)
	}
	is("after a dry run", "partita_lag_box", "partita_lag_shelf")

	s := following("box")
	is("after a start", "partita_lag_box")
	insert(t, s, m.Entity("card"), card("3"))
	lags, err := s.Lagging(t.Context(), m.Entity("card").Family, 0, model.Buckets-1, 10)
	if err != nil || len(lags) != 1 || lags[0].Version != lags[0].Relayed+1 {
		t.Error("what lags: ", lags, err)
	}
	p.opened(t, m) // a node that follows nothing leaves what another needs
	is("beside a node that follows nothing", "partita_lag_box")
	if plan := p.run(t, m, true); len(plan.Steps) > 0 {
		t.Error(plan.Text())
	}
	following("shelf")
	is("when both are followed", "partita_lag_box", "partita_lag_shelf")
}
