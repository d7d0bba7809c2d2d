package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func readOfNothing(b *bench) {
	p := b.account("p")
	for _, q := range []*store.Query{b.query(p, "order", model.String("1")), b.query(p, "orders"), b.query(p, "account")} {
		res := b.read(p, q)
		if res.Version != 0 || len(res.Rows) != 0 || res.More {
			b.Fatalf("a partition that was never written gives %+v", res)
		}
	}
	b.put(p, "1", "", "a", 1, "x")
	for _, q := range []*store.Query{b.query(p, "order", model.String("2")), b.query(p, "account"), b.query(p, "of_kind", model.String("b"))} {
		res := b.read(p, q)
		if res.Version != 1 || len(res.Rows) != 0 || res.More {
			b.Fatalf("a partition without the row gives %+v", res)
		}
	}
	changes, err := b.Changes(context.Background(), b.account("q"), 0, 10)
	b.no(err)
	b.equal("changes", len(changes), 0)
}

func readAlso(b *bench) {
	p := b.account("p")
	b.put(p, "1", "", "a", 1, "x")
	b.put(p, "2", "", "a", 1, "x")
	q := b.query(p, "orders")
	q.Also = []*store.Query{b.query(p, "order", model.String("2")), b.query(p, "account"), b.query(p, "order", model.String("1"))}
	res := b.read(p, q)
	if len(res.Rows) != 2 || len(res.Also) != 3 || res.Also[0].Values[1].Text() != "2" || res.Also[1] != nil || res.Also[2].Values[1].Text() != "1" {
		b.Fatalf("got %+v", res)
	}
}

// neverHalfAWrite moves credit between an account and an order's rank, so that their sum stays, and
// reads both in one snapshot all the while.
func neverHalfAWrite(b *bench) {
	p := b.account("p")
	account, order := b.entity("account"), b.entity("order")
	credit, rank := account.Field("credit").Pos, order.Field("rank").Pos
	b.do(p, func(tx store.Tx) error {
		if _, err := tx.Insert(account, []model.Value{p.Value, model.String("n"), model.Int(1000)}); err != nil {
			return err
		}
		_, err := tx.Insert(order, b.order(p, "1", "", "a", 0, "x"))
		return err
	})
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			var last uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				q := b.query(p, "account")
				q.Also = []*store.Query{b.query(p, "order", model.String("1"))}
				res, err := b.Read(context.Background(), p, q)
				if err != nil {
					b.Error(err)
					return
				}
				sum := res.Rows[0].Values[credit].Int() + res.Also[0].Values[rank].Int()
				if sum != 1000 || res.Version < last || res.Rows[0].Version != res.Version || res.Also[0].Version != res.Version {
					b.Errorf("half a write: sum %d, versions %d, %d, %d after %d", sum, res.Version, res.Rows[0].Version, res.Also[0].Version, last)
					return
				}
				last = res.Version
			}
		})
	}
	for range 60 {
		b.do(p, func(tx store.Tx) error {
			a, err := tx.Get(account, nil)
			if err != nil {
				return err
			}
			o, err := tx.Get(order, key("1"))
			if err != nil {
				return err
			}
			if _, err := tx.Update(account, a, with(a, credit, model.Int(a.Values[credit].Int()-1))); err != nil {
				return err
			}
			_, err = tx.Update(order, o, with(o, rank, model.Int(o.Values[rank].Int()+1)))
			return err
		})
	}
	close(stop)
	wg.Wait()
}

// ordered sorts rows by the contract: fields as stated, null the smallest value.
func ordered(rows []*model.Row, sort []model.Order) {
	slices.SortFunc(rows, func(x, y *model.Row) int {
		for _, o := range sort {
			c := model.Compare(x.Values[o.Field.Pos], y.Values[o.Field.Pos])
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return 0
	})
}

func pagesBothWays(b *bench) {
	p := b.account("p")
	kinds := []string{"a", "b", "c"}
	var ws []*store.Write
	for i := range 23 {
		rank := int64(i%5) - 1 // with ties, and with nulls
		values := b.order(p, fmt.Sprintf("%02d", (i*7)%23), "", kinds[i%3], rank, fmt.Sprint("l", i%4))
		ws = append(ws, b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), values)
			return nil, err
		}))
	}
	b.Commit(context.Background(), ws...)
	b.put(b.account("o"), "other", "", "a", 1, "x")
	b.put(b.account("z"), "other", "", "a", 1, "x")
	all, err := b.Scan(context.Background(), b.entity("order"), nil, 1000)
	b.no(err)
	all = slices.DeleteFunc(all, func(r *model.Row) bool { return r.Values[0] != p.Value })
	for _, read := range []string{"orders", "by_rank", "by_rank_up", "by_label", "by_kind", "by_two", "of_kind"} {
		var args []model.Value
		want := slices.Clone(all)
		if read == "of_kind" {
			args = []model.Value{model.String("b")}
			want = slices.DeleteFunc(want, func(r *model.Row) bool { return r.Values[3].Text() != "b" })
		}
		q := b.query(p, read, args...)
		ordered(want, q.Read.Sort)
		b.equal(read+" forward", ids(b.walk(p, q, false)), ids(want))
		b.equal(read+" backward", ids(b.walk(p, q, true)), ids(want))
		for i := range want { // from every row, both ways
			q.Cursor = cursor(q.Read, want[i])
			q.Back = false
			b.equal(fmt.Sprint(read, " after ", i), ids(b.read(p, q).Rows), ids(want[i+1:min(len(want), i+1+q.Read.Page)]))
			q.Back = true
			b.equal(fmt.Sprint(read, " before ", i), ids(b.read(p, q).Rows), ids(want[max(0, i-q.Read.Page):i]))
		}
	}
}

func cursor(r *model.Read, row *model.Row) []model.Value {
	var c []model.Value
	for _, o := range r.Sort {
		c = append(c, row.Values[o.Field.Pos])
	}
	return c
}

// walk reads page after page; backward it begins at the end, and puts the pages together from there.
func (b *bench) walk(p store.Partition, q *store.Query, back bool) (all []*model.Row) {
	b.Helper()
	q.Back, q.Cursor = back, nil
	for range 100 {
		res := b.read(p, q)
		if len(res.Rows) > q.Read.Page || res.More && len(res.Rows) < q.Read.Page {
			b.Fatalf("a page of %d rows, more: %v", len(res.Rows), res.More)
		}
		if back {
			all = slices.Concat(res.Rows, all)
		} else {
			all = slices.Concat(all, res.Rows)
		}
		if !res.More {
			return all
		}
		if back {
			q.Cursor = cursor(q.Read, res.Rows[0])
		} else {
			q.Cursor = cursor(q.Read, res.Rows[len(res.Rows)-1])
		}
	}
	b.Fatal("the pages have no end")
	return nil
}

func filtersAndRanges(b *bench) {
	p := b.account("p")
	for i := range 12 {
		b.put(p, fmt.Sprintf("%02d", i), "", []string{"a", "b", "c"}[i%3], int64(i)-1, fmt.Sprint("l", i%2))
	}
	q := b.query(p, "filtered")
	get := func(from, to model.Value, args ...model.Value) []string {
		q = b.query(p, "filtered", args...)
		q.From, q.To = from, to
		return ids(b.read(p, q).Rows)
	}
	b.equal("no filter", len(get(model.Null, model.Null)), 12)
	b.equal("one filter", get(model.Null, model.Null, model.String("a")), []string{"00", "03", "06", "09"})
	b.equal("the other filter", get(model.Null, model.Null, model.Null, model.String("l1")), []string{"01", "03", "05", "07", "09", "11"})
	b.equal("both filters", get(model.Null, model.Null, model.String("a"), model.String("l1")), []string{"03", "09"})
	b.equal("range: from is in, to is not", get(model.Int(2), model.Int(5)), []string{"03", "04", "05"})
	b.equal("range from: null is not in", get(model.Int(-100), model.Int(2)), []string{"01", "02"})
	b.equal("range to", get(model.Null, model.Int(1)), []string{"01"})
	b.equal("range and filter", get(model.Int(2), model.Null, model.String("c")), []string{"05", "08", "11"})
	b.equal("where", ids(b.read(p, b.query(p, "some_kinds")).Rows), []string{"00", "02", "06", "08", "03", "05", "09", "11"})
	b.equal("where null", ids(b.read(p, b.query(p, "unranked")).Rows), []string{"00"})
	b.put(p, "12", "", "a", -1, "l0")
	b.put(p, "13", "", "a", -1, "l0")
	b.equal("where null, page after page", ids(b.walk(p, b.query(p, "unranked"), false)), []string{"00", "12", "13"})
	b.equal("where null, page before page", ids(b.walk(p, b.query(p, "unranked"), true)), []string{"00", "12", "13"})
	b.equal("where null or not", ids(b.read(p, b.query(p, "few_ranks")).Rows), []string{"00", "03", "05", "12", "13"})
	b.do(p, func(tx store.Tx) error {
		for _, sku := range []string{"b", "a"} {
			for _, id := range []string{"1", "10"} {
				if _, err := tx.Insert(b.entity("line"), []model.Value{p.Value, model.String(id), model.String(sku), model.Int(1)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	res := b.read(p, b.query(p, "lines", model.String("1")))
	b.equal("lines", len(res.Rows), 2)
	b.equal("first line", res.Rows[0].Values[2].Text(), "a")
}

func familiesAreApart(b *bench) {
	p, r := b.account("1"), b.room(1)
	b.put(p, "1", "", "a", 1, "x")
	b.put(p, "2", "", "a", 1, "x")
	b.do(r, func(tx store.Tx) error {
		_, err := tx.Insert(b.entity("seat"), []model.Value{r.Value, model.Int(-5), model.String("w")})
		return err
	})
	for p, want := range map[store.Partition]uint64{p: 2, r: 1, b.room(2): 0, b.account("2"): 0} {
		head, err := b.Head(context.Background(), p)
		b.no(err)
		b.equal("head", head, want)
	}
	res := b.read(r, b.query(r, "seat", model.Int(-5)))
	b.equal("seat", res.Rows[0].Values[2].Text(), "w")
}

func scanInOrder(b *bench) {
	var want []string
	for i := range 7 {
		p := b.account(string(rune('g' - i)))
		for j := range i {
			b.put(p, fmt.Sprint(9-j), "", "a", 1, "x")
		}
	}
	for _, n := range []int64{7, -3, 0} {
		r := b.room(n)
		b.do(r, func(tx store.Tx) error {
			_, err := tx.Insert(b.entity("seat"), []model.Value{r.Value, model.Int(1), model.String("w")})
			return err
		})
	}
	var after []model.Value
	for {
		rows, err := b.Scan(context.Background(), b.entity("order"), after, 4)
		b.no(err)
		if len(rows) == 0 {
			break
		}
		for _, r := range rows {
			want = append(want, r.Values[0].Text()+r.Values[1].Text())
		}
		after = rows[len(rows)-1].Values[:2]
	}
	b.equal("rows", len(want), 21)
	if !slices.IsSorted(want) {
		b.Fatalf("rows are not in order: %v", want)
	}
	var values []model.Value
	for {
		last := model.Null
		if len(values) > 0 {
			last = values[len(values)-1]
		}
		more, err := b.Partitions(context.Background(), b.model.Families[0], last, 4)
		b.no(err)
		if len(more) == 0 {
			break
		}
		values = append(values, more...)
	}
	b.equal("partitions", len(values), 6)
	if !slices.IsSortedFunc(values, model.Compare) {
		b.Fatalf("partitions are not in order: %v", values)
	}
	rooms, err := b.Partitions(context.Background(), b.model.Families[1], model.Null, 10)
	b.no(err)
	b.equal("rooms", rooms, []model.Value{model.Int(-3), model.Int(0), model.Int(7)})
	rooms, err = b.Partitions(context.Background(), b.model.Families[1], model.Int(-3), 1)
	b.no(err)
	b.equal("rooms after -3", rooms, []model.Value{model.Int(0)})
}

func readEnds(b *bench) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	p := b.account("p")
	_, err := b.Read(ctx, p, b.query(p, "orders"))
	b.is(err, fault.Deadline)
	_, err = b.Head(ctx, p)
	b.is(err, fault.Deadline)
	b.put(p, "1", "", "a", 1, "x")
	b.equal("afterwards", len(b.read(p, b.query(p, "orders")).Rows), 1)
}
