package sqltext

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// BookName gives the name of one of a family's own tables: head, change, outcome or
// counter; in SQLite also mark.
func BookName(kind string, f *model.Family) string { return bookName(kind, f) }

// What the names of the tables begin with that are kept beside a view's own: how far its sources were applied,
// and what its folds are made of.
const (
	AppliedOf = Prefix + "applied_"
	FoldedOf  = Prefix + "folded_"
)

// AddColumn writes the statement that adds a field to an entity's table. A field that may not be
// null needs a literal default, which the rows that are there get, and which old nodes' inserts get
// while they do not know the field yet.
func AddColumn(d Dialect, e *model.Entity, f *model.Field) string {
	s := "ALTER TABLE " + Quote(e.Name) + " ADD COLUMN " + column(d, f, false)
	if f.Default == model.DefaultLiteral {
		s += " DEFAULT " + d.literal(f.DefaultValue)
	}
	return s
}

// literal writes a value into the text of a statement, for DDL only.
func (d Dialect) literal(v model.Value) string {
	text := string(model.AppendText(nil, v))
	switch v.Kind() {
	case model.NullValue:
		return "NULL"
	case model.IntValue, model.FloatValue:
		return text
	case model.DecimalValue:
		if !d.distinct {
			return strconv.FormatInt(v.Int(), 10)
		}
		return text
	case model.BoolValue:
		if d.distinct {
			return text
		}
		return strconv.FormatInt(v.Int(), 10)
	case model.BytesValue:
		if d.distinct {
			return fmt.Sprintf(`'\x%x'`, v.Text())
		}
		return fmt.Sprintf("x'%x'", v.Text())
	case model.TimeValue:
		if !d.distinct {
			text = v.Time().Format("2006-01-02T15:04:05.000000Z")
		}
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
