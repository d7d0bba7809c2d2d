package relay

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// comparison holds a view against what its source says it should be.
type comparison struct {
	views    *Views
	plan     *plan
	report   *ViewReport
	progress func(view string, rows int)

	mu   sync.Mutex
	seen int
}

func (c *comparison) run(ctx context.Context) error {
	if c.plan.folded == nil {
		return c.index(ctx)
	}
	return c.folds(ctx)
}

func (c *comparison) count(n int) {
	c.seen += n
	c.progress(c.plan.view.Name, c.seen)
}

// differ notes a difference. It may be called by several goroutines.
func (c *comparison) differ(at place, format string, args ...any) {
	const most = 10
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Differences++
	if len(c.report.Examples) < most {
		c.report.Examples = append(c.report.Examples, c.name(at)+" "+fmt.Sprintf(format, args...))
	}
}

func (c *comparison) name(at place) string {
	parts := []string{string(model.AppendText(nil, at.target))}
	for _, v := range at.key {
		parts = append(parts, string(model.AppendText(nil, v)))
	}
	return strings.Join(parts, "/")
}

// index looks for the row of each row of the source, and for the source of each row of the view.
func (c *comparison) index(ctx context.Context) error {
	p := c.plan
	shown, source := work.Row(p.rows), work.Row(p.view.From)
	err := c.each(ctx, p.view.From, func(row *model.Row) error {
		at, ok := p.placeOf(row)
		if !ok {
			return nil
		}
		have, err := c.get(ctx, p.view.Family, shown, at.target, at.key)
		switch {
		case err != nil:
			return err
		case have == nil:
			c.differ(at, "is missing")
		case !slices.Equal(have.Values, p.shown(at, row)):
			c.differ(at, "has other values than its source")
		}
		return nil
	})
	if err != nil {
		return err
	}
	from := p.view.From
	places := []int{p.rows.Field(from.Fields[0].Name).Pos}
	for _, f := range from.Key {
		places = append(places, p.rows.Field(f.Name).Pos)
	}
	return c.each(ctx, p.rows, func(row *model.Row) error {
		at := place{row.Values[0], p.rows.KeyOf(row)}
		key := make([]model.Value, len(places))
		for i, pos := range places {
			key[i] = row.Values[pos]
		}
		origin, err := c.get(ctx, from.Family, source, key[0], key[1:])
		if err != nil {
			return err
		}
		if now, ok := p.placeOf(origin); ok && now.same(at) {
			return nil
		}
		c.alone(at)
		return nil
	})
}

// alone notes a row of the view without a source. Where rows of the source expire it may have expired, or
// come anew after it had.
func (c *comparison) alone(at place) {
	if c.plan.view.From.Keep == nil {
		c.differ(at, "should not be there")
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.report.Kept++
}

// each calls do for every row of an entity, several at a time.
func (c *comparison) each(ctx context.Context, e *model.Entity, do func(*model.Row) error) error {
	const readers = 8
	return c.views.scan(ctx, e, func(rows []*model.Row) error {
		errs := make([]error, readers)
		var wg sync.WaitGroup
		for i := range readers {
			wg.Go(func() {
				for j := i; j < len(rows) && errs[i] == nil; j += readers {
					errs[i] = do(rows[j])
				}
			})
		}
		wg.Wait()
		for _, err := range errs {
			if err != nil {
				return err
			}
		}
		return nil
	}, c.count)
}

func (c *comparison) get(ctx context.Context, f *model.Family, r *model.Read, partition model.Value, key []model.Value) (*model.Row, error) {
	args := &model.Args{Values: append([]model.Value{partition}, key...), Given: make([]bool, 1+len(key))}
	for i := range args.Given {
		args.Given[i] = true
	}
	result, err := c.views.config.Store.Read(ctx, store.Partition{Family: f, Value: partition}, &store.Query{Read: r, Args: args, Now: ageless(r.Of)})
	if err != nil || len(result.Rows) == 0 {
		return nil, err
	}
	return result.Rows[0], nil
}

// folds computes the whole view in memory, and compares.
func (c *comparison) folds(ctx context.Context) error {
	p := c.plan
	type group struct {
		at    place
		total *delta
	}
	groups := map[string]*group{}
	name := func(at place) string { return keyName(append([]model.Value{at.target}, at.key...)) }
	err := c.views.scan(ctx, p.view.From, func(rows []*model.Row) error {
		for _, row := range rows {
			at, ok := p.placeOf(row)
			if !ok {
				continue
			}
			g := groups[name(at)]
			if g == nil {
				g = &group{at, p.newDelta()}
				groups[name(at)] = g
			}
			p.count(g.total, row, 1)
		}
		return nil
	}, c.count)
	if err != nil {
		return err
	}
	err = c.views.scan(ctx, p.rows, func(rows []*model.Row) error {
		for _, row := range rows {
			at := place{row.Values[0], p.rows.KeyOf(row)}
			total := p.newDelta()
			if g := groups[name(at)]; g != nil {
				total = g.total
				delete(groups, name(at))
			} else {
				c.alone(at)
			}
			if p.view.From.Keep != nil {
				if err := c.aged(ctx, at, row, total); err != nil {
					return err
				}
			} else if total.rows > 0 {
				c.same(at, row, total)
			}
		}
		return nil
	}, c.count)
	if err != nil {
		return err
	}
	for _, g := range groups {
		c.differ(g.at, "is missing")
	}
	return nil
}

// same compares the figures of a folded row with what they are computed from, and tells whether they are
// what they should be.
func (c *comparison) same(at place, row *model.Row, total *delta) bool {
	same := true
	want := c.plan.figures(at, total)
	for _, f := range c.plan.folds {
		if want, have := want[f.shown.Pos], row.Values[f.shown.Pos]; want != have {
			c.differ(at, "has %s %s instead of %s", f.shown.Name, model.AppendText(nil, have), model.AppendText(nil, want))
			same = false
		}
	}
	return same
}

// aged compares a folded row whose source's rows expire, of which now are there. The row counts those that
// have expired as well, and what these added nobody can count again: it is known how many they are, and only
// where they are none, or none of them had a value, all of a figure can be compared. Else the figure must
// follow from the view's books, and hold all that is there.
func (c *comparison) aged(ctx context.Context, at place, row *model.Row, now *delta) error {
	p := c.plan
	books, err := c.get(ctx, p.view.Family, work.Row(p.folded), at.target, at.key)
	if err != nil {
		return err
	}
	kept, err := p.total(books)
	if err != nil {
		return err
	}
	if !c.same(at, row, kept) {
		return nil
	}
	gone := p.newDelta()
	gone.join(kept)
	gone.take(now)
	if gone.rows < 0 {
		c.differ(at, "counts %d rows, but its source has %d now", kept.rows, now.rows)
		return nil
	}
	if gone.rows > 0 {
		c.report.Aged++
		c.report.Partly = true
	}
	for i, f := range p.folds {
		switch s := gone.sums[i]; {
		case s == nil:
		case s.values < 0 || s.values > gone.rows:
			c.differ(at, "has %s of %d values, but its source has %d now and %d rows have expired", f.shown.Name, kept.sums[i].values, now.sums[i].values, gone.rows)
		case s.values == 0 && s.total.Sign() != 0:
			c.differ(at, "has %s %s instead of %s", f.shown.Name, model.AppendText(nil, row.Values[f.shown.Pos]),
				model.AppendText(nil, p.figures(at, now)[f.shown.Pos]))
		}
	}
	return nil
}
