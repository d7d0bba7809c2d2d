package forecast

import (
	"github.com/partita-dev/partita/model"
)

// Hot is the most popular partition of a family.
type Hot struct {
	Family  string `json:"partition"`
	Share   Number `json:"share"` // of all that is asked of its family
	Reads   Number `json:"reads_per_second"`
	Commits Number `json:"commits_per_second"` // of a view: changes that come in
	Why     string `json:"why"`
	View    bool   `json:"view,omitempty"`
}

// Backlog says for how long accepted writes may wait.
type Backlog struct {
	Rate    Number `json:"accepted_per_second"`
	Bytes   Number `json:"bytes"`   // that may wait
	Seconds Number `json:"seconds"` // that the store may be away
}

// backlogBytes is what may wait by default; commandBytes one accepted write.
const (
	backlogBytes = 512 << 20
	commandBytes = 400
)

// hottest works out what the most popular partition of each family gets.
func (p *planner) hottest() {
	for _, f := range p.Model.Families {
		n := p.partitions(f)
		share := by(zipf(n.Value, p.Zipf)[0].share, n, Number{From: Assumed})
		h := Hot{Family: f.Name, Share: share, Why: "the first of its rank"}
		reads, commits := Number{}, Number{}
		for i := range p.out.Reads {
			if r := &p.out.Reads[i]; p.Model.Read(r.Name).Of.Family == f {
				reads = by(reads.Value+r.Rate.Value, reads, r.Rate)
			}
		}
		for i := range p.out.Writes {
			if w := &p.out.Writes[i]; p.Model.Write(w.Name).Family == f {
				commits = by(commits.Value+w.Commits.Value, commits, w.Commits)
			}
		}
		if v := f.View; v != nil {
			commits = p.changesOf(v)
			h.View = true
			if s, why := focus(v); s > share.Value {
				h.Share, h.Why = Number{s, Declared}, why
			} else if rows := p.rowsOf(v.From); n.Value > rows.Value/2 {
				h.Share, h.Why = by(1/n.Value, n), spread
			}
		}
		if reads.Value+commits.Value == 0 {
			continue
		}
		h.Reads = by(reads.Value*h.Share.Value, reads, h.Share)
		h.Commits = by(commits.Value*h.Share.Value, commits, h.Share)
		p.out.Hottest = append(p.out.Hottest, h)
	}
}

// spread is why no partition of a view is hot whose field differs in nearly every row.
const spread = "each row has its own"

// focus tells how much of what a view is told goes to one of its partitions, by the type of its field.
func focus(v *model.View) (share float64, why string) {
	if calendar(v) != "" {
		return 1, "what happens now belongs to today"
	}
	switch t := v.ByField.Type; t.Kind {
	case model.KindDate, model.KindTime:
		return 1, "what happens now belongs to today"
	case model.KindEnum:
		return min(1, 2/float64(len(t.Enum))), "there are few values"
	case model.KindBool:
		return 0.9, "there are two values"
	}
	return 0, ""
}

// changesOf gives the changes a second that a view is told of.
func (p *planner) changesOf(v *model.View) Number {
	n := Number{}
	for i := range p.out.Writes {
		x := &p.out.Writes[i]
		for _, s := range p.Model.Write(x.Name).Steps {
			if s.Entity == v.From && s.Op != model.OpRead {
				n = by(n.Value+x.Commits.Value, n, x.Commits)
				break
			}
		}
	}
	return n
}

// backlog works out for how long the store may be away while writes are accepted.
func (p *planner) backlog() {
	rate := Number{}
	for i := range p.out.Writes {
		x := &p.out.Writes[i]
		if w := p.Model.Write(x.Name); w.Async != model.Sync {
			rate = by(rate.Value+x.Rate.Value, rate, x.Rate)
		}
	}
	if rate.Value == 0 {
		return
	}
	bytes := Number{backlogBytes, Declared}
	p.out.Backlog = &Backlog{rate, bytes, by(backlogBytes/(rate.Value*commandBytes), rate, Number{From: Assumed})}
}
