package forecast

import (
	"regexp"

	"github.com/partita-dev/partita/model"
)

// ofCalendar are the functions of time with few results, and how many those are.
var ofCalendar = map[string]float64{"year": 10, "month": 12, "day": 31, "weekday": 7, "hour": 24, "minute": 60, "second": 60}

// calendarCall is an expression that is nothing but one such function of a field.
var calendarCall = regexp.MustCompile(`^(year|month|day|weekday|hour|minute|second)\(\s*row\.[a-z][a-z0-9_]*\s*\)$`)

// calendar gives the function of time that a view is by; "" where it is by something else.
func calendar(v *model.View) string {
	if x := v.By[0].Expr; x != nil {
		if m := calendarCall.FindStringSubmatch(x.Source); m != nil {
			return m[1]
		}
	}
	return ""
}

// values estimates how many different values a field has in all rows of an entity; known is false
// where nothing tells.
func (p *planner) values(e *model.Entity, f *model.Field) (n Number, known bool) {
	rows := p.rowsOf(e)
	switch f.Type.Kind {
	case model.KindBool:
		return Number{2, Declared}, true
	case model.KindEnum:
		return Number{float64(len(f.Type.Enum)), Declared}, true
	case model.KindDate, model.KindTime:
		return Number{min(365, rows.Value), Assumed}, true
	}
	if f.Name == e.Family.By.Name {
		return p.partitions(e.Family), true
	}
	// A field that is called like the partition of another family most likely names one of those.
	for _, other := range p.Model.Families {
		if other.View == nil && other.By.Name == f.Name && other.By.Type.Kind == f.Type.Kind {
			n := p.partitions(other)
			return by(min(n.Value, rows.Value), n, rows, Number{From: Assumed}), true
		}
	}
	return Number{}, false
}

// viewPartitions estimates how many partitions a view has: as many as there are values of its field.
func (p *planner) viewPartitions(v *model.View) Number {
	source := p.rowsOf(v.From)
	if call := calendar(v); call != "" {
		return Number{min(ofCalendar[call], max(1, source.Value)), Assumed}
	}
	f := v.By[0].Field
	if f == nil {
		f = v.ByField
	}
	if n, known := p.values(v.From, f); known {
		return n
	}
	return by(max(1, source.Value), source, Number{From: Assumed})
}

// foldRows estimates the rows of a view that folds: one for each key in each partition, as far as
// it can be told how many keys there are, and no more than there are rows to fold.
func (p *planner) foldRows(v *model.View) Number {
	rows := p.partitions(v.Family)
	for _, f := range v.Key {
		if n, known := p.values(v.From, f); known {
			rows = by(rows.Value*n.Value, rows, n)
		}
	}
	if source := p.rowsOf(v.From); rows.Value > source.Value {
		return by(max(1, source.Value), rows, source)
	}
	return rows
}
