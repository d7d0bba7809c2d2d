package sqltext

import "github.com/partita-dev/partita/model"

// Copying are the statements that read all of a family's books. They have no parameters.
type Copying struct {
	Heads    string // partition, version, relayed
	Changes  string // partition, version, id, at, body; those of a partition in the order of versions
	Outcomes string // partition, hash, fingerprint, version, at, body
	Counters string // partition, entity, field, n
}

// CopyingOf writes the statements of a family. SQLite keeps changes in the order of their commits.
func CopyingOf(d Dialect, f *model.Family) *Copying {
	order := ` ORDER BY "partition", "version"`
	if d.Name == SQLite.Name {
		order = ` ORDER BY "seq"`
	}
	return &Copying{
		Heads:    `SELECT "partition", "version", "relayed" FROM ` + Quote(bookName("head", f)),
		Changes:  `SELECT "partition", "version", "id", "at", "body" FROM ` + Quote(bookName("change", f)) + order,
		Outcomes: `SELECT "partition", "hash", "fingerprint", "version", "at", "body" FROM ` + Quote(bookName("outcome", f)),
		Counters: `SELECT "partition", "entity", "field", "n" FROM ` + Quote(bookName("counter", f)),
	}
}

// AllRows writes the statement that gives all rows of an entity, in whatever order is the quickest:
// version, then the fields. It has no parameters.
func AllRows(e *model.Entity) string {
	var b text
	b.selectRow(e)
	return b.String()
}

// Erasing are the statements that delete all that a partition has of a kind; the partition is their
// first parameter.
type Erasing struct {
	Outcomes string // then the most to delete
	Changes  string // then a version: those up to it
	Relayed  string // gives version, relayed of the head
}

// ErasingOf writes the statements of a family. SQLite's changes are deleted by LogOf.
func ErasingOf(f *model.Family) *Erasing {
	outcome := Quote(bookName("outcome", f))
	return &Erasing{
		Outcomes: `DELETE FROM ` + outcome + ` WHERE "partition" = $1 AND "hash" IN (SELECT "hash" FROM ` + outcome +
			` WHERE "partition" = $1 LIMIT $2)`,
		Changes: `DELETE FROM ` + Quote(bookName("change", f)) + ` WHERE "partition" = $1 AND "version" <= $2`,
		Relayed: `SELECT "version", "relayed" FROM ` + Quote(bookName("head", f)) + ` WHERE "partition" = $1`,
	}
}
