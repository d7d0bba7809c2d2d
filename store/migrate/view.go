package migrate

import (
	"strings"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// The rows of a view, and the books beside them, are made from its source. Where the view's fields change,
// they are deleted and made anew by the node that starts with them: so of a column that goes nothing is lost,
// and one that comes needs a value only until then.

// viewWith gives the view that an entity has the rows or books of; nil for none.
func (p *planner) viewWith(e *model.Entity) *model.View {
	if e.View != nil {
		return e.View
	}
	for _, kind := range []string{sqltext.AppliedOf, sqltext.FoldedOf} {
		if name, ok := strings.CutPrefix(e.Name, kind); ok {
			if of := p.m.Entity(name); of != nil {
				return of.View
			}
		}
	}
	return nil
}

// ages tells whether rows that a view is made from expire: it then keeps what nobody can make anew.
func ages(v *model.View) bool {
	for ; v != nil; v = v.From.View {
		if v.From.Keep != nil {
			return true
		}
	}
	return false
}

// until gives a field of a view with a value for rows that are there, until they are made anew.
func until(f *model.Field) *model.Field {
	if f.Type.Null || f.Default == model.DefaultLiteral {
		return f
	}
	with := *f
	with.Default = model.DefaultLiteral
	switch t := &f.Type; t.Kind {
	case model.KindInt:
		with.DefaultValue = model.Int(0)
	case model.KindFloat:
		with.DefaultValue = model.Float(0)
	case model.KindBool:
		with.DefaultValue = model.Bool(false)
	case model.KindTime:
		with.DefaultValue = model.TimeMicro(0)
	case model.KindDate:
		with.DefaultValue = model.DateDays(0)
	case model.KindBytes:
		with.DefaultValue = model.Bytes("")
	case model.KindJSON:
		with.DefaultValue = model.JSON("null")
	case model.KindDecimal:
		with.DefaultValue = model.Decimal(0, uint8(t.Scale)) //nolint:gosec // at most 18
	case model.KindUUID:
		with.DefaultValue = model.String("00000000-0000-0000-0000-000000000000")
	case model.KindEnum:
		with.DefaultValue = model.String(t.Enum[0])
	default:
		with.DefaultValue = model.String("")
	}
	return &with
}
