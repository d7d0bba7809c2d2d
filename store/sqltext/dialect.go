// Package sqltext writes the SQL of every access path of a model: tables and indexes, the statement
// of each read, the statements that keep rows, heads, changes, outcomes and counters. It is pure:
// the adapters run these texts, and `check --explain` prints them.
//
// Every table but SQLite's log of changes begins its primary key with the partition, so that one
// partition lies together, and tables can be spread over machines by it. Each entity is an ordinary
// table under its own name, with a column per field and `_version`. Beside them stand, per family,
// the tables
//
//	partita_head_FAMILY     partition, bucket, version, relayed
//	partita_change_FAMILY   partition, version, id, at, body
//	partita_outcome_FAMILY  partition, hash, fingerprint, version, at, body
//	partita_counter_FAMILY  partition, entity, field, n
//
// and one partita_meta (name, value). In SQLite the changes lie in the order of their commits instead:
//
//	partita_head_FAMILY     partition, bucket, version, relayed, last
//	partita_change_FAMILY   seq, partition, version, before, id, at, body
//	partita_mark_FAMILY     partition, version, seq
//
// where last and before are the seq of the newest change and of the one before, and marks lead to
// every 64th version: see Log.
//
// # How values are stored
//
// SQLite has four storage classes, so there:
//
//   - uuid, enum, email, url, json, string and text are TEXT, compared by their bytes;
//   - time is TEXT such as 2026-01-31T08:05:00.000000Z, always UTC and 27 characters, so that it
//     sorts as it reads and SQLite's own date functions take it; date is TEXT such as 2026-01-31;
//   - bool is INTEGER 0 or 1;
//   - decimal is INTEGER without its point (12.50 of decimal(10,2) is 1250): exact, sorted, and
//     to be summed without rounding.
//
// PostgreSQL has types of its own for all of them.
package sqltext

import (
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Dialect is what differs between the engines. Everything else is one text: parameters are written
// $1, $2 … in the order of their first appearance, which SQLite and PostgreSQL both number alike.
type Dialect struct {
	Name     string
	text     string // of strings that are compared by their bytes
	blob     string
	micro    string // of bookkeeping times, microseconds since the Unix epoch
	suffix   string // behind the closing parenthesis of a table
	nulls    bool   // nulls come last unless told otherwise
	distinct bool   // has typed columns for uuid, time, date, decimal, bool
}

// The dialects.
var (
	SQLite   = Dialect{Name: "sqlite", text: "TEXT", blob: "BLOB", micro: "INTEGER", suffix: " STRICT, WITHOUT ROWID"}
	Postgres = Dialect{Name: "postgres", text: `text COLLATE "C"`, blob: "bytea", micro: "bigint", nulls: true, distinct: true}
)

// Column gives the SQL type of a field.
func (d Dialect) Column(t model.Type) string {
	switch t.Kind {
	case model.KindInt:
		return d.micro
	case model.KindFloat:
		return d.pick("REAL", "double precision")
	case model.KindBool:
		return d.pick("INTEGER", "boolean")
	case model.KindUUID:
		return d.pick("TEXT", "uuid")
	case model.KindTime:
		return d.pick("TEXT", "timestamptz")
	case model.KindDate:
		return d.pick("TEXT", "date")
	case model.KindBytes:
		return d.blob
	case model.KindDecimal:
		return d.pick("INTEGER", "numeric("+strconv.Itoa(t.Precision)+","+strconv.Itoa(t.Scale)+")")
	}
	return d.text
}

func (d Dialect) pick(plain, typed string) string {
	if d.distinct {
		return typed
	}
	return plain
}

// order writes one field of an ORDER BY or of an index: null is the smallest value everywhere. A
// field that is never null is written plainly, as it stands in a primary key.
func (d Dialect) order(f *model.Field, prefix string, desc bool) string {
	s := prefix + Quote(f.Name)
	if desc {
		s += " DESC"
	}
	switch {
	case !d.nulls || !f.Type.Null:
		return s
	case desc:
		return s + " NULLS LAST"
	}
	return s + " NULLS FIRST"
}

// Quote writes a name so that any word may stand there.
func Quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// text gathers one statement and numbers its parameters.
type text struct {
	strings.Builder
	params int
}

func (b *text) add(parts ...string) *text {
	for _, p := range parts {
		b.WriteString(p)
	}
	return b
}

// param writes the next parameter.
func (b *text) param() *text {
	b.params++
	b.WriteByte('$')
	b.WriteString(strconv.Itoa(b.params))
	return b
}

// list writes n items with commas between them.
func (b *text) list(n int, item func(i int)) {
	for i := range n {
		if i > 0 {
			b.WriteString(", ")
		}
		item(i)
	}
}
