package sqltext

import "github.com/partita-dev/partita/model"

// LogMark is the distance between the versions of a partition that have a mark in SQLite's log.
const LogMark = 64

// Log are the statements on SQLite's change log, which lies in the order of commits: what a group
// changes in any number of partitions stands together on a page or two. Each change names the one
// before it in its partition, the head names the newest, and every LogMark-th version has a mark.
type Log struct {
	Head       string // partition: version, relayed, last
	HeadInsert string // partition, bucket, version, relayed, last
	HeadUpdate string // version, last, then partition

	Last   string // no parameter: the highest seq
	Insert string // seq, partition, version, before, id, at, body
	At     string // seq: version, before, id, at, body
	Step   string // seq: version, before, at
	Delete string // seq

	MarkInsert string // partition, version, seq
	Mark       string // partition, version: version, seq of the first mark at or above it
	MarkDelete string // partition, version: the marks up to it
}

// LogOf writes the statements of a family's log.
func LogOf(f *model.Family) *Log {
	head, change, mark := Quote(bookName("head", f)), Quote(bookName("change", f)), Quote(bookName("mark", f))
	return &Log{
		Head:       `SELECT "version", "relayed", "last" FROM ` + head + ` WHERE "partition" = $1`,
		HeadInsert: `INSERT INTO ` + head + ` ("partition", "bucket", "version", "relayed", "last") VALUES ($1, $2, $3, $4, $5)`,
		HeadUpdate: `UPDATE ` + head + ` SET "version" = $1, "last" = $2 WHERE "partition" = $3`,

		Last: `SELECT COALESCE(max("seq"), 0) FROM ` + change,
		Insert: `INSERT INTO ` + change +
			` ("seq", "partition", "version", "before", "id", "at", "body") VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		At:     `SELECT "version", "before", "id", "at", "body" FROM ` + change + ` WHERE "seq" = $1`,
		Step:   `SELECT "version", "before", "at" FROM ` + change + ` WHERE "seq" = $1`,
		Delete: `DELETE FROM ` + change + ` WHERE "seq" = $1`,

		MarkInsert: `INSERT INTO ` + mark + ` ("partition", "version", "seq") VALUES ($1, $2, $3)`,
		Mark:       `SELECT "version", "seq" FROM ` + mark + ` WHERE "partition" = $1 AND "version" >= $2 ORDER BY "version" LIMIT 1`,
		MarkDelete: `DELETE FROM ` + mark + ` WHERE "partition" = $1 AND "version" <= $2`,
	}
}

// logTables are the tables that a family has for its heads and changes in SQLite.
func logTables(f *model.Family) []Object {
	d := SQLite
	partition, number, blob := `"partition" `+d.Column(f.By.Type)+` NOT NULL`, d.micro+" NOT NULL", d.blob+" NOT NULL"
	table := func(kind, columns string) Object {
		name := bookName(kind, f)
		return Object{Name: name, SQL: "CREATE TABLE " + Quote(name) + " (" + columns + ")"}
	}
	head := table("head", partition+`, "bucket" `+number+`, "version" `+number+`, "relayed" `+number+`, "last" `+number+`, PRIMARY KEY ("partition")`)
	change := table("change", `"seq" INTEGER PRIMARY KEY, `+partition+`, "version" `+number+`, "before" `+number+
		`, "id" `+blob+`, "at" `+number+`, "body" `+blob)
	mark := table("mark", partition+`, "version" `+number+`, "seq" `+number+`, PRIMARY KEY ("partition", "version")`)
	head.SQL += d.suffix
	change.SQL += " STRICT"
	mark.SQL += d.suffix
	return []Object{head, change, mark}
}
