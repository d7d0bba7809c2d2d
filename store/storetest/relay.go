package storetest

import (
	"context"
	"fmt"
	"slices"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// kindsSource has a family of partitions of every type that a partition may have: those that only
// views have too.
const kindsSource = `
service: contract
partitions:
  text:   {by: text_id, type: string(40), expect: 1000}
  number: {by: number_id, type: int, expect: 1000}
  name:   {by: name_id, type: uuid, expect: 1000}
entities:
  text:   {in: text, fields: {at: time, flag: bool, kind: {enum: [a, b]}}}
  number: {in: number, fields: {n: int}}
  name:   {in: name, fields: {n: int}}
views:
  by_time: {from: text, by: at}
  by_day:  {from: text, by: {day: = date(row.at)}}
  by_flag: {from: text, by: {yes: = row.flag}}
  by_kind: {from: text, by: kind}
`

// ofKind gives two values that a partition of a type may have, in order.
func ofKind(t model.Type) []model.Value {
	switch t.Kind {
	case model.KindInt:
		return []model.Value{model.Int(-7), model.Int(12)}
	case model.KindUUID:
		return []model.Value{model.String("01890a5d-ac96-774b-bcce-b302099a8057"), model.String("01890a5d-ac96-774b-bcce-b302099a8058")}
	case model.KindTime:
		return []model.Value{model.TimeMicro(-1), model.TimeMicro(1_700_000_000_000_001)}
	case model.KindDate:
		return []model.Value{model.DateDays(-400), model.DateDays(20_000)}
	case model.KindBool:
		return []model.Value{model.Bool(false), model.Bool(true)}
	case model.KindEnum:
		return []model.Value{model.String("a"), model.String("b")}
	}
	return []model.Value{model.String("é b/c"), model.String("ü")}
}

// touch commits something in a partition, without a row.
func (b *bench) touch(p store.Partition) {
	b.Helper()
	b.do(p, func(tx store.Tx) error {
		tx.Emit(store.Event{Name: "touched"})
		return nil
	})
}

// lagging gives what lags of a family, by partition.
func (b *bench) lagging(f *model.Family) map[model.Value]store.Lag {
	b.Helper()
	lags, err := b.Lagging(context.Background(), f, 0, model.Buckets-1, 100)
	b.no(err)
	out := map[model.Value]store.Lag{}
	for _, l := range lags {
		out[l.Partition.Value] = l
	}
	b.equal("partitions, each once", len(lags), len(out))
	return out
}

func partitionsOfEveryType(b *bench) {
	b.Store.Close()
	b.Store, b.model = nil, parse(b.TB, kindsSource)
	b.reopen(store.Options{Follow: func(*model.Family) bool { return true }})
	ctx := context.Background()
	for _, f := range b.model.Families {
		values := ofKind(f.By.Type)
		for _, v := range values {
			b.touch(store.Partition{Family: f, Value: v})
		}
		all, err := b.Partitions(ctx, f, model.Null, 10)
		b.no(err)
		if !slices.Equal(all, values) {
			b.Errorf("the partitions of %s are %v, want %v", f.Name, all, values)
		}
		above, err := b.Partitions(ctx, f, values[0], 10)
		b.no(err)
		if !slices.Equal(above, values[1:]) {
			b.Errorf("the partitions of %s above the first are %v", f.Name, above)
		}
		var found []model.Value
		for bucket := range model.Buckets {
			in, err := b.PartitionsIn(ctx, f, bucket, model.Null, 10)
			b.no(err)
			for _, v := range in {
				b.equal("bucket", f.Bucket(v), bucket)
				rest, err := b.PartitionsIn(ctx, f, bucket, v, 10)
				b.no(err)
				if slices.Contains(rest, v) {
					b.Errorf("%s: what is listed above a partition has the partition", f.Name)
				}
			}
			found = append(found, in...)
		}
		slices.SortFunc(found, model.Compare)
		if !slices.Equal(found, values) {
			b.Errorf("the partitions of %s by bucket are %v, want %v", f.Name, found, values)
		}
		lags := b.lagging(f)
		for _, v := range values {
			if l := lags[v]; l.Version != 1 || l.Relayed != 0 || l.Partition.Family != f {
				b.Errorf("what lags of %s is %v, want %v at version 1", f.Name, lags, v)
			}
		}
	}
}

func relayedRises(b *bench) {
	b.reopen(store.Options{Follow: func(f *model.Family) bool { return f.Name == "account" }})
	ctx := context.Background()
	p, q := b.account("p"), b.account("q")
	for range 3 {
		b.touch(p)
	}
	b.touch(q)
	b.touch(b.room(1)) // not followed
	b.equal("what lags of a family that nobody follows", b.lagging(b.room(1).Family), "map[]")
	note := func(p store.Partition, relayed uint64) {
		b.Helper()
		b.no(b.Relayed(ctx, store.Lag{Partition: p, Relayed: relayed}))
	}
	is := func(want string) {
		b.Helper()
		got := ""
		lags := b.lagging(p.Family)
		for _, x := range []store.Partition{p, q} {
			if l, ok := lags[x.Value]; ok {
				got += fmt.Sprint(x.Value.Text(), l.Relayed, "/", l.Version, " ")
			}
		}
		b.equal("what lags", got, want)
	}
	is("p0/3 q0/1 ")
	note(p, 2)
	is("p2/3 q0/1 ")
	note(p, 1) // never lowered
	is("p2/3 q0/1 ")
	b.no(b.Relayed(ctx, store.Lag{Partition: p, Relayed: 3}, store.Lag{Partition: q, Relayed: 1}))
	is("")
	b.touch(p)
	is("p3/4 ")
	b.reopen(store.Options{Follow: func(f *model.Family) bool { return f.Name == "account" }})
	is("p3/4 ")
	before, err := b.Head(ctx, p)
	b.no(err)
	note(p, 4)
	after, err := b.Head(ctx, p)
	b.no(err)
	b.equal("the version, which noting does not take", after, before)
}
