package store

import (
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// tx is the Tx of one write of a group: an overlay on the source, with what the group's earlier
// writes did, and a way back.
type tx struct {
	group   *Group
	part    *part
	version uint64
	now     time.Time         // rows whose Keep is over by then are not seen
	changes []model.RowChange // one per row, by rowState.at; two where a row takes the place of an expired one
	states  []*rowState       // by place in changes
	before  []*model.Row      // likewise: rowState.now before this write
	taken   []takenNumber
	events  []Event
	over    bool
}

func (t *tx) Version() uint64 { return t.version }

func (t *tx) Get(e *model.Entity, key []model.Value) (*model.Row, error) {
	r, err := t.row(e, key)
	if err != nil || r.now == nil || t.expired(e, r.now) {
		return nil, err
	}
	return r.now, nil
}

// bound gives the time at or before which the keep field of expired rows is; zero where no row expires.
func (t *tx) bound(e *model.Entity) time.Time {
	if e.Keep == nil || t.now.IsZero() {
		return time.Time{}
	}
	return t.now.Add(-e.Keep.For)
}

// expired tells whether a row's Keep is over at the write's Now. The store may still have it: it is
// swept some time later.
func (t *tx) expired(e *model.Entity, row *model.Row) bool {
	return expiredBy(e, row, t.bound(e))
}

func expiredBy(e *model.Entity, row *model.Row, over time.Time) bool {
	if over.IsZero() {
		return false
	}
	from := row.Values[e.Keep.From.Pos]
	return !from.IsNull() && from.Int() <= over.UnixMicro()
}

// expire deletes a row whose time is over and that stands in the way of another, as the sweeper would
// have: in a change of its own, so that views and folds keep what they counted of it.
func (t *tx) expire(r *rowState) {
	t.change(r, nil, true)
	r.tx = nil
}

func (t *tx) Insert(e *model.Entity, values []model.Value) (*model.Row, error) {
	return t.insert(e, values, t.row)
}

func (t *tx) InsertNew(e *model.Entity, values []model.Value) (*model.Row, error) {
	return t.insert(e, values, func(e *model.Entity, key []model.Value) (*rowState, error) {
		if r := t.group.rows[string(t.group.rowKey(t.part, e, key))]; r != nil {
			return r, nil
		}
		return t.remember(e, key, nil), nil
	})
}

func (t *tx) insert(e *model.Entity, values []model.Value, find func(*model.Entity, []model.Value) (*rowState, error)) (*model.Row, error) {
	if err := t.complete(e, values); err != nil {
		return nil, err
	}
	row := &model.Row{Version: t.version, Values: values}
	r, err := find(e, e.KeyOf(row))
	if err != nil {
		return nil, err
	}
	if r.now != nil {
		if !t.expired(e, r.now) {
			return nil, fault.New(fault.Exists, "A row of %s with this key is there already.", e.Name)
		}
		t.expire(r)
	}
	if err := t.unique(e, nil, row); err != nil {
		return nil, err
	}
	t.change(r, row, false)
	return row, nil
}

func (t *tx) Update(e *model.Entity, before *model.Row, values []model.Value) (*model.Row, error) {
	if err := t.complete(e, values); err != nil {
		return nil, err
	}
	r, err := t.held(e, before)
	if err != nil {
		return nil, err
	}
	for _, f := range e.Key {
		if values[f.Pos] != r.now.Values[f.Pos] {
			return nil, fault.New(fault.Internal, "An update may not change the key of a row.")
		}
	}
	if slices.Equal(values, r.now.Values) {
		return r.now, nil
	}
	row := &model.Row{Version: t.version, Values: values}
	if err := t.unique(e, r.now, row); err != nil {
		return nil, err
	}
	t.change(r, row, false)
	return row, nil
}

func (t *tx) Delete(e *model.Entity, row *model.Row, expired bool) error {
	r, err := t.held(e, row)
	if err != nil {
		return err
	}
	t.change(r, nil, expired)
	return nil
}

func (t *tx) Emit(ev Event) {
	if !t.over {
		t.events = append(t.events, ev)
	}
}

// usable refuses what a write must not do with its Tx.
func (t *tx) usable(e *model.Entity) error {
	switch {
	case t.over:
		return fault.New(fault.Internal, "The transaction of this write is over.")
	case e.Family != t.part.partition.Family:
		return fault.New(fault.Internal, "The entity %s does not live in this partition.", e.Name)
	}
	return nil
}

func (t *tx) complete(e *model.Entity, values []model.Value) error {
	if err := t.usable(e); err != nil {
		return err
	}
	if len(values) != len(e.Fields) || values[0] != t.part.partition.Value {
		return fault.New(fault.Internal, "A row of %s is incomplete or of another partition.", e.Name)
	}
	return nil
}

// row gives the state of a row, from the source where the group does not know it yet.
func (t *tx) row(e *model.Entity, key []model.Value) (*rowState, error) {
	if err := t.usable(e); err != nil {
		return nil, err
	}
	g := t.group
	if r := g.rows[string(g.rowKey(t.part, e, key))]; r != nil {
		return r, nil
	}
	before, err := g.source.Get(t.part.partition, e, key)
	if err != nil {
		return nil, err
	}
	return t.remember(e, key, before), nil
}

// held gives the state of a row that the caller was given, which is not read again.
func (t *tx) held(e *model.Entity, row *model.Row) (*rowState, error) {
	if err := t.usable(e); err != nil {
		return nil, err
	}
	key := e.KeyOf(row)
	r := t.group.rows[string(t.group.rowKey(t.part, e, key))]
	if r == nil {
		r = t.remember(e, key, row)
	}
	if r.now == nil {
		return nil, fault.New(fault.MissingRow, "There is no such %s.", e.Name)
	}
	return r, nil
}

func (t *tx) remember(e *model.Entity, key []model.Value, before *model.Row) *rowState {
	r := &rowState{part: t.part, entity: e, before: before, now: before}
	t.group.rows[string(t.group.rowKey(t.part, e, key))] = r
	t.part.rows = append(t.part.rows, r)
	return r
}

// unique refuses a row whose unique values another row holds.
func (t *tx) unique(e *model.Entity, before, row *model.Row) error {
	for _, u := range e.Unique {
		if before != nil && !differs(u, before, row) {
			continue
		}
		equal := make([]model.Cond, 0, len(u))
		for _, f := range u {
			if v := row.Values[f.Pos]; !v.IsNull() {
				equal = append(equal, model.Cond{Field: f, Values: []model.Value{v}})
			}
		}
		if len(equal) < len(u) {
			continue // nulls never clash
		}
		others, err := t.list(e, equal, time.Time{}, 2)
		if err != nil {
			return err
		}
		for _, other := range others {
			if compareKeys(e, other, row) == 0 && before != nil {
				continue
			}
			if !t.expired(e, other) {
				return notUnique(e, u)
			}
			r, err := t.held(e, other)
			if err != nil {
				return err
			}
			t.expire(r)
		}
	}
	return nil
}

func notUnique(e *model.Entity, fields []*model.Field) error {
	names := fields[0].Name
	for _, f := range fields[1:] {
		names += ", " + f.Name
	}
	err := fault.New(fault.NotUnique, "Another %s has the same %s.", e.Name, names)
	for _, f := range fields {
		err.Details = append(err.Details, fault.Detail{Pointer: "/" + f.Name, Message: "must be unique"})
	}
	return err
}

// change notes what becomes of a row: one RowChange per row and write.
func (t *tx) change(r *rowState, after *model.Row, expired bool) {
	if r.tx != t {
		r.tx, r.at = t, len(t.changes)
		t.changes = append(t.changes, model.RowChange{Entity: r.entity, Before: r.now})
		t.states = append(t.states, r)
		t.before = append(t.before, r.now)
	}
	c := &t.changes[r.at]
	c.After, c.Expired = after, expired
	r.now = after
}

// undo takes back everything the write did.
func (t *tx) undo() {
	for i, r := range slices.Backward(t.states) {
		r.now, r.tx = t.before[i], nil
	}
	for _, taken := range slices.Backward(t.taken) {
		taken.counter.N = taken.before
	}
	t.changes, t.events = nil, nil
}

// settle hands over to the group what the write did, and drops changes that came to nothing.
func (t *tx) settle() {
	g := t.group
	for _, r := range t.states {
		r.tx = nil
		if !r.touched {
			r.touched = true
			g.touched = append(g.touched, r)
		}
	}
	t.changes = slices.DeleteFunc(t.changes, func(c model.RowChange) bool { return c.Before == nil && c.After == nil })
	for _, taken := range t.taken {
		if c := taken.counter; !c.touched {
			c.touched = true
			g.numbers = append(g.numbers, c)
		}
	}
}
