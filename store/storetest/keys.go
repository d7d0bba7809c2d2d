package storetest

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

func repeatIsReplayed(b *bench) {
	p := b.account("p")
	key := &store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{2}}
	runs := 0
	insert := func() *store.Write {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			runs++
			_, err := tx.Insert(b.entity("order"), b.order(p, fmt.Sprint(runs), "", "a", 1, "x"))
			return []byte("first"), err
		})
		w.Key = key
		return w
	}
	first := insert()
	b.Commit(context.Background(), first)
	b.no(first.Result.Err)
	b.put(p, "other", "", "a", 1, "x")
	for range 2 {
		again := insert()
		b.Commit(context.Background(), again)
		b.no(again.Result.Err)
		if !again.Result.Replayed || again.Result.Change != nil || !bytes.Equal(again.Result.Outcome, []byte("first")) || again.Result.Version != 1 {
			b.Fatalf("a repeat gave %+v", again.Result)
		}
		b.reopen(store.Options{}) // it outlives a restart
	}
	b.equal("runs", runs, 1)
	other := insert()
	other.Partition = b.account("q")
	other.Apply = func(store.Tx) ([]byte, error) { return nil, nil }
	b.Commit(context.Background(), other)
	if other.Result.Replayed {
		b.Fatal("a key counts within its partition only")
	}
}

func outcomeCanBeRead(b *bench) {
	p := b.account("p")
	made := time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)
	done := b.write(p, func(tx store.Tx) ([]byte, error) {
		_, err := tx.Insert(b.entity("order"), b.order(p, "1", "", "a", 1, "x"))
		return []byte("done"), err
	})
	done.Key = &store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{2}, Made: made}
	refused := b.write(p, func(store.Tx) ([]byte, error) { return nil, fault.New(fault.GuardFailed, "No.") })
	refused.Key = &store.Key{Hash: [32]byte{3}, Fingerprint: [32]byte{4}}
	refused.Refuse = func(error) []byte { return []byte("refused") }
	b.Commit(context.Background(), done, refused)
	b.no(done.Result.Err)
	b.is(refused.Result.Err, fault.GuardFailed)

	for range 2 {
		o, err := b.Outcome(context.Background(), p, [32]byte{1})
		b.no(err)
		if o == nil || o.Fingerprint != ([32]byte{2}) || o.Version != 1 || !o.Time.Equal(made) || string(o.Body) != "done" {
			b.Fatalf("the outcome reads as %+v", o)
		}
		o, err = b.Outcome(context.Background(), p, [32]byte{3})
		b.no(err)
		if o == nil || o.Fingerprint != ([32]byte{4}) || !o.Time.Equal(refused.Now) || string(o.Body) != "refused" {
			b.Fatalf("the refusal reads as %+v", o)
		}
		b.reopen(store.Options{})
	}
	for _, nothing := range []struct {
		p    store.Partition
		hash [32]byte
	}{{p, [32]byte{9}}, {b.account("q"), [32]byte{1}}} {
		o, err := b.Outcome(context.Background(), nothing.p, nothing.hash)
		b.no(err)
		if o != nil {
			b.Fatalf("an outcome that was never kept reads as %+v", o)
		}
	}
}

func repeatWithinAGroup(b *bench) {
	p := b.account("p")
	insert := func(fingerprint byte) *store.Write {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			_, err := tx.Insert(b.entity("order"), b.order(p, "1", "", "a", 1, "x"))
			return []byte("done"), err
		})
		w.Key = &store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{fingerprint}}
		return w
	}
	ws := []*store.Write{insert(1), insert(1), insert(2)}
	b.Commit(context.Background(), ws...)
	b.no(ws[0].Result.Err)
	b.no(ws[1].Result.Err)
	if ws[0].Result.Replayed || !ws[1].Result.Replayed || string(ws[1].Result.Outcome) != "done" || ws[1].Result.Version != 1 {
		b.Fatalf("got %+v, %+v", ws[0].Result, ws[1].Result)
	}
	b.is(ws[2].Result.Err, fault.KeyReused)
}

func refusalIsKept(b *bench) {
	p := b.account("p")
	b.put(p, "1", "", "a", 1, "x")
	refusing := func() *store.Write {
		w := b.write(p, func(store.Tx) ([]byte, error) { return nil, fault.New(fault.GuardFailed, "no") })
		w.Key = &store.Key{Hash: [32]byte{1}}
		w.Refuse = func(err error) []byte { return []byte(fault.CodeOf(err)) }
		return w
	}
	first := refusing()
	b.Commit(context.Background(), first)
	b.is(first.Result.Err, fault.GuardFailed)
	again := refusing()
	again.Apply = func(store.Tx) ([]byte, error) { b.Error("a repeat of a refusal ran"); return nil, nil }
	b.Commit(context.Background(), again)
	b.no(again.Result.Err)
	if !again.Result.Replayed || string(again.Result.Outcome) != string(fault.GuardFailed) {
		b.Fatalf("got %+v", again.Result)
	}
	head, err := b.Head(context.Background(), p)
	b.no(err)
	b.equal("head: a refusal takes no version", head, 1)
	nowhere := refusing()
	nowhere.Partition = b.account("never written")
	b.Commit(context.Background(), nowhere)
	b.is(nowhere.Result.Err, fault.GuardFailed)
}

func transientFailureIsNotKept(b *bench) {
	p := b.account("p")
	fails := true
	attempt := func() *store.Write {
		w := b.write(p, func(tx store.Tx) ([]byte, error) {
			if fails {
				return nil, fault.New(fault.Unavailable, "later")
			}
			_, err := tx.Insert(b.entity("order"), b.order(p, "1", "", "a", 1, "x"))
			return nil, err
		})
		w.Key = &store.Key{Hash: [32]byte{1}}
		w.Refuse = func(error) []byte { b.Error("a transient failure is no outcome"); return nil }
		return w
	}
	first := attempt()
	b.Commit(context.Background(), first)
	b.is(first.Result.Err, fault.Unavailable)
	fails = false
	second := attempt()
	b.Commit(context.Background(), second)
	b.no(second.Result.Err)
	if second.Result.Replayed {
		b.Fatal("the second attempt was taken for a repeat")
	}
}

func keyReusedIsRefused(b *bench) {
	p := b.account("p")
	for i, want := range []fault.Code{"", fault.KeyReused} {
		w := b.write(p, func(store.Tx) ([]byte, error) { return nil, nil })
		w.Key = &store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{byte(i)}}
		b.Commit(context.Background(), w)
		b.is(w.Result.Err, want)
	}
}

func checkComesBeforeReplay(b *bench) {
	p := b.account("p")
	allowed := true
	for _, want := range []fault.Code{"", fault.Forbidden} {
		w := b.write(p, func(store.Tx) ([]byte, error) { return []byte("secret"), nil })
		w.Key = &store.Key{Hash: [32]byte{1}}
		w.Check = func(store.Tx) error {
			if allowed {
				return nil
			}
			return fault.New(fault.Forbidden, "no")
		}
		b.Commit(context.Background(), w)
		b.is(w.Result.Err, want)
		if want != "" && len(w.Result.Outcome) > 0 {
			b.Fatal("an outcome was shown to a caller who may not see it")
		}
		allowed = false
	}
}
