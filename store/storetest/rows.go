package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func key(vs ...string) []model.Value {
	out := make([]model.Value, len(vs))
	for i, v := range vs {
		out[i] = model.String(v)
	}
	return out
}

func txSeesItsOwnEffects(b *bench) {
	p := b.account("p")
	order := b.entity("order")
	kind := order.Field("kind")
	for i := range 6 {
		b.put(p, fmt.Sprint(i), fmt.Sprint("c", i), "a", int64(i), "x")
	}
	listed := func(tx store.Tx, limit int) string {
		rows, err := tx.List(order, []model.Cond{{Field: kind, Values: []model.Value{model.String("a")}}}, limit)
		if err != nil {
			return err.Error()
		}
		return strings.Join(ids(rows), " ")
	}
	b.do(p, func(tx store.Tx) error {
		row := func(id string) *model.Row {
			r, err := tx.Get(order, key(id))
			if err != nil {
				b.Error(err)
			}
			return r
		}
		b.equal("version", tx.Version(), 7)
		b.equal("list", listed(tx, 4), "0 1 2 3")
		if err := tx.Delete(order, row("1"), false); err != nil {
			return err
		}
		if _, err := tx.Update(order, row("2"), with(row("2"), kind.Pos, model.String("b"))); err != nil {
			return err
		}
		if _, err := tx.Insert(order, b.order(p, "00", "c00", "a", 1, "x")); err != nil {
			return err
		}
		b.equal("list after changes", listed(tx, 4), "0 00 3 4")
		b.equal("whole list", listed(tx, 100), "0 00 3 4 5")
		if row("1") != nil {
			b.Error("a deleted row is still there")
		}
		if r := row("2"); r == nil || r.Values[kind.Pos].Text() != "b" || r.Version != 7 {
			b.Errorf("an updated row is %+v", r)
		}
		if _, err := tx.Insert(order, b.order(p, "1", "c1", "a", 1, "back")); err != nil {
			return err
		}
		b.equal("list after it came back", listed(tx, 100), "0 00 1 3 4 5")
		return nil
	})
	b.equal("rows", ids(b.read(p, b.query(p, "orders")).Rows), []string{"0", "00", "1"})
}

func txSeesEarlierWrites(b *bench) {
	p := b.account("p")
	account := b.entity("account")
	credit := account.Field("credit")
	b.do(p, func(tx store.Tx) error {
		_, err := tx.Insert(account, []model.Value{p.Value, model.String("n"), model.Int(0)})
		return err
	})
	var ws []*store.Write
	for i := range 100 {
		ws = append(ws, b.write(p, func(tx store.Tx) ([]byte, error) {
			row, err := tx.Get(account, nil)
			if err != nil {
				return nil, err
			}
			row, err = tx.Update(account, row, with(row, credit.Pos, model.Int(row.Values[credit.Pos].Int()+1)))
			if err == nil && i%10 == 9 {
				err = fault.New(fault.GuardFailed, "every tenth")
			}
			_ = row
			return nil, err
		}))
	}
	b.Commit(context.Background(), ws...)
	res := b.read(p, b.query(p, "account"))
	b.equal("credit", res.Rows[0].Values[credit.Pos].Int(), 90)
	b.equal("version", res.Version, 91)
	b.equal("version of the row", res.Rows[0].Version, 91)
	for i, w := range ws {
		if c := w.Result.Change; i%10 != 9 {
			before, after := c.Rows[0].Before, c.Rows[0].After
			b.equal("step", after.Values[credit.Pos].Int()-before.Values[credit.Pos].Int(), 1)
			b.equal("version before", before.Version, c.Version-1)
			b.equal("version after", after.Version, c.Version)
		}
	}
}

func txIsOver(b *bench) {
	p := b.account("p")
	var kept store.Tx
	b.do(p, func(tx store.Tx) error { kept = tx; return nil })
	_, err := kept.Get(b.entity("order"), key("1"))
	b.is(err, fault.Internal)
	_, err = kept.Insert(b.entity("order"), b.order(p, "1", "", "a", 1, "x"))
	b.is(err, fault.Internal)
	w := b.write(p, func(tx store.Tx) ([]byte, error) {
		_, err := tx.Get(b.entity("seat"), []model.Value{model.Int(1)})
		return nil, err
	})
	b.Commit(context.Background(), w)
	b.is(w.Result.Err, fault.Internal) // an entity of another family
}

func keyAndUniqueClash(b *bench) {
	p := b.account("p")
	order := b.entity("order")
	b.put(p, "1", "c1", "a", 1, "x")
	b.put(p, "2", "", "a", 1, "x")
	b.put(p, "3", "", "a", 1, "x") // nulls never clash
	b.put(b.account("q"), "1", "c1", "a", 1, "x")
	try := func(want fault.Code, apply func(tx store.Tx) error) {
		b.Helper()
		w := b.write(p, func(tx store.Tx) ([]byte, error) { return nil, apply(tx) })
		b.Commit(context.Background(), w)
		b.is(w.Result.Err, want)
	}
	insert := func(tx store.Tx, id, code string) error {
		_, err := tx.Insert(order, b.order(p, id, code, "a", 1, "x"))
		return err
	}
	update := func(tx store.Tx, id, code string) error {
		row, err := tx.Get(order, key(id))
		if err == nil {
			_, err = tx.Update(order, row, with(row, 2, model.String(code)))
		}
		return err
	}
	try(fault.Exists, func(tx store.Tx) error { return insert(tx, "1", "c9") })
	try(fault.NotUnique, func(tx store.Tx) error { return insert(tx, "9", "c1") })
	try(fault.NotUnique, func(tx store.Tx) error { return update(tx, "2", "c1") })
	try(fault.NotUnique, func(tx store.Tx) error { return errors.Join(insert(tx, "8", "c8"), insert(tx, "9", "c8")) })
	try("", func(tx store.Tx) error { return update(tx, "1", "c1b") })
	try("", func(tx store.Tx) error { return update(tx, "2", "c1") })
	try(fault.Internal, func(tx store.Tx) error { // the key of a row stays
		row, err := tx.Get(order, key("1"))
		if err == nil {
			_, err = tx.Update(order, row, with(row, 1, model.String("moved")))
		}
		return err
	})
	try(fault.MissingRow, func(tx store.Tx) error {
		row, err := tx.Get(order, key("1"))
		if err != nil {
			return err
		}
		return errors.Join(tx.Delete(order, row, false), fault.New(fault.MissingRow, "gone"), tx.Delete(order, row, false))
	})
}

func uniqueValuesMove(b *bench) {
	p := b.account("p")
	order := b.entity("order")
	for i := range 3 {
		b.put(p, fmt.Sprint(i), fmt.Sprint("c", i), "a", 1, "x")
	}
	set := func(tx store.Tx, id, code string) error {
		row, err := tx.Get(order, key(id))
		if err == nil {
			_, err = tx.Update(order, row, with(row, 2, model.String(code)))
		}
		return err
	}
	b.do(p, func(tx store.Tx) error { // the codes of 0 and 1 change places
		return errors.Join(set(tx, "0", "spare"), set(tx, "1", "c0"), set(tx, "0", "c1"))
	})
	b.do(p, func(tx store.Tx) error { // one goes, another takes its code
		row, err := tx.Get(order, key("2"))
		if err != nil {
			return err
		}
		if err := tx.Delete(order, row, false); err != nil {
			return err
		}
		_, err = tx.Insert(order, b.order(p, "9", "c2", "a", 1, "x"))
		return err
	})
	var got []string
	for _, r := range b.read(p, b.query(p, "orders")).Rows {
		got = append(got, r.Values[1].Text()+"="+r.Values[2].Text())
	}
	b.equal("codes", got, []string{"0=c1", "1=c0", "9=c2"})
}

func countersHaveNoGaps(b *bench) {
	p := b.account("p")
	entry := b.entity("entry")
	seq := entry.Field("seq")
	post := func(fail bool) *store.Write {
		return b.write(p, func(tx store.Tx) ([]byte, error) {
			n, err := tx.Next(entry, seq)
			if err != nil {
				return nil, err
			}
			if _, err := tx.Insert(entry, []model.Value{p.Value, model.Int(n), model.Time(start), model.Null}); err != nil {
				return nil, err
			}
			if fail {
				return nil, fault.New(fault.GuardFailed, "no")
			}
			return fmt.Append(nil, n), nil
		})
	}
	next := 1
	round := func() {
		var ws []*store.Write
		for i := range 12 {
			ws = append(ws, post(i%3 == 1))
		}
		b.Commit(context.Background(), ws...)
		for i, w := range ws {
			if i%3 != 1 {
				b.no(w.Result.Err)
				b.equal("number", string(w.Result.Outcome), next)
				next++
			}
		}
	}
	round()
	b.do(p, func(tx store.Tx) error { // the last one goes: its number is not used again
		row, err := tx.Get(entry, []model.Value{model.Int(int64(next - 1))})
		if err != nil {
			return err
		}
		return tx.Delete(entry, row, false)
	})
	round()
	b.reopen(store.Options{})
	round()
	b.do(p, func(tx store.Tx) error { // a write that comes to nothing takes no number
		_, err := tx.Next(entry, seq)
		return err
	})
	round()
	b.do(p, func(tx store.Tx) error {
		row, err := tx.Insert(entry, []model.Value{p.Value, model.Int(1000), model.Time(start), model.Null})
		if err != nil {
			return err
		}
		next = 1001
		return tx.Reserve(entry, seq, row.Values[1].Int())
	})
	round()
}

func allTypesRoundTrip(b *bench) {
	p := b.account("p")
	e := b.entity("sample")
	rich := []model.Value{
		p.Value, model.String("0190b3a4-7c5e-7000-8000-00000000abcd"), model.TimeMicro(-1), model.DateDays(-719162),
		model.String("é\"\\\n\x01 ü €"), model.Int(-1 << 63), model.Float(0.1), model.Bool(true), model.Decimal(-999999999999999999, 4),
		model.Bytes("\x00\xff'\x00"), model.JSON(`{"a":[1,"x",null]}`), model.String("a@example.com"), model.String("https://example.com/x"),
		model.Time(time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC)), model.DateDays(19783), model.Float(-1e300), model.Bool(false),
		model.Decimal(5, 2), model.Bytes(""), model.JSON(`{"z":null}`),
	}
	poor := []model.Value{
		p.Value, model.String("0190b3a4-7c5e-7000-8000-00000000abce"), model.Time(start), model.DateDays(0),
		model.String(""), model.Int(1<<63 - 1), model.Float(0), model.Bool(false), model.Decimal(0, 4),
		model.Bytes(""), model.JSON("[]"), model.String("b@example.com"), model.String("http://example.com"),
	}
	for len(poor) < len(e.Fields) {
		poor = append(poor, model.Null)
	}
	for i, values := range [][]model.Value{rich, poor} {
		b.do(p, func(tx store.Tx) error {
			_, err := tx.Insert(e, values)
			return err
		})
		res := b.read(p, b.query(p, "sample", values[1], values[2], values[3]))
		if len(res.Rows) != 1 {
			b.Fatalf("sample %d was not found", i)
		}
		for j, v := range res.Rows[0].Values {
			if v != values[j] {
				b.Errorf("field %s is %#v, want %#v", e.Fields[j].Name, v, values[j])
			}
		}
		changes, err := b.Changes(context.Background(), p, uint64(i), 10)
		b.no(err)
		for j, v := range changes[0].Rows[0].After.Values {
			if v != values[j] {
				b.Errorf("in the change, field %s is %#v, want %#v", e.Fields[j].Name, v, values[j])
			}
		}
	}
	b.do(p, func(tx store.Tx) error { // every field changes, or is cleared
		row, err := tx.Get(e, rich[1:4])
		if err != nil {
			return err
		}
		values := slices.Concat(rich[:4], poor[4:])
		_, err = tx.Update(e, row, values)
		return err
	})
	res := b.read(p, b.query(p, "sample", rich[1], rich[2], rich[3]))
	for j, v := range res.Rows[0].Values[4:] {
		if v != poor[4+j] {
			b.Errorf("after the update, field %s is %#v, want %#v", e.Fields[4+j].Name, v, poor[4+j])
		}
	}
}
