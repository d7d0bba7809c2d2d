// Package storetest states the contract of package store as tests. Every adapter passes all of it:
//
//	func TestContract(t *testing.T) {
//		storetest.Run(t, func(t testing.TB) storetest.Factory { … })
//	}
package storetest

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Factory opens a store at one place. Opened again after a Close, it finds what was there.
type Factory func(t testing.TB, m *model.Model, o store.Options) store.Store

// Run runs the whole contract. place is called once per test and gives a factory on a new, empty
// place.
func Run(t *testing.T, place func(t testing.TB) Factory) {
	for _, c := range contract {
		t.Run(c.name, func(t *testing.T) {
			c.test(newBench(t, place(t)))
		})
	}
	t.Run("Machine", func(t *testing.T) { runMachine(t, place) })
}

var contract = []struct {
	name string
	test func(*bench)
}{
	{"VersionsHaveNoGaps", versionsHaveNoGaps},
	{"OneCommitOfManyWrites", oneCommitOfManyWrites},
	{"NothingChangedTakesNoVersion", nothingChangedTakesNoVersion},
	{"EachWriteHasItsOwnOutcome", eachWriteHasItsOwnOutcome},
	{"PanicIsContained", panicIsContained},
	{"FailedCheckChangesNothing", failedCheckChangesNothing},
	{"AloneRunsAlone", aloneRunsAlone},
	{"OneFollowsAnother", followsAnother},
	{"EndedContextIsTakenOut", endedContextIsTakenOut},
	{"FullQueueRefuses", fullQueueRefuses},
	{"TxSeesItsOwnEffects", txSeesItsOwnEffects},
	{"TxSeesEarlierWritesOfTheGroup", txSeesEarlierWrites},
	{"TxIsOverAfterApply", txIsOver},
	{"KeyAndUniqueClash", keyAndUniqueClash},
	{"UniqueValuesMoveBetweenRows", uniqueValuesMove},
	{"CountersHaveNoGaps", countersHaveNoGaps},
	{"AllTypesRoundTrip", allTypesRoundTrip},
	{"RepeatIsReplayed", repeatIsReplayed},
	{"OutcomeCanBeRead", outcomeCanBeRead},
	{"RepeatWithinAGroup", repeatWithinAGroup},
	{"RefusalIsKept", refusalIsKept},
	{"TransientFailureIsNotKept", transientFailureIsNotKept},
	{"KeyReusedIsRefused", keyReusedIsRefused},
	{"CheckComesBeforeReplay", checkComesBeforeReplay},
	{"ReadOfNothing", readOfNothing},
	{"ReadAlsoInOneSnapshot", readAlso},
	{"ReadersNeverSeeHalfAWrite", neverHalfAWrite},
	{"PagesBothWays", pagesBothWays},
	{"FiltersAndRanges", filtersAndRanges},
	{"FamiliesAreApart", familiesAreApart},
	{"ExpiredRowsAreHidden", expiredRowsAreHidden},
	{"SweeperExpiresAndPrunes", sweeperExpires},
	{"ExpiredRowsStandInNobodysWay", expiredRowsStandInNobodysWay},
	{"ChangesTellWhatHappened", changesTell},
	{"ChangesOfAnotherModelAreForeign", changesForeign},
	{"PruneKeepsTheNewestChange", pruneKeepsNewest},
	{"LongHistory", longHistory},
	{"ForgetsAPartition", forgets},
	{"ChangesBesideWrites", changesBeside},
	{"ScanAndPartitionsInOrder", scanInOrder},
	{"PartitionsOfEveryType", partitionsOfEveryType},
	{"RelayedRises", relayedRises},
	{"OnChangeInOrder", onChangeInOrder},
	{"ReopenKeepsEverything", reopenKeeps},
	{"CloseTwice", closeTwice},
	{"ReadEndsWithItsContext", readEnds},
}

// bench is one store under test, with short ways to use it.
type bench struct {
	testing.TB
	model *model.Model
	open  Factory
	store.Store
}

func newBench(t testing.TB, open Factory) *bench {
	b := &bench{TB: t, model: Model(t), open: open}
	b.reopen(store.Options{})
	return b
}

// reopen closes the store and opens it at the same place.
func (b *bench) reopen(o store.Options) {
	b.Helper()
	if b.Store != nil {
		b.no(b.Store.Close())
	}
	s := b.open(b.TB, b.model, o)
	b.Store = s
	b.Cleanup(func() { s.Close() })
}

// no fails the test at once if there is an error.
func (b *bench) no(err error) {
	b.Helper()
	if err != nil {
		b.Fatalf("unexpected error: %v", err)
	}
}

// is fails the test unless the error has the code.
func (b *bench) is(err error, code fault.Code) {
	b.Helper()
	if fault.CodeOf(err) != code {
		b.Fatalf("error is %v, want code %s", err, code)
	}
}

func (b *bench) equal(what string, got, want any) {
	b.Helper()
	if g, w := fmt.Sprintf("%+v", got), fmt.Sprintf("%+v", want); g != w {
		b.Fatalf("%s is\n  %s\nwant\n  %s", what, g, w)
	}
}

func (b *bench) account(name string) store.Partition {
	return store.Partition{Family: b.model.Families[0], Value: model.String(name)}
}

func (b *bench) room(n int64) store.Partition {
	return store.Partition{Family: b.model.Families[1], Value: model.Int(n)}
}

func (b *bench) entity(name string) *model.Entity { return b.model.Entity(name) }

var lastID atomic.Uint64

// start is the time that tests begin at; it lies on a full second.
var start = time.Date(2026, 1, 31, 8, 5, 0, 0, time.UTC)

// write makes a write that is not yet committed.
func (b *bench) write(p store.Partition, apply func(tx store.Tx) ([]byte, error)) *store.Write {
	w := &store.Write{Partition: p, Name: "test", Revision: b.model.Revision, Now: start, Apply: apply}
	binary.BigEndian.PutUint64(w.ID[8:], lastID.Add(1))
	return w
}

// do commits one write that must succeed.
func (b *bench) do(p store.Partition, apply func(tx store.Tx) error) store.WriteResult {
	b.Helper()
	w := b.write(p, func(tx store.Tx) ([]byte, error) { return nil, apply(tx) })
	b.Commit(context.Background(), w)
	b.no(w.Result.Err)
	return w.Result
}

// order makes the values of an order. rank -1 and an empty code are null.
func (b *bench) order(p store.Partition, id, code, kind string, rank int64, label string) []model.Value {
	v := []model.Value{p.Value, model.String(id), model.Null, model.String(kind), model.Null, model.String(label), model.Time(start)}
	if code != "" {
		v[2] = model.String(code)
	}
	if rank >= 0 {
		v[4] = model.Int(rank)
	}
	return v
}

// put commits the insert of one order.
func (b *bench) put(p store.Partition, id, code, kind string, rank int64, label string, more ...model.Value) store.WriteResult {
	b.Helper()
	return b.do(p, func(tx store.Tx) error {
		_, err := tx.Insert(b.entity("order"), append(b.order(p, id, code, kind, rank, label), more...))
		return err
	})
}

// with gives a copy of a row's values with one field changed.
func with(row *model.Row, pos int, v model.Value) []model.Value {
	values := append([]model.Value(nil), row.Values...)
	values[pos] = v
	return values
}

// query makes a query of a read by name; args are by Read.Params behind the partition, null: not
// given where it is a filter.
func (b *bench) query(p store.Partition, read string, args ...model.Value) *store.Query {
	r := b.model.Read(read)
	a := &model.Args{Values: make([]model.Value, len(r.Params)), Given: make([]bool, len(r.Params))}
	a.Values[0], a.Given[0] = p.Value, true
	for i, v := range args {
		a.Values[i+1], a.Given[i+1] = v, !v.IsNull()
	}
	return &store.Query{Read: r, Args: a, Now: start}
}

func (b *bench) read(p store.Partition, q *store.Query) *store.Result {
	b.Helper()
	r, err := b.Read(context.Background(), p, q)
	b.no(err)
	for _, row := range r.Rows {
		if row.Version == 0 || row.Version > r.Version {
			b.Fatalf("a row has version %d in a snapshot of version %d", row.Version, r.Version)
		}
	}
	return r
}

// ids gives the keys of orders, for comparison.
func ids(rows []*model.Row) []string {
	out := make([]string, len(rows))
	for i, r := range rows {
		out[i] = r.Values[1].Text()
	}
	return out
}
