package migrate_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/postgres"
)

// grown is before with what a node adds by itself: columns, several indexes, and a unique.
var grown = edit(before,
	"      old:     text(20)\n", "      old:     text(20)\n      level:   {type: int, default: 3}\n      extra:   time?\n",
	"expect: 10\n    fields:\n      card_id", "expect: 10\n    unique: [[owner]]\n    fields:\n      card_id",
	"  by_name: {list: card, sort: name}\n", "  by_name: {list: card, sort: name}\n  by_level: {list: card, sort: -level}\n  by_state: {list: card, by: [state]}\n",
)

func onPostgres(t *testing.T) (p *place, url string, sql func(string) []string) {
	t.Helper()
	url = server.Database(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close(context.Background()) })
	p = &place{"postgres",
		func(m *model.Model) (store.Store, error) {
			return postgres.Open(t.Context(), postgres.Config{URL: url, Model: m})
		},
		func(m *model.Model) (migrate.Target, error) { return postgres.Migrate(t.Context(), url, m, nil) }}
	return p, url, func(text string) []string {
		t.Helper()
		rows, err := conn.Query(t.Context(), text)
		if err != nil {
			t.Fatal(err)
		}
		list, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
}

const (
	invalidIndexes = "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE NOT i.indisvalid"
	breakIndex     = "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'partita_index_card_rank_card_id'::regclass RETURNING 'broken'"
)

// Nodes that start at once on a grown model, with indexes to build, do it once and all serve.
func TestNodesStartAtOnce(t *testing.T) {
	p, _, sql := onPostgres(t)
	p.filled(t)
	m := parse(t, grown)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			s, err := p.open(m)
			if err != nil {
				t.Error(err)
				return
			}
			defer s.Close()
			if rows, err := s.Scan(t.Context(), m.Entity("card"), nil, 10); err != nil || len(rows) != 2 {
				t.Error(rows, err)
			}
		})
	}
	all.Wait()
	if list := sql(invalidIndexes); len(list) > 0 {
		t.Error("of no use: ", list)
	}
	if plan := p.run(t, m, true); len(plan.Steps) > 0 {
		t.Error("there is something left:\n", plan.Text())
	}
}

// What an interrupted build leaves behind is built anew, at a start and by command.
func TestInterruptedBuild(t *testing.T) {
	p, _, sql := onPostgres(t)
	p.filled(t)
	m := parse(t, before)
	sql(breakIndex)
	if plan := p.run(t, m, false); len(plan.Steps) != 1 || !strings.Contains(plan.Text(), "an earlier build was interrupted") {
		t.Error(plan.Text())
	}
	if list := sql(invalidIndexes); len(list) > 0 {
		t.Error("after the command: ", list)
	}
	sql(breakIndex)
	p.opened(t, m)
	if list := sql(invalidIndexes); len(list) > 0 {
		t.Error("after a start: ", list)
	}
}

// A command that is broken off while it builds an index leaves no half of it, and goes on when it is
// given again.
func TestCommandBrokenOff(t *testing.T) {
	p, url, sql := onPostgres(t)
	p.filled(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context()) // the build waits for it
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `UPDATE "card" SET "rank" = 2`); err != nil {
		t.Fatal(err)
	}
	m := parse(t, edit(before, "  by_name: {list: card, sort: name}\n", "  by_name: {list: card, sort: name}\n  by_state: {list: card, by: [state]}\n"))
	ctx, cancel := context.WithCancel(t.Context())
	target, err := postgres.Migrate(ctx, url, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		_, err := migrate.Run(ctx, target, nil, false)
		done <- err
	}()
	const building = "SELECT relname FROM pg_class WHERE relname LIKE 'partita_index_card_state%'"
	for len(sql(building)) == 0 {
	}
	cancel()
	for len(sql("SELECT query FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'CREATE INDEX%' AND datname = current_database()")) > 0 {
	}
	if err := tx.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err == nil || !strings.Contains(err.Error(), "the same command goes on") {
		t.Error(err)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
	if list := sql(building); len(list) > 0 {
		t.Error("left behind: ", list)
	}
	if plan := p.run(t, m, false); len(plan.Steps) != 1 || !plan.Steps[0].Done {
		t.Error(plan.Text())
	}
	if list := sql(invalidIndexes); len(list) > 0 {
		t.Error(list)
	}
}

// A unique that rows break leaves nothing behind that would refuse what the older nodes write.
func TestUniqueThatRowsBreak(t *testing.T) {
	p, _, sql := onPostgres(t)
	p.filled(t)
	broken := parse(t, edit(before, "key: card_id", "key: card_id\n    unique: [[rank]]"))
	if _, err := p.open(broken); err == nil || !strings.Contains(err.Error(), "break a `unique`") {
		t.Error(err)
	}
	if list := sql("SELECT relname FROM pg_class WHERE relname LIKE 'partita_unique%'"); len(list) > 0 {
		t.Error(list)
	}
}

// Nodes of the old and of the new model serve side by side: each reads what the other writes.
func TestOldAndNewNodes(t *testing.T) {
	p, _, _ := onPostgres(t)
	before, after := parse(t, before), parse(t, grown)
	older := p.opened(t, before)
	insert(t, older, before.Entity("card"), card("1"))
	newer := p.opened(t, after)
	insert(t, older, before.Entity("card"), card("2"))
	e := after.Entity("card")
	row := card("3")
	row["level"] = model.Int(9)
	insert(t, newer, e, row)

	box := store.Partition{Family: before.Entity("card").Family, Value: model.String("b")}
	w := &store.Write{Partition: box, Name: "update", Now: time.Now(), Apply: func(tx store.Tx) ([]byte, error) {
		e := before.Entity("card")
		row, err := tx.Get(e, []model.Value{model.String("3")})
		if err != nil {
			return nil, err
		}
		values := slices.Clone(row.Values)
		values[e.Field("name").Pos] = model.String("by old")
		_, err = tx.Update(e, row, values)
		return nil, err
	}}
	if older.Commit(t.Context(), w); w.Result.Err != nil {
		t.Fatal(w.Result.Err)
	}
	rows, err := newer.Scan(t.Context(), e, nil, 10)
	if err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	for i, want := range []int64{3, 3, 9} {
		if got := rows[i].Values[e.Field("level").Pos]; got != model.Int(want) {
			t.Errorf("level of row %d is %v, want %d", i, got, want)
		}
	}
	if got := rows[2].Values[e.Field("name").Pos]; got != model.String("by old") {
		t.Error(got)
	}
	if rows, err := older.Scan(t.Context(), before.Entity("card"), nil, 10); err != nil || len(rows) != 3 {
		t.Fatal(rows, err)
	}
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	p.opened(t, before) // a node of the older model that is started again serves on
}

// A field leaves in two releases: nodes of the older model serve until the column is dropped.
func TestFieldLeavesInTwoSteps(t *testing.T) {
	p, _, _ := onPostgres(t)
	p.filled(t)
	first := parse(t, before)
	older := p.opened(t, first)
	m := parse(t, edit(before, "      old:     text(20)\n", ""))
	if _, err := p.open(m); err == nil || !strings.Contains(err.Error(), "`partita migrate`") {
		t.Fatal(err)
	}
	if plan := p.run(t, m, false); !plan.Fits() || !plan.Steps[0].Done || plan.Steps[1].Done || plan.Steps[1].Allow != migrate.DropColumn {
		t.Fatal(plan.Text())
	}
	newer := p.opened(t, m)
	row := card("3")
	delete(row, "old")
	insert(t, newer, m.Entity("card"), row)
	insert(t, older, first.Entity("card"), card("4"))
	if rows, err := older.Scan(t.Context(), first.Entity("card"), nil, 10); err != nil || len(rows) != 4 {
		t.Fatal(rows, err)
	}
	if err := older.Close(); err != nil {
		t.Fatal(err)
	}
	if plan := p.run(t, m, false, migrate.DropColumn); len(plan.Steps) != 1 || !plan.Steps[0].Done {
		t.Fatal(plan.Text())
	}
	if rows, err := newer.Scan(t.Context(), m.Entity("card"), nil, 10); err != nil || len(rows) != 4 {
		t.Fatal(rows, err)
	}
}

// A table that a long transaction holds is waited for without making others wait for good.
func TestBusyTable(t *testing.T) {
	p, url, _ := onPostgres(t)
	p.filled(t)
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	tx, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(t.Context(), `SELECT FROM "card"`); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		s, err := p.open(parse(t, edit(before, "      old:     text(20)\n", "      old:     text(20)\n      extra:   time?\n")))
		if err == nil {
			err = s.Close()
		}
		done <- err
	}()
	other, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close(context.Background())
	for waits := false; !waits; { // until the change waits for the table
		if err := other.QueryRow(t.Context(), "SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())").Scan(&waits); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Exec(t.Context(), `SELECT FROM "card"`); err != nil { // gets its turn though the transaction is still open
		t.Fatal(err)
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
