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
