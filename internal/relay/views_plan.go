package relay

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
)

// plan is what has to be known of a view to apply changes of its source to it.
type plan struct {
	view       *model.View
	definition string // changes with everything that its rows depend on

	rows    *model.Entity // the view's own
	applied *model.Entity
	folded  *model.Entity // nil for an index view
	folds   []foldPlan
	from    []int // by Field.Pos of rows: the field of the source, -1 for the partition and for folds

	source  *model.Read // all rows of the source in a partition, by page
	chain   []*model.Family
	parents []*plan // of the views that it is made from
}

// foldPlan is one folded figure. Places are Field.Pos.
type foldPlan struct {
	op        string
	of        int // in the source; -1 for a count
	scale     int
	shown     *model.Field
	sum, many int // in the folded entity
}

func newPlan(b *work.Books, v *model.View) *plan {
	p := &plan{view: v, rows: v.Entity, applied: b.Applied[v], folded: b.Folded[v], definition: definitionOf(v),
		source: work.Rows(v.From, 1000)}
	p.from = make([]int, len(v.Entity.Fields))
	for _, f := range v.Entity.Fields {
		p.from[f.Pos] = -1
		if g := v.From.Field(f.Name); g != nil && f.Pos > 0 && !isFold(v, f.Name) {
			p.from[f.Pos] = g.Pos
		}
	}
	for _, f := range v.Folds {
		fold := foldPlan{op: f.Op, of: -1, shown: v.Entity.Field(f.Name)}
		if f.Of != nil {
			fold.of, fold.scale = f.Of.Pos, f.Of.Type.Scale
			fold.sum = p.folded.Field(work.FoldedSum + f.Name).Pos
			fold.many = p.folded.Field(work.FoldedValues + f.Name).Pos
		}
		p.folds = append(p.folds, fold)
	}
	p.chain = []*model.Family{v.From.Family}
	for source := v.From.View; source != nil; source = source.From.View {
		p.chain = append(p.chain, source.From.Family)
	}
	return p
}

func isFold(v *model.View, name string) bool {
	return slices.ContainsFunc(v.Folds, func(f model.Fold) bool { return f.Name == name })
}

// definitionOf tells two definitions of a view apart.
func definitionOf(v *model.View) string {
	var b strings.Builder
	fmt.Fprintf(&b, "from %s by %s", v.From.Name, v.ByField.Name)
	if x := v.By[0].Expr; x != nil {
		fmt.Fprintf(&b, " = %s", x.Source)
	} else {
		fmt.Fprintf(&b, " of %s", v.By[0].Field.Name)
	}
	for _, f := range v.Entity.Fields {
		fmt.Fprintf(&b, ", %s %d %d", f.Name, f.Type.Kind, f.Type.Scale)
	}
	for _, c := range v.Where {
		fmt.Fprintf(&b, ", where %s", c.Field.Name)
		for _, value := range c.Values {
			fmt.Fprintf(&b, " %d:%s", value.Kind(), model.AppendText(nil, value))
		}
	}
	for _, f := range v.Folds {
		fmt.Fprintf(&b, ", %s %s", f.Name, f.Op)
		if f.Of != nil {
			fmt.Fprintf(&b, " %s", f.Of.Name)
		}
	}
	hash := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(hash[:16])
}

// place is where a row of the source stands in the view.
type place struct {
	target model.Value   // the view's partition
	key    []model.Value // of the view's row in it
}

// placeOf gives the place of a row of the source; ok is false where it has none: it does not fit
// `where`, or a part of its place is null, or nobody could ask for its partition.
func (p *plan) placeOf(row *model.Row) (at place, ok bool) {
	if row == nil {
		return at, false
	}
	for _, c := range p.view.Where {
		if !slices.Contains(c.Values, row.Values[c.Field.Pos]) {
			return at, false
		}
	}
	if x := p.view.By[0].Expr; x != nil {
		v, err := x.Eval(&model.Scope{Row: row})
		if err != nil {
			return at, false
		}
		at.target = v
	} else {
		at.target = row.Values[p.view.By[0].Field.Pos]
	}
	if at.target.IsNull() || p.view.ByField.Check(at.target) != nil {
		return at, false
	}
	at.key = make([]model.Value, len(p.rows.Key))
	for i, f := range p.rows.Key {
		v := row.Values[p.from[f.Pos]]
		if v.IsNull() {
			return at, false
		}
		at.key[i] = v
	}
	return at, true
}

// same tells whether two places are one.
func (a place) same(b place) bool { return a.target == b.target && slices.Equal(a.key, b.key) }

// shown gives the row of an index view for a row of the source at its place.
func (p *plan) shown(at place, row *model.Row) []model.Value {
	values := make([]model.Value, len(p.rows.Fields))
	values[0] = at.target
	for pos, from := range p.from {
		if from >= 0 {
			values[pos] = row.Values[from]
		}
	}
	return values
}

// delta is what is added to one row of a fold.
type delta struct {
	rows int64
	sums []*sum // by fold; nil for a count
}

func (p *plan) newDelta() *delta {
	d := &delta{sums: make([]*sum, len(p.folds))}
	for i, f := range p.folds {
		if f.of >= 0 {
			d.sums[i] = newSum()
		}
	}
	return d
}

// count adds a row of the source, times 1 or -1.
func (p *plan) count(d *delta, row *model.Row, sign int64) {
	d.rows += sign
	for i, f := range p.folds {
		if f.of >= 0 {
			d.sums[i].add(row.Values[f.of], sign)
		}
	}
}

func (d *delta) join(other *delta) {
	d.rows += other.rows
	for i, s := range d.sums {
		if s != nil {
			s.join(other.sums[i])
		}
	}
}

// take is join with the other's sign turned round.
func (d *delta) take(other *delta) {
	d.rows -= other.rows
	for i, s := range d.sums {
		if s != nil {
			s.take(other.sums[i])
		}
	}
}

// none tells whether it makes no difference.
func (d *delta) none() bool {
	return d.rows == 0 && !slices.ContainsFunc(d.sums, func(s *sum) bool { return s != nil && !s.none() })
}

// figures gives the folded row that the books in total stand for.
func (p *plan) figures(at place, total *delta) []model.Value {
	values := make([]model.Value, len(p.rows.Fields))
	values[0] = at.target
	for i, f := range p.rows.Key {
		values[f.Pos] = at.key[i]
	}
	for i, f := range p.folds {
		switch f.op {
		case "count":
			values[f.shown.Pos] = model.Int(total.rows)
		case "sum":
			values[f.shown.Pos] = total.sums[i].value(&f.shown.Type)
		default:
			values[f.shown.Pos] = total.sums[i].mean(f.scale)
		}
	}
	return values
}

// books gives the folded entity's row for total.
func (p *plan) books(at place, total *delta) []model.Value {
	values := make([]model.Value, len(p.folded.Fields))
	values[0] = at.target
	for i, f := range p.folded.Key {
		values[f.Pos] = at.key[i]
	}
	values[p.folded.Field(work.FoldedRows).Pos] = model.Int(total.rows)
	for i, f := range p.folds {
		if f.of >= 0 {
			values[f.sum], values[f.many] = model.String(total.sums[i].text()), model.Int(total.sums[i].values)
		}
	}
	return values
}

// total reads books back; nil stands for nothing.
func (p *plan) total(row *model.Row) (*delta, error) {
	d := p.newDelta()
	if row == nil {
		return d, nil
	}
	d.rows = row.Values[p.folded.Field(work.FoldedRows).Pos].Int()
	for i, f := range p.folds {
		if f.of >= 0 {
			s, err := parseSum(row.Values[f.sum].Text(), row.Values[f.many].Int())
			if err != nil {
				return nil, err
			}
			d.sums[i] = s
		}
	}
	return d, nil
}

// ageless gives a time at which no row of an entity is over: what expires counts until it is deleted.
func ageless(e *model.Entity) time.Time {
	first := time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)
	if e.Keep != nil {
		first = first.Add(e.Keep.For)
	}
	return first
}
