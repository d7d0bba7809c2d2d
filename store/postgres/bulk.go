package postgres

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// bulk writes the statements that carry many rows of one entity at once: a column of each is one
// array parameter, so the text does not depend on how many rows there are.
type bulk struct {
	entity *model.Entity
	key    []*model.Field // the partition field, then the key
	insert string
	remove string
	fetch  string // rows by key: the row's version, then the fields
}

func newBulk(e *model.Entity) *bulk {
	b := &bulk{entity: e, key: append([]*model.Field{e.Fields[0]}, e.Key...)}
	table := sqltext.Quote(e.Name)

	names := make([]string, 0, len(e.Fields)+1)
	for _, f := range e.Fields {
		names = append(names, sqltext.Quote(f.Name))
	}
	names = append(names, sqltext.Quote(sqltext.VersionColumn))
	b.insert = "INSERT INTO " + table + " (" + strings.Join(names, ", ") + ") SELECT * FROM " + unnest(typesOf(e.Fields), "bigint[]")
	b.remove = "DELETE FROM " + table + " t USING " + unnest(typesOf(b.key)) + " WHERE " + b.matches()
	for i := range names {
		names[i] = "t." + names[i]
	}
	last := len(names) - 1
	b.fetch = "SELECT " + names[last] + ", " + strings.Join(names[:last], ", ") + " FROM " + table + " t JOIN " +
		unnest(typesOf(b.key)) + " ON " + b.matches()
	return b
}

// update writes the statement that replaces some fields. Parameters: the key's columns, the
// versions, the fields.
func (b *bulk) update(fields []*model.Field) string {
	n := len(b.key)
	var set strings.Builder
	fmt.Fprintf(&set, "%s = u.c%d", sqltext.Quote(sqltext.VersionColumn), n+1)
	for i, f := range fields {
		fmt.Fprintf(&set, ", %s = u.c%d", sqltext.Quote(f.Name), n+2+i)
	}
	types := append(append(typesOf(b.key), "bigint[]"), typesOf(fields)...)
	return "UPDATE " + sqltext.Quote(b.entity.Name) + " t SET " + set.String() + " FROM " + unnest(types) + " WHERE " + b.matches()
}

// matches compares the key of t with the first columns of u.
func (b *bulk) matches() string {
	terms := make([]string, len(b.key))
	for i, f := range b.key {
		terms[i] = fmt.Sprintf("t.%s = u.c%d", sqltext.Quote(f.Name), i+1)
	}
	return strings.Join(terms, " AND ")
}

// unnest writes arrays as a table u with the columns c1, c2 … The parameters are $1, $2 …
func unnest(types []string, more ...string) string {
	types = append(types, more...)
	params, columns := make([]string, len(types)), make([]string, len(types))
	for i, t := range types {
		params[i] = fmt.Sprintf("$%d::%s", i+1, t)
		columns[i] = fmt.Sprintf("c%d", i+1)
	}
	return "unnest(" + strings.Join(params, ", ") + ") AS u(" + strings.Join(columns, ", ") + ")"
}

func typesOf(fields []*model.Field) []string {
	types := make([]string, len(fields))
	for i, f := range fields {
		types[i] = arrayType(&f.Type)
	}
	return types
}

// familyBulk are the statements on a family's own tables that carry many partitions at once.
type familyBulk struct {
	lock     string // partitions: partition, version of those whose head is free, locked from then on
	present  string // partitions: those that have a head
	outcomes string // partitions, hashes
	counters string // partitions, entities, fields

	headInsert    string // partitions, buckets, versions, relayed
	headUpdate    string // partitions, versions
	changeInsert  string // partitions, versions, ids, times, bodies
	outcomeInsert string // partitions, hashes, fingerprints, versions, times, bodies
	counterUpsert string // partitions, entities, fields, numbers
}

func newFamilyBulk(f *model.Family) *familyBulk {
	p := arrayType(&f.By.Type)
	head, change := sqltext.Quote(sqltext.BookName("head", f)), sqltext.Quote(sqltext.BookName("change", f))
	outcome, counter := sqltext.Quote(sqltext.BookName("outcome", f)), sqltext.Quote(sqltext.BookName("counter", f))
	return &familyBulk{
		lock: `SELECT "partition", "version" FROM ` + head + ` WHERE "partition" = ANY($1::` + p +
			`) ORDER BY "partition" FOR UPDATE`,
		present: `SELECT "partition" FROM ` + head + ` WHERE "partition" = ANY($1::` + p + `)`,
		outcomes: `SELECT t."partition", t."hash", t."fingerprint", t."version", t."at", t."body" FROM ` + outcome + ` t JOIN ` +
			unnest([]string{p, "bytea[]"}) + ` ON t."partition" = u.c1 AND t."hash" = u.c2`,
		counters: `SELECT t."partition", t."entity", t."field", t."n" FROM ` + counter + ` t JOIN ` +
			unnest([]string{p, "text[]", "text[]"}) + ` ON t."partition" = u.c1 AND t."entity" = u.c2 AND t."field" = u.c3`,

		headInsert: `INSERT INTO ` + head + ` ("partition", "bucket", "version", "relayed") SELECT * FROM ` +
			unnest([]string{p, "bigint[]", "bigint[]", "bigint[]"}),
		headUpdate: `UPDATE ` + head + ` t SET "version" = u.c2 FROM ` + unnest([]string{p, "bigint[]"}) + ` WHERE t."partition" = u.c1`,
		changeInsert: `INSERT INTO ` + change + ` ("partition", "version", "id", "at", "body") SELECT * FROM ` +
			unnest([]string{p, "bigint[]", "bytea[]", "bigint[]", "bytea[]"}),
		outcomeInsert: `INSERT INTO ` + outcome + ` ("partition", "hash", "fingerprint", "version", "at", "body") SELECT * FROM ` +
			unnest([]string{p, "bytea[]", "bytea[]", "bigint[]", "bigint[]", "bytea[]"}),
		counterUpsert: `INSERT INTO ` + counter + ` ("partition", "entity", "field", "n") SELECT * FROM ` +
			unnest([]string{p, "text[]", "text[]", "bigint[]"}) +
			` ON CONFLICT ("partition", "entity", "field") DO UPDATE SET "n" = excluded."n"`,
	}
}
