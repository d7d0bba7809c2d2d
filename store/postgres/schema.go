package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// schemaLock is the advisory lock under which one node at a time looks after the schema.
const schemaLock = 0x7061_7274_6974_61 // "partita"

// formatVersion is the version of the tables that the store keeps for itself.
const formatVersion = "1"

// ensureSchema makes what the model needs and the database lacks: tables, columns that may be null
// or have a fixed default, and indexes, those of tables that exist already without blocking their
// writers. What would lose data or block is refused.
func ensureSchema(ctx context.Context, conn *pgx.Conn, m *model.Model, o *store.Options) error {
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(schemaLock)); err != nil {
		return unreachable(err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", int64(schemaLock))
	// An index of a large table takes longer than any other statement may.
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		return unreachable(err)
	}
	defer conn.Exec(context.WithoutCancel(ctx), "RESET statement_timeout")
	if err := ensureMeta(ctx, conn, m); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, leaseTable); err != nil {
		return unreachable(err)
	}
	there, err := columnsOf(ctx, conn)
	if err != nil {
		return unreachable(err)
	}
	fresh := map[string]bool{}
	for _, o := range sqltext.Schema(sqltext.Postgres, m) {
		switch {
		case o.Name == sqltext.MetaTable:
		case o.Index:
			err = ensureIndex(ctx, conn, o, fresh[o.Table])
		case there[o.Name] == nil:
			fresh[o.Name] = true
			_, err = conn.Exec(ctx, o.SQL)
		case o.Entity != nil:
			err = ensureColumns(ctx, conn, o.Entity, there[o.Name])
		}
		if err != nil {
			return unreachable(err)
		}
	}
	return follow(ctx, conn, m, o)
}

// ensureMeta makes or checks what is true of the whole store.
func ensureMeta(ctx context.Context, conn *pgx.Conn, m *model.Model) error {
	meta := sqltext.Schema(sqltext.Postgres, m)[0].SQL
	if _, err := conn.Exec(ctx, strings.Replace(meta, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)); err != nil {
		return unreachable(err)
	}
	get := func(name string) (value string, err error) {
		err = conn.QueryRow(ctx, sqltext.MetaGet, name).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", nil
		}
		return value, err
	}
	format, err := get("format")
	if err != nil {
		return unreachable(err)
	}
	switch format {
	case formatVersion:
	case "":
		return makeMeta(ctx, conn, m)
	default:
		return fault.New(fault.InvalidInput,
			"The database was made by a newer release (format %s, this one knows %s); use that release.", format, formatVersion)
	}
	service, err := get("service")
	if err != nil {
		return unreachable(err)
	}
	if service != m.Service {
		return fault.New(fault.InvalidInput,
			"The database belongs to the service %q, the model to %q; give each service a database of its own.", service, m.Service)
	}
	return nil
}

func makeMeta(ctx context.Context, conn *pgx.Conn, m *model.Model) error {
	var incarnation [6]byte
	var secret [32]byte
	rand.Read(incarnation[:]) // never fails
	rand.Read(secret[:])
	for _, kv := range [][2]string{{"incarnation", hex.EncodeToString(incarnation[:])}, {"secret", hex.EncodeToString(secret[:])},
		{"service", m.Service}, {"format", formatVersion}} { // format last: with it all the others are there
		if _, err := conn.Exec(ctx, sqltext.MetaPut, kv[0], kv[1]); err != nil {
			return unreachable(err)
		}
	}
	return nil
}

// column is one column that the database has.
type column struct {
	kind string // as format_type writes it
	null bool
	def  bool
}

// columnsOf reads all tables of the schema that the connection works in.
func columnsOf(ctx context.Context, conn *pgx.Conn) (map[string]map[string]column, error) {
	rows, err := conn.Query(ctx, `SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, a.atthasdef
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	tables := map[string]map[string]column{}
	for rows.Next() {
		var table, name string
		var c column
		if err := rows.Scan(&table, &name, &c.kind, &c.null, &c.def); err != nil {
			return nil, err
		}
		if tables[table] == nil {
			tables[table] = map[string]column{}
		}
		tables[table][name] = c
	}
	return tables, rows.Err()
}

// ensureColumns adds what a table lacks, and refuses what does not fit.
func ensureColumns(ctx context.Context, conn *pgx.Conn, e *model.Entity, there map[string]column) error {
	for _, f := range e.Fields {
		want := strings.TrimSuffix(sqltext.Postgres.Column(f.Type), ` COLLATE "C"`)
		have, ok := there[f.Name]
		switch {
		case ok && spelling(have.kind) != spelling(want):
			return fault.New(fault.InvalidInput, "The column %s of %s is of type %s in the database and %s in the model; changing a type needs a migration by hand.",
				f.Name, e.Name, have.kind, want)
		case ok && !f.Type.Null && have.null && !slices.Contains(e.Key, f):
			return fault.New(fault.InvalidInput, "The field %s of %s may be null in the database but not in the model; write %s? or fill it and alter the column by hand.",
				f.Name, e.Name, f.Name)
		case ok:
		case f.Pos <= len(e.Key):
			return fault.New(fault.InvalidInput, "The key of %s has another field than the database: keys do not change once there are rows.", e.Name)
		case !f.Type.Null && f.Default != model.DefaultLiteral:
			return fault.New(fault.InvalidInput, "The new field %s of %s has no fixed default and may not be null, so what should the rows have that are there? Add a default or `?`.",
				f.Name, e.Name)
		default:
			if _, err := conn.Exec(ctx, sqltext.AddColumn(sqltext.Postgres, e, f)); err != nil {
				return err
			}
		}
	}
	for name, have := range there {
		if e.Field(name) == nil && name != sqltext.VersionColumn && !have.null && !have.def {
			return fault.New(fault.InvalidInput, "The database has %s in %s, which must not be null and which the model does not know; drop the column by hand, or put the field back.",
				name, e.Name)
		}
	}
	return nil
}

func spelling(kind string) string {
	return strings.ReplaceAll(strings.ToLower(kind), "timestamp with time zone", "timestamptz")
}

// ensureIndex makes an index that is missing, or that an interrupted build left invalid.
func ensureIndex(ctx context.Context, conn *pgx.Conn, o sqltext.Object, fresh bool) error {
	var valid bool
	err := conn.QueryRow(ctx, `SELECT i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relname = $1`, o.Name).Scan(&valid)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return err
	}
	if valid {
		return nil
	}
	if err == nil {
		if _, err := conn.Exec(ctx, "DROP INDEX CONCURRENTLY IF EXISTS "+sqltext.Quote(o.Name)); err != nil {
			return err
		}
	}
	sql := o.SQL
	if !fresh {
		sql = strings.Replace(sql, "INDEX ", "INDEX CONCURRENTLY ", 1)
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("index %s: %w", o.Name, err)
	}
	return nil
}
