package sqltext

import "github.com/partita-dev/partita/model"

// BookName gives the name of one of a family's own tables: head, change, outcome or counter.
func BookName(kind string, f *model.Family) string { return bookName(kind, f) }
