package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// exactRows is the number of rows up to which a table is counted rather than estimated.
const exactRows = 100_000

// planSchema tells what lies between the database and the model. follows tells which families this node
// follows; others are followed as long as any node once did.
func planSchema(ctx context.Context, conn *pgx.Conn, m *model.Model, follows func(*model.Family) bool) (*migrate.Plan, error) {
	have, err := inspect(ctx, conn)
	if err != nil {
		return nil, unreachable(err)
	}
	marked := map[string]bool{}
	if have.Tables[sqltext.MetaTable] != nil {
		var name, value string
		err := query(ctx, conn, `SELECT "name", "value" FROM "`+sqltext.MetaTable+`"`, []any{&name, &value}, func() {
			if family, ok := strings.CutPrefix(name, followMark); ok {
				marked[family] = value == "yes"
			}
		})
		if err != nil {
			return nil, unreachable(err)
		}
	}
	have.Follows = func(f *model.Family) bool { return marked[f.Name] || follows(f) }
	plan, err := migrate.Diff(ctx, sqltext.Postgres, have, m)
	if err != nil {
		return nil, unreachable(err)
	}
	return plan, nil
}

// inspect reads the schema that the connection works in.
func inspect(ctx context.Context, conn *pgx.Conn) (*migrate.Have, error) {
	h := &migrate.Have{Place: "The database", Tables: map[string]map[string]migrate.Column{}, Keys: map[string][]string{}, Indexes: map[string]migrate.Index{}}
	estimates := map[string]int64{} // by FROM
	h.Count = func(ctx context.Context, from string) (n int64, err error) {
		if n := estimates[from]; n > exactRows {
			return n, nil
		}
		return n, conn.QueryRow(ctx, "SELECT count(*) FROM "+from).Scan(&n)
	}
	var table, name, kind string
	var null, def, invalid bool
	var rows int64
	var options []int16
	var keys []string
	err := query(ctx, conn, `SELECT c.relname, c.reltuples::bigint, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`,
		[]any{&table, &rows, &name, &kind, &null, &def}, func() {
			if h.Tables[table] == nil {
				h.Tables[table] = map[string]migrate.Column{}
			}
			h.Tables[table][name] = migrate.Column{Type: migrate.EngineType(kind), Null: null, Default: def}
			estimates[sqltext.Quote(table)] = rows
		})
	if err != nil {
		return nil, err
	}
	err = query(ctx, conn, `SELECT t.relname, array(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY k(n, at)
			JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n ORDER BY k.at)
		FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid
		WHERE i.indisprimary AND t.relnamespace = current_schema()::regnamespace`,
		[]any{&table, &keys}, func() { h.Keys[table] = append([]string{}, keys...) })
	if err != nil {
		return nil, err
	}
	err = query(ctx, conn, `SELECT c.relname, t.relname, NOT (i.indisvalid AND i.indisready), i.indoption::int2[]
		FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_class t ON t.oid = i.indrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND NOT EXISTS (SELECT 1 FROM pg_constraint o WHERE o.conindid = i.indexrelid)`,
		[]any{&name, &table, &invalid, &options}, func() {
			ix := migrate.Index{Table: table, Invalid: invalid, Order: []int{}}
			for _, o := range options {
				ix.Order = append(ix.Order, int(o))
			}
			h.Indexes[name] = ix
		})
	return h, err
}

// query runs a statement, and f after each row was read into its places.
func query(ctx context.Context, conn *pgx.Conn, sql string, into []any, f func()) error {
	rows, err := conn.Query(ctx, sql)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, into, func() error { f(); return nil })
	return err
}
