package store

import (
	"slices"
	"time"

	"github.com/partita-dev/partita/model"
)

func (t *tx) List(e *model.Entity, equal []model.Cond, limit int) ([]*model.Row, error) {
	return t.list(e, equal, t.bound(e), limit)
}

func (t *tx) list(e *model.Entity, equal []model.Cond, over time.Time, limit int) ([]*model.Row, error) {
	if err := t.usable(e); err != nil {
		return nil, err
	}
	rows, err := t.group.source.List(t.part.partition, e, equal, over, limit+t.hidden(e))
	if err != nil {
		return nil, err
	}
	return t.overlay(e, rows, limit, func(r *model.Row) bool {
		if expiredBy(e, r, over) {
			return false
		}
		for _, c := range equal {
			if r.Values[c.Field.Pos] != c.Values[0] {
				return false
			}
		}
		return true
	}), nil
}

func (t *tx) Expired(e *model.Entity, now time.Time, limit int) ([]*model.Row, error) {
	if err := t.usable(e); err != nil {
		return nil, err
	}
	if e.Keep == nil {
		return nil, nil
	}
	rows, err := t.group.source.Expired(t.part.partition, e, now, limit+t.hidden(e))
	if err != nil {
		return nil, err
	}
	over := now.Add(-e.Keep.For)
	return t.overlay(e, rows, limit, func(r *model.Row) bool { return expiredBy(e, r, over) }), nil
}

// hidden counts the rows that the source may list although the group has changed them.
func (t *tx) hidden(e *model.Entity) int {
	n := 0
	for _, r := range t.part.rows {
		if r.entity == e && r.before != nil && r.before != r.now {
			n++
		}
	}
	return n
}

// overlay takes the source's rows, in key order, to what they are after the group's changes.
func (t *tx) overlay(e *model.Entity, rows []*model.Row, limit int, match func(*model.Row) bool) []*model.Row {
	var own []*model.Row
	changed := false
	for _, r := range t.part.rows {
		if r.entity != e || r.before == r.now {
			continue
		}
		changed = true
		if r.now != nil && match(r.now) {
			own = append(own, r.now)
		}
	}
	if changed {
		rows = slices.DeleteFunc(rows, func(row *model.Row) bool {
			r := t.group.rows[string(t.group.rowKey(t.part, e, e.KeyOf(row)))]
			return r != nil && r.before != r.now
		})
		rows = append(rows, own...)
		slices.SortFunc(rows, func(a, b *model.Row) int { return compareKeys(e, a, b) })
	}
	return rows[:min(limit, len(rows))]
}

func compareKeys(e *model.Entity, a, b *model.Row) int {
	for _, f := range e.Key {
		if c := model.Compare(a.Values[f.Pos], b.Values[f.Pos]); c != 0 {
			return c
		}
	}
	return 0
}
