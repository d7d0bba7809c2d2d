package sqltext

import "github.com/partita-dev/partita/model"

// Erasing are the statements that delete what a partition has in a family's books; the partition is
// their first parameter.
type Erasing struct {
	Outcomes string // then the most to delete
	Changes  string // then a version, the most to delete: those up to it, the oldest first. Not for SQLite, see LogOf
	Head     string // gives version, relayed
}

// ErasingOf writes the statements of a family.
func ErasingOf(f *model.Family) *Erasing {
	change, outcome := Quote(bookName("change", f)), Quote(bookName("outcome", f))
	return &Erasing{
		Outcomes: `DELETE FROM ` + outcome + ` WHERE "partition" = $1 AND "hash" IN (SELECT "hash" FROM ` + outcome +
			` WHERE "partition" = $1 LIMIT $2)`,
		Changes: `DELETE FROM ` + change + ` WHERE "partition" = $1 AND "version" IN (SELECT "version" FROM ` + change +
			` WHERE "partition" = $1 AND "version" <= $2 ORDER BY "version" LIMIT $3)`,
		Head: `SELECT "version", "relayed" FROM ` + Quote(bookName("head", f)) + ` WHERE "partition" = $1`,
	}
}
