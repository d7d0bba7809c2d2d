package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// runMachine commits random groups of random writes, and compares the store, after each, with the
// contract kept in memory.
func runMachine(t *testing.T, place func(t testing.TB) Factory) {
	b := newBench(t, place(t))
	round := 0
	rapid.Check(t, func(r *rapid.T) {
		round++ // partitions of its own, instead of a store of its own
		names := []string{fmt.Sprint(round, "p"), fmt.Sprint(round, "q")}
		ref := map[string]*refPart{}
		part := func(name string) *refPart {
			if ref[name] == nil {
				ref[name] = &refPart{rows: map[string]*model.Row{}, kept: map[byte]refOutcome{}}
			}
			return ref[name]
		}
		for range rapid.IntRange(1, 12).Draw(r, "steps") {
			if rapid.IntRange(0, 19).Draw(r, "action") == 0 {
				b.reopen(store.Options{})
			}
			b.group(r, names, part)
			b.compare(r, rapid.SampledFrom(names).Draw(r, "look at"), part)
		}
	})
}

// refPart is one partition as the contract has it.
type refPart struct {
	version uint64
	rows    map[string]*model.Row
	numbers int64
	kept    map[byte]refOutcome
	changes []string
}

type refOutcome struct {
	fingerprint byte
	version     uint64
	body        string
}

func (p *refPart) clone() *refPart {
	c := *p
	c.rows, c.kept = maps.Clone(p.rows), maps.Clone(p.kept)
	return &c
}

// step is one thing that a write does, to a store and to the reference.
type step struct {
	name  string
	store func(tx store.Tx) error
	ref   func(p *refPart, version uint64) fault.Code
}

// group draws a group of writes, commits it, and holds each result against the reference.
func (b *bench) group(r *rapid.T, names []string, part func(string) *refPart) {
	type planned struct {
		*store.Write
		where string
		steps []step
		guard bool
		hash  byte
		print byte
	}
	var plan []planned
	var ws []*store.Write
	for range rapid.IntRange(1, 6).Draw(r, "writes") {
		pl := planned{where: rapid.SampledFrom(names).Draw(r, "partition")}
		p := b.account(pl.where)
		for range rapid.IntRange(0, 3).Draw(r, "steps of the write") {
			pl.steps = append(pl.steps, b.step(r, p))
		}
		pl.guard = rapid.IntRange(0, 5).Draw(r, "guard") == 0
		pl.Write = b.write(p, func(tx store.Tx) ([]byte, error) {
			for _, s := range pl.steps {
				if err := s.store(tx); err != nil {
					return nil, fmt.Errorf("%s: %w", s.name, err)
				}
			}
			if pl.guard {
				return nil, fault.New(fault.GuardFailed, "no")
			}
			return fmt.Append(nil, tx.Version()), nil
		})
		if pl.hash = rapid.ByteRange(0, 3).Draw(r, "key"); pl.hash > 0 {
			pl.print = rapid.ByteRange(0, 1).Draw(r, "fingerprint")
			pl.Key = &store.Key{Hash: [32]byte{pl.hash}, Fingerprint: [32]byte{pl.print}}
			pl.Refuse = func(err error) []byte { return []byte(fault.CodeOf(err)) }
		}
		plan, ws = append(plan, pl), append(ws, pl.Write)
	}
	b.Commit(context.Background(), ws...)
	for i, pl := range plan {
		p := part(pl.where)
		want := p.run(pl.steps, pl.guard, pl.hash, pl.print)
		got := fmt.Sprintf("%s replayed=%v version=%d outcome=%q", fault.CodeOf(pl.Result.Err), pl.Result.Replayed, pl.Result.Version, pl.Result.Outcome)
		if fault.CodeOf(pl.Result.Err) == fault.KeyReused {
			got = string(fault.KeyReused)
		}
		if got != want {
			r.Fatalf("write %d is %s, want %s (error: %v)", i, got, want, pl.Result.Err)
		}
		if c := pl.Result.Change; c != nil {
			p.changes = append(p.changes, showRows(c.Rows))
		}
	}
}

// run does to the reference what a write does to the store, and tells the result.
func (p *refPart) run(steps []step, guard bool, hash, print byte) string {
	if o, ok := p.kept[hash]; ok && hash > 0 {
		if o.fingerprint != print {
			return string(fault.KeyReused)
		}
		return fmt.Sprintf(" replayed=true version=%d outcome=%q", o.version, o.body)
	}
	after := p.clone()
	var code fault.Code
	for _, s := range steps {
		if code = s.ref(after, p.version+1); code != "" {
			break
		}
	}
	if code == "" && guard {
		code = fault.GuardFailed
	}
	body := string(code)
	if code == "" {
		body = fmt.Sprint(p.version + 1)
		if !maps.Equal(p.rows, after.rows) {
			p.version++
			p.rows, p.numbers = after.rows, after.numbers
		}
	}
	if hash > 0 {
		p.kept[hash] = refOutcome{print, p.version, body}
	}
	if code != "" {
		return fmt.Sprintf("%s replayed=false version=%d outcome=\"\"", code, p.version)
	}
	return fmt.Sprintf(" replayed=false version=%d outcome=%q", p.version, body)
}

func (p *refPart) clash(id string, values []model.Value) bool {
	for other, row := range p.rows {
		if other != id && other[0] != '#' && !values[2].IsNull() && row.Values[2] == values[2] {
			return true
		}
	}
	return false
}

// step draws one thing that a write does. Rows of entries are kept under "#" and their number.
func (b *bench) step(r *rapid.T, p store.Partition) step {
	order, entry := b.entity("order"), b.entity("entry")
	id := rapid.SampledFrom([]string{"1", "2", "3", "4", "5", "6"}).Draw(r, "id")
	values := b.order(p, id,
		rapid.SampledFrom([]string{"", "", "c1", "c2", "c3"}).Draw(r, "code"),
		rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "kind"),
		rapid.Int64Range(-1, 2).Draw(r, "rank"),
		rapid.SampledFrom([]string{"x", "y"}).Draw(r, "label"))
	switch rapid.IntRange(0, 4).Draw(r, "step") {
	case 0, 1:
		return step{"insert", func(tx store.Tx) error {
			_, err := tx.Insert(order, slices.Clone(values))
			return err
		}, func(p *refPart, version uint64) fault.Code {
			if p.rows[id] != nil {
				return fault.Exists
			}
			if p.clash(id, values) {
				return fault.NotUnique
			}
			p.rows[id] = &model.Row{Version: version, Values: values}
			return ""
		}}
	case 2:
		return step{"update", func(tx store.Tx) error {
			row, err := tx.Get(order, key(id))
			if err != nil || row == nil {
				return err
			}
			_, err = tx.Update(order, row, slices.Clone(values))
			return err
		}, func(p *refPart, version uint64) fault.Code {
			if row := p.rows[id]; row == nil || slices.Equal(row.Values, values) {
				return ""
			}
			if p.clash(id, values) {
				return fault.NotUnique
			}
			p.rows[id] = &model.Row{Version: version, Values: values}
			return ""
		}}
	case 3:
		return step{"delete all of a kind", func(tx store.Tx) error {
			rows, err := tx.List(order, []model.Cond{{Field: order.Field("kind"), Values: values[3:4]}}, 2)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if err := tx.Delete(order, row, false); err != nil {
					return err
				}
			}
			return nil
		}, func(p *refPart, version uint64) fault.Code {
			left := 2
			for _, id := range slices.Sorted(maps.Keys(p.rows)) {
				if row := p.rows[id]; left > 0 && id[0] != '#' && row.Values[3] == values[3] {
					delete(p.rows, id)
					left--
				}
			}
			return ""
		}}
	}
	return step{"post", func(tx store.Tx) error {
		n, err := tx.Next(entry, entry.Field("seq"))
		if err != nil {
			return err
		}
		_, err = tx.Insert(entry, []model.Value{p.Value, model.Int(n), model.Time(start), model.Null})
		return err
	}, func(p *refPart, version uint64) fault.Code {
		p.numbers++
		p.rows[fmt.Sprintf("#%d", p.numbers)] = &model.Row{Version: version, Values: []model.Value{model.Null, model.Int(p.numbers)}}
		return ""
	}}
}

// compare reads a partition in some way and holds it against the reference.
func (b *bench) compare(r *rapid.T, name string, part func(string) *refPart) {
	p, want := b.account(name), part(name)
	head, err := b.Head(context.Background(), p)
	if err != nil || head != want.version {
		r.Fatalf("head of %s is %d, want %d (error: %v)", name, head, want.version, err)
	}
	changes, err := b.Changes(context.Background(), p, 0, 1000)
	if err != nil || len(changes) != len(want.changes) {
		r.Fatalf("%s has %d changes, want %d (error: %v)", name, len(changes), len(want.changes), err)
	}
	for i, c := range changes {
		if got := showRows(c.Rows); got != want.changes[i] || c.Version != uint64(i+1) {
			r.Fatalf("change %d of %s is\n%s\nwant\n%s", c.Version, name, got, want.changes[i])
		}
	}
	var orders []*model.Row
	numbers := 0
	for id, row := range want.rows {
		if id[0] == '#' {
			numbers++
		} else {
			orders = append(orders, row)
		}
	}
	if got := b.read(p, b.query(p, "entries")).Rows; len(got) != numbers {
		r.Fatalf("%s has %d entries, want %d", name, len(got), numbers)
	}
	q := b.query(p, rapid.SampledFrom([]string{"orders", "by_rank", "by_rank_up", "by_label", "by_kind", "by_two"}).Draw(r, "read"))
	ordered(orders, q.Read.Sort)
	got := b.walk(p, q, rapid.Bool().Draw(r, "back"))
	if g, w := fmt.Sprint(show(got)), fmt.Sprint(show(orders)); g != w {
		r.Fatalf("%s gives\n%s\nwant\n%s", q.Read.Name, g, w)
	}
}

func show(rows []*model.Row) (out []string) {
	for _, row := range rows {
		out = append(out, fmt.Sprint(row.Version, row.Values))
	}
	return out
}
