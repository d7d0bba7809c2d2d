package forecast

import (
	"math"

	"github.com/partita-dev/partita/model"
)

// Entity is one table with its indexes.
type Entity struct {
	Name  string `json:"name"`
	Rows  Number `json:"rows"`
	Row   Number `json:"bytes_of_a_row"` // with its part of the indexes
	Bytes Number `json:"bytes"`
	View  bool   `json:"view,omitempty"`
}

// Log is the change log with heads and outcomes.
type Log struct {
	Rate   Number `json:"changes_per_second"`
	Change Number `json:"bytes_of_a_change"`
	Kept   Number `json:"changes_kept"`
	Bytes  Number `json:"bytes"`
}

// Bytes of a row that are no field's: SQLite's record and cell headers and the free room of its pages,
// PostgreSQL's tuple header, line pointer, alignment and free room.
const (
	sqliteRow   = 24
	postgresRow = 44
	entryCost   = 12  // of an index entry, beside its fields
	fill        = 0.8 // of a page, where rows come in any order
	headBytes   = 60  // of a partition's head, with its indexes
	changeCost  = 90  // of a change beside the row that it carries: partition, version, id, time, names
)

// data works out what is stored.
func (p *planner) data() {
	total := Number{}
	inEach := map[*model.Family][2]Number{}
	for _, e := range p.Model.Entities {
		if e.Internal {
			continue
		}
		rows, row := p.rowsOf(e), p.row(e)
		x := Entity{e.Name, rows, row, by(rows.Value*row.Value, rows, row), e.View != nil}
		p.out.Entities = append(p.out.Entities, x)
		total = by(total.Value+x.Bytes.Value, total, x.Bytes)
		n := p.partitions(e.Family)
		sum := inEach[e.Family]
		sum[0] = by(sum[0].Value+rows.Value/n.Value, sum[0], rows)
		sum[1] = by(sum[1].Value+x.Bytes.Value/n.Value, sum[1], x.Bytes)
		inEach[e.Family] = sum
	}
	for i, f := range p.Model.Families {
		p.out.Families[i].Rows, p.out.Families[i].Bytes = inEach[f][0], inEach[f][1]
	}
	p.log()
	p.out.Bytes = by(total.Value+p.out.Log.Bytes.Value, total, p.out.Log.Bytes)
}

// row gives the bytes of a row with its indexes: as measured, or by its fields.
func (p *planner) row(e *model.Entity) Number {
	if m := p.Measured; m != nil {
		for _, x := range m.Entities {
			if x.Name == e.Name && x.BytesPerRow > 0 {
				return Number{x.BytesPerRow, Measured}
			}
		}
	}
	fields, cost := 0.0, float64(sqliteRow)
	if p.Postgres {
		cost = postgresRow
	}
	for _, f := range e.Fields {
		fields += p.width(f)
	}
	bytes := (fields + cost) / fill
	key := p.width(e.Fields[0])
	for _, f := range e.Key {
		key += p.width(f)
	}
	if p.Postgres { // its primary key is an index of its own
		bytes += (key + entryCost) / fill
	}
	for _, x := range e.Indexes {
		n := key
		for _, f := range x.Equal {
			n += p.width(f)
		}
		for _, o := range x.Order {
			n += p.width(o.Field)
		}
		bytes += (n + entryCost) / fill
	}
	for _, u := range e.Unique {
		n := key
		for _, f := range u {
			n += p.width(f)
		}
		bytes += (n + entryCost) / fill
	}
	return Number{bytes, Assumed}
}

// width estimates the bytes of a field's values. Texts are taken as a third full, long ones less.
func (p *planner) width(f *model.Field) float64 {
	t := f.Type
	n := 8.0
	switch t.Kind {
	case model.KindBool:
		n = 1
	case model.KindUUID:
		n = 16
	case model.KindEnum:
		n = 8
	case model.KindTime:
		if !p.Postgres {
			n = 27
		}
	case model.KindDate:
		if n = 10; p.Postgres {
			n = 4
		}
	case model.KindInt:
		if !p.Postgres {
			n = 4
		}
	case model.KindEmail:
		n = 24
	case model.KindURL:
		n = 60
	case model.KindString, model.KindText, model.KindBytes, model.KindJSON:
		n = math.Min(float64(t.Size), 12+math.Sqrt(float64(t.Size))*3)
	}
	if t.Null {
		n /= 2
	}
	return n + 1
}

// log works out the change log: what is written, for as long as it is kept.
func (p *planner) log() {
	rate, bytes := Number{}, Number{}
	for _, w := range p.out.Writes {
		rate = by(rate.Value+w.Commits.Value, rate, w.Commits)
		bytes = by(bytes.Value+w.Commits.Value*w.Bytes.Value, bytes, w.Commits, w.Bytes)
	}
	l := &p.out.Log
	l.Rate = rate
	if rate.Value > 0 {
		l.Change = by(bytes.Value/rate.Value, bytes)
	}
	l.Kept = by(rate.Value*p.Keep, rate)
	heads := 0.0
	for _, f := range p.out.Families {
		heads += f.Partitions.Value * headBytes
	}
	l.Bytes = by(bytes.Value*p.Keep+heads, bytes)
}
