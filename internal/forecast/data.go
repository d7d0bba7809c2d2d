package forecast

import "github.com/partita-dev/partita/model"

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
	Heads  Number `json:"heads_bytes"` // of all partitions: these stay
	Bytes  Number `json:"bytes"`       // changes and heads
}

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
	l.Heads = Number{From: Assumed}
	for i, f := range p.Model.Families {
		l.Heads.Value += p.out.Families[i].Partitions.Value * p.headBytes(f)
	}
	l.Bytes = by(bytes.Value*p.Keep+l.Heads.Value, bytes)
}
