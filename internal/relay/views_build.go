package relay

import (
	"context"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

/*
A view that is new to a store with rows is built shard by shard, while writes go on. The shard's
partitions are gone through in order, some at a time:

 1. The part is marked: from now on changes of its partitions wait. What was relayed before, without
    the view, is in every row that is read from here on.
 2. The part's partitions are listed again, so that one that was made before the mark is among them.
 3. Of each partition the version is noted. If this is broken off, the next try goes on from that
    version, whatever was written in the meantime.
 4. The rows at that version are put into the view, with the version as what was applied last.
 5. The part is done. Its partitions are followed from the noted version, new ones from the start.

Partitions that were not reached yet are skipped by the relay.
*/

// follows tells from where views follow a source partition. It is asked after the partition's changes
// were read: a change that is skipped is in the rows that the building will read.
func (v *Views) follows(ctx context.Context, source store.Partition, plans []*plan) ([]follow, error) {
	out := make([]follow, len(plans))
	for i, p := range plans {
		shard := ShardOf(source.Family.Bucket(source.Value))
		if v.state(p, shard).state == work.Settled {
			continue
		}
		s, err := v.load(ctx, p, shard)
		if err != nil {
			return nil, err
		}
		if out[i], err = v.follow(ctx, p, s, source); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func (v *Views) follow(ctx context.Context, p *plan, s buildState, source store.Partition) (follow, error) {
	switch s.state {
	case work.Settled:
		return follow{}, nil
	case work.Clearing, work.Cleared:
		return follow{skip: true}, nil
	case work.Building:
		reached, err := s.from.covers(source.Family, source.Value)
		if err != nil {
			return follow{}, err
		}
		if reached {
			break
		}
		marked, err := s.to.covers(source.Family, source.Value)
		if err != nil || !marked {
			return follow{skip: true}, err
		}
		return follow{}, fault.New(fault.Unavailable, "The view %s is reading this partition.", p.view.Name)
	}
	at := model.Int(int64(source.Family.Bucket(source.Value)))
	r, err := v.config.Store.Read(ctx, store.Partition{Family: v.config.Books.Family, Value: at}, &store.Query{Read: v.since, Now: time.Now(),
		Args: &model.Args{Given: []bool{true, true, true}, Values: []model.Value{at, model.String(p.view.Name), textOf(source.Value)}}})
	if err != nil || len(r.Rows) == 0 {
		return follow{}, err
	}
	return follow{since: uint64(r.Rows[0].Values[3].Int())}, nil
}

func textOf(v model.Value) model.Value { return model.String(string(model.AppendText(nil, v))) }

// advance does the next piece of building a view in a shard.
func (v *Views) advance(ctx context.Context, p *plan, s Shard) (time.Duration, error) {
	const wait = time.Second
	state, err := v.load(ctx, p, s.Index)
	if err != nil {
		return 0, err
	}
	switch state.state {
	case work.Clearing:
		return 0, v.clear(ctx, p, s, state)
	case work.Cleared:
		if err := v.refresh(ctx); err != nil {
			return 0, err
		}
		if !v.cleared(p) {
			return wait / 5, nil
		}
		next := state
		next.state = work.Building
		return 0, v.save(ctx, p, s.Index, state, next)
	case work.Building:
		return 0, v.part(ctx, p, s, state)
	}
	return wait, nil
}

// part builds the next part of a shard.
func (v *Views) part(ctx context.Context, p *plan, s Shard, state buildState) error {
	family := p.view.From.Family
	if state.from == state.to {
		end, _, err := v.list(ctx, family, s, state.from, position{}, v.config.Chunk)
		if err != nil {
			return err
		}
		marked := state
		marked.to = end
		if err := v.save(ctx, p, s.Index, state, marked); err != nil {
			return err
		}
		state = v.state(p, s.Index)
	}
	_, values, err := v.list(ctx, family, s, state.from, state.to, 1<<30)
	if err != nil {
		return err
	}
	for some := range slices.Chunk(values, v.config.Chunk) {
		if err := v.read(ctx, p, family, some); err != nil {
			return err
		}
	}
	done := state
	done.from = state.to
	if done.from.bucket > s.Last {
		done.state = work.Built
	}
	if err := v.save(ctx, p, s.Index, state, done); err != nil {
		return err
	}
	if _, whole := v.built(p); whole {
		v.config.Logger.Info("the view is built", "view", p.view.Name)
	}
	return nil
}

// list gives up to limit partitions of a shard from one position to another (zero: to the end), and
// the position behind them.
func (v *Views) list(ctx context.Context, f *model.Family, s Shard, from, to position, limit int) (position, []model.Value, error) {
	const page = 1000
	var out []model.Value
	for at := from; ; {
		if at.bucket > s.Last || to != (position{}) && (at.bucket > to.bucket || at == to) {
			return at, out, nil
		}
		after, err := at.value(f)
		if err != nil {
			return at, nil, err
		}
		want := min(page, limit-len(out))
		values, err := v.config.Store.PartitionsIn(ctx, f, at.bucket, after, want)
		if err != nil {
			return at, nil, err
		}
		for _, value := range values {
			if to != (position{}) {
				if inside, err := to.covers(f, value); err != nil || !inside {
					return to, out, err
				}
			}
			out = append(out, value)
		}
		if len(values) < want {
			at = position{bucket: at.bucket + 1}
			continue
		}
		at.after = behindOf(values[len(values)-1])
		if len(out) == limit {
			return at, out, nil
		}
	}
}

// read puts the rows of some partitions into the view.
func (v *Views) read(ctx context.Context, p *plan, f *model.Family, values []model.Value) error {
	versions, err := v.note(ctx, p, f, values)
	if err != nil {
		return err
	}
	r := &reading{views: v, plan: p, applications: map[model.Value]*application{}, deltas: map[groupOf]*delta{}}
	for i, value := range values {
		source := store.Partition{Family: f, Value: value}
		if err := v.rowsAt(ctx, p, source, versions[i], func(row *model.Row) error { return r.take(ctx, source, versions[i], row) }); err != nil {
			return err
		}
	}
	return r.flush(ctx)
}

// note writes down the versions that partitions have now, and gives those that stand: it may have
// been done before.
func (v *Views) note(ctx context.Context, p *plan, f *model.Family, values []model.Value) ([]uint64, error) {
	e, name := v.config.Books.Since, model.String(p.view.Name)
	versions := make([]uint64, len(values))
	buckets := map[int][]int{} // into values
	for i, value := range values {
		var err error
		if versions[i], err = v.config.Store.Head(ctx, store.Partition{Family: f, Value: value}); err != nil {
			return nil, err
		}
		b := f.Bucket(value)
		buckets[b] = append(buckets[b], i)
	}
	var ws []*store.Write
	for b, list := range buckets {
		at := model.Int(int64(b))
		ws = append(ws, NewWrite(ViewWrite, v.config.Books.Store.Revision, store.Partition{Family: v.config.Books.Family, Value: at}, func(tx store.Tx) error {
			for _, i := range list {
				source := textOf(values[i])
				row, err := tx.Get(e, []model.Value{name, source})
				if err == nil && row == nil {
					row, err = tx.Insert(e, []model.Value{at, name, source, model.Int(int64(versions[i]))})
				}
				if err != nil {
					return err
				}
				versions[i] = uint64(row.Values[3].Int())
			}
			return nil
		}))
	}
	return versions, v.commit(ctx, ws...)
}

// reading gathers rows for the view.
type reading struct {
	views        *Views
	plan         *plan
	applications map[model.Value]*application
	deltas       map[groupOf]*delta // of a fold
	rows         int
}

// groupOf is what one source brings to one row of a fold.
type groupOf struct {
	contribution *contribution
	key          string
}

func (r *reading) take(ctx context.Context, source store.Partition, version uint64, row *model.Row) error {
	const most = 5000 // rows of an index view that are gathered; a fold must have all of a partition
	at, ok := r.plan.placeOf(row)
	if !ok {
		return nil
	}
	a := r.applications[at.target]
	if a == nil {
		a = newApplication(r.plan, at.target, r.views.config.Books.Store.Revision)
		a.building = true
		r.applications[at.target] = a
	}
	c := a.of(source, a.write.Now)
	r.rows++
	if r.plan.folded == nil {
		a.add(c, viewStep{version: version, key: at.key, values: r.plan.shown(at, row)})
		if r.rows >= most {
			return r.flush(ctx)
		}
		return nil
	}
	group := groupOf{c, keyName(at.key)}
	d := r.deltas[group]
	if d == nil {
		d = r.plan.newDelta()
		r.deltas[group] = d
		a.add(c, viewStep{version: version, key: at.key, delta: d})
	}
	r.plan.count(d, row, 1)
	return nil
}

func (r *reading) flush(ctx context.Context) error {
	var ws []*store.Write
	for _, a := range r.applications {
		ws = append(ws, a.write)
	}
	clear(r.applications)
	clear(r.deltas)
	r.rows = 0
	return r.views.commit(ctx, ws...)
}

// rowsAt gives the rows of a source partition as they were at a version. They are read page by page as
// they are now, and what changed since is undone.
func (v *Views) rowsAt(ctx context.Context, p *plan, source store.Partition, version uint64, emit func(*model.Row) error) error {
	q := &store.Query{Read: p.source, Now: ageless(p.view.From), Args: &model.Args{Values: []model.Value{source.Value}, Given: []bool{true}}}
	changed := map[string]bool{} // keys that changed since
	var before []*model.Row      // what of them is not given yet
	seen := version
	var last *model.Row // of the pages so far
	for {
		page, err := v.config.Store.Read(ctx, source, q)
		if err != nil {
			return err
		}
		for seen < page.Version {
			changes, err := v.config.Store.Changes(ctx, source, seen, mostChanges)
			if err != nil || len(changes) == 0 {
				return orPruned(err)
			}
			if err := store.Complete(ctx, v.config.Store, changes); err != nil {
				return err
			}
			for _, c := range changes {
				if c.Foreign {
					return fault.New(fault.Unavailable, "A change that is in the way was written by a later model.")
				}
				seen = c.Version
				for i := range c.Rows {
					before = undo(p.view.From, &c.Rows[i], changed, before, last)
				}
			}
		}
		for _, row := range page.Rows {
			if !changed[keyName(p.view.From.KeyOf(row))] {
				if err := emit(row); err != nil {
					return err
				}
			}
		}
		if !page.More || len(page.Rows) == 0 {
			break
		}
		last = page.Rows[len(page.Rows)-1]
		q.Cursor = p.view.From.KeyOf(last)
	}
	for _, row := range before {
		if err := emit(row); err != nil {
			return err
		}
	}
	return nil
}

// undo notes what a row was before it first changed, unless a page has shown it already.
func undo(e *model.Entity, r *model.RowChange, changed map[string]bool, before []*model.Row, last *model.Row) []*model.Row {
	if r.Entity != e {
		return before
	}
	row := r.Before
	if row == nil {
		row = r.After
	}
	name := keyName(e.KeyOf(row))
	if changed[name] {
		return before
	}
	changed[name] = true
	if r.Before == nil || last != nil && compareKeys(e, row, last) <= 0 {
		return before
	}
	return append(before, r.Before)
}

func compareKeys(e *model.Entity, a, b *model.Row) int {
	for _, f := range e.Key {
		if c := model.Compare(a.Values[f.Pos], b.Values[f.Pos]); c != 0 {
			return c
		}
	}
	return 0
}

func orPruned(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Unavailable, "The changes of a partition cannot be read up to its version.")
}
