package relay

import (
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// ViewWrite is the name under which what views do stands in the changes.
const ViewWrite = "view"

// application is what some changes of source partitions do to one partition of a view: one write.
type application struct {
	plan     *plan
	target   model.Value
	sources  map[model.Value]*contribution
	order    []*contribution
	building bool // the rows of a source as they were at a version, not what changed since
	write    *store.Write
}

// contribution is what one source partition brings.
type contribution struct {
	source store.Partition
	name   string // of the source, as the books have it
	steps  []viewStep
}

// viewStep is what one change does to one row of the view.
type viewStep struct {
	version uint64
	key     []model.Value
	values  []model.Value // of an index view: the row; nil: it goes
	delta   *delta        // of a fold
}

func newApplication(p *plan, target model.Value, revision string) *application {
	a := &application{plan: p, target: target, sources: map[model.Value]*contribution{}}
	a.write = NewWrite(ViewWrite, revision, store.Partition{Family: p.view.Family, Value: target}, a.apply)
	return a
}

// of gives the place for what a source brings. The change at the given time is among it: the write
// bears the time of the oldest one, so that what is made from this view knows how late it is.
func (a *application) of(source store.Partition, at time.Time) *contribution {
	if at.Before(a.write.Now) {
		a.write.Now = at
	}
	c := a.sources[source.Value]
	if c == nil {
		c = &contribution{source: source, name: string(model.AppendText(nil, source.Value))}
		a.sources[source.Value] = c
		a.order = append(a.order, c)
		a.write.Needs = append(a.write.Needs, store.Need{Entity: a.plan.applied, Key: []model.Value{model.String(c.name)}})
	}
	return c
}

func (a *application) add(c *contribution, s viewStep) {
	c.steps = append(c.steps, s)
	a.write.Needs = append(a.write.Needs, store.Need{Entity: a.plan.rows, Key: s.key})
	if a.plan.folded != nil {
		a.write.Needs = append(a.write.Needs, store.Need{Entity: a.plan.folded, Key: s.key})
	}
}

// apply does the write: of each source what is not yet in the view, and the version up to which it
// is then.
func (a *application) apply(tx store.Tx) error {
	deltas := map[string]*viewStep{}
	var folds []*viewStep
	for _, c := range a.order {
		key := []model.Value{model.String(c.name)}
		mark, err := tx.Get(a.plan.applied, key)
		if err != nil {
			return err
		}
		last := uint64(0)
		for i := range c.steps {
			s := &c.steps[i]
			if mark != nil && !a.lacks(mark, s.version) {
				continue
			}
			last = s.version
			if a.plan.folded == nil {
				if err := a.put(tx, s); err != nil {
					return err
				}
				continue
			}
			name := keyName(s.key)
			total := deltas[name]
			if total == nil {
				total = &viewStep{key: s.key, delta: a.plan.newDelta()}
				deltas[name] = total
				folds = append(folds, total)
			}
			total.delta.join(s.delta)
		}
		if last > 0 {
			if err := set(tx, a.plan.applied, mark, []model.Value{a.target, key[0], model.Int(int64(last))}); err != nil {
				return err
			}
		}
	}
	for _, f := range folds {
		if err := a.fold(tx, f); err != nil {
			return err
		}
	}
	return nil
}

// lacks tells whether the view does not have a version of a source yet. While it is being built, a
// source's rows may come in several pieces of one version; those of an index may be put again.
func (a *application) lacks(mark *model.Row, version uint64) bool {
	have := uint64(mark.Values[2].Int())
	return have < version || a.building && a.plan.folded == nil && have == version
}

// put puts a row of an index view, or takes it away. It may be there or not: rows of the source that
// expired are kept.
func (a *application) put(tx store.Tx, s *viewStep) error {
	before, err := tx.Get(a.plan.rows, s.key)
	if err != nil {
		return err
	}
	if s.values != nil {
		return set(tx, a.plan.rows, before, s.values)
	}
	if before == nil {
		return nil
	}
	return tx.Delete(a.plan.rows, before, false)
}

// fold adds to a folded row. It is there as long as it stands for any row of the source.
func (a *application) fold(tx store.Tx, s *viewStep) error {
	if s.delta.none() {
		return nil
	}
	books, err := tx.Get(a.plan.folded, s.key)
	if err != nil {
		return err
	}
	total, err := a.plan.total(books)
	if err != nil {
		return err
	}
	total.join(s.delta)
	at := place{a.target, s.key}
	if total.none() {
		if books != nil {
			err = tx.Delete(a.plan.folded, books, false)
		}
	} else {
		err = set(tx, a.plan.folded, books, a.plan.books(at, total))
	}
	if err != nil {
		return err
	}
	shown, err := tx.Get(a.plan.rows, s.key)
	switch {
	case err != nil:
		return err
	case total.rows > 0:
		return set(tx, a.plan.rows, shown, a.plan.figures(at, total))
	case shown != nil:
		return tx.Delete(a.plan.rows, shown, false)
	}
	return nil
}

// set inserts a row or changes the one that is there.
func set(tx store.Tx, e *model.Entity, before *model.Row, values []model.Value) error {
	var err error
	if before == nil {
		_, err = tx.Insert(e, values)
	} else {
		_, err = tx.Update(e, before, values)
	}
	return err
}

// keyName tells keys of one entity apart.
func keyName(key []model.Value) string {
	var b []byte
	for _, v := range key {
		b = append(model.AppendText(b, v), 0xFF)
	}
	return string(b)
}
