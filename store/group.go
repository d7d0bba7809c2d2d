package store

import (
	"fmt"
	"math"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Source is what a group of writes is evaluated against: one snapshot, which nobody else changes
// until the group is committed or given up. Errors reach the write that asked.
type Source interface {
	// Head gives the version of a partition; 0 for one that was never written.
	Head(p Partition) (uint64, error)
	// Outcome gives the outcome that was kept under a key's hash; nil for none.
	Outcome(p Partition, hash *[32]byte) (*Outcome, error)
	// Get gives one row, nil if there is none.
	Get(p Partition, e *model.Entity, key []model.Value) (*model.Row, error)
	// List gives rows in key order that equal all conditions (one value each), at most limit. It leaves
	// out those whose keep field is at or before over; none where over is zero.
	List(p Partition, e *model.Entity, equal []model.Cond, over time.Time, limit int) ([]*model.Row, error)
	// Expired gives rows in key order whose Keep was over at now, at most limit.
	Expired(p Partition, e *model.Entity, now time.Time, limit int) ([]*model.Row, error)
	// Counter gives the last number that a field took; 0 for none.
	Counter(p Partition, e *model.Entity, f *model.Field) (int64, error)
}

// Outcome is what is kept under an idempotency key.
type Outcome struct {
	Fingerprint [32]byte
	Version     uint64 // of the partition after the write
	Time        time.Time
	Body        []byte
}

// KeptOutcome is an outcome to be kept.
type KeptOutcome struct {
	Partition Partition
	Hash      [32]byte
	Outcome
}

// HeadWrite is a partition's new version.
type HeadWrite struct {
	Partition Partition
	Before    uint64 // 0: the partition has no head yet
	After     uint64
}

// RowWrite is what a group does to one row, from before its first write to after its last.
type RowWrite struct {
	Partition Partition
	Entity    *model.Entity
	Before    *model.Row // nil: insert
	After     *model.Row // nil: delete
}

// CounterWrite is the last number that a field took.
type CounterWrite struct {
	Partition Partition
	Entity    *model.Entity
	Field     *model.Field
	N         int64
}

// Group evaluates writes one after the other, each seeing what the earlier ones did, and gathers
// what has to be stored for all of them. It runs no statement itself and is not safe for concurrent
// use. Reset makes it ready for the next group and keeps its memory.
type Group struct {
	source   Source
	parts    map[Partition]*part
	rows     map[string]*rowState
	counters map[counterKey]*counterState
	kept     map[outcomeKey]int // into outcomes
	touched  []*rowState        // in the order of their first change
	numbers  []*counterState    // likewise
	heads    []*part            // likewise
	changes  []*Change
	outcomes []KeptOutcome
	key      []byte // scratch
}

type part struct {
	partition Partition
	before    uint64
	version   uint64
	rows      []*rowState // every row of the partition that a write has seen
	headed    bool        // is in Group.heads
}

// rowState is a row as the source has it and as the group leaves it.
type rowState struct {
	part    *part
	entity  *model.Entity
	before  *model.Row
	now     *model.Row
	touched bool // is in Group.touched
	tx      *tx  // the write that changed it last, and where in its changes
	at      int
}

type counterKey struct {
	partition Partition
	field     *model.Field
}

type counterState struct {
	CounterWrite
	touched bool
}

type outcomeKey struct {
	partition Partition
	hash      [32]byte
}

// NewGroup returns an empty group over a source.
func NewGroup(s Source) *Group {
	return &Group{
		source: s, parts: map[Partition]*part{}, rows: map[string]*rowState{},
		counters: map[counterKey]*counterState{}, kept: map[outcomeKey]int{},
	}
}

// Reset forgets everything, so that the next group sees the source as it is then.
func (g *Group) Reset() {
	clear(g.parts)
	clear(g.rows)
	clear(g.counters)
	clear(g.kept)
	clear(g.touched)
	clear(g.numbers)
	clear(g.heads)
	clear(g.changes)
	clear(g.outcomes)
	g.touched, g.numbers, g.heads = g.touched[:0], g.numbers[:0], g.heads[:0]
	g.changes, g.outcomes = g.changes[:0], g.outcomes[:0]
}

// Empty tells whether nothing has to be stored.
func (g *Group) Empty() bool { return len(g.changes) == 0 && len(g.outcomes) == 0 }

// Changes gives the changes of the group, in the order of its writes.
func (g *Group) Changes() []*Change { return g.changes }

// Outcomes gives the outcomes to be kept.
func (g *Group) Outcomes() []KeptOutcome { return g.outcomes }

// Heads gives the partitions whose version rises, each once.
func (g *Group) Heads(yield func(HeadWrite) bool) {
	for _, p := range g.heads {
		if !yield(HeadWrite{Partition: p.partition, Before: p.before, After: p.version}) {
			return
		}
	}
}

// Counters gives the counters that rose, each once.
func (g *Group) Counters(yield func(CounterWrite) bool) {
	for _, c := range g.numbers {
		if !yield(c.CounterWrite) {
			return
		}
	}
}

// Rows gives the rows that differ, each once, in an order in which unique values never clash on the
// way: what goes, what stays, what comes. A row whose unique values change goes and comes.
func (g *Group) Rows(yield func(RowWrite) bool) {
	for _, phase := range [...]func(*rowState) (RowWrite, bool){going, staying, coming} {
		for _, r := range g.touched {
			if w, ok := phase(r); ok && !yield(w) {
				return
			}
		}
	}
}

func going(r *rowState) (RowWrite, bool) {
	w := RowWrite{Partition: r.part.partition, Entity: r.entity, Before: r.before}
	return w, r.before != nil && (r.now == nil || moves(r))
}

func staying(r *rowState) (RowWrite, bool) {
	w := RowWrite{Partition: r.part.partition, Entity: r.entity, Before: r.before, After: r.now}
	return w, r.before != nil && r.now != nil && r.before != r.now && !moves(r)
}

func coming(r *rowState) (RowWrite, bool) {
	w := RowWrite{Partition: r.part.partition, Entity: r.entity, After: r.now}
	return w, r.now != nil && (r.before == nil || moves(r))
}

// moves tells whether a row that stays has other unique values than before.
func moves(r *rowState) bool {
	if r.before == nil || r.now == nil {
		return false
	}
	for _, u := range r.entity.Unique {
		if differs(u, r.before, r.now) {
			return true
		}
	}
	return false
}

func differs(fields []*model.Field, a, b *model.Row) bool {
	for _, f := range fields {
		if a.Values[f.Pos] != b.Values[f.Pos] {
			return true
		}
	}
	return false
}

// Run evaluates one write and fills its Result, which counts once the group is committed. It never
// panics: what a write's functions panic with becomes a fault.Internal of that write.
func (g *Group) Run(w *Write) {
	w.Result = WriteResult{}
	if w.After != nil {
		if err := w.After.Result.Err; err != nil && !fault.Deterministic(err) {
			w.Result.Err = fault.Wrap(fault.Unavailable, err, "The write that this one follows was not carried out.")
			return
		}
	}
	p, err := g.part(w.Partition)
	if err != nil {
		w.Result.Err = err
		return
	}
	t := &tx{group: g, part: p, version: p.version + 1, now: w.Now}
	defer func() { t.over = true }()

	if w.Check != nil {
		if err := contain(func() error { return w.Check(t) }); err != nil {
			t.undo()
			w.Result.Err = err
			return
		}
	}
	if w.Key != nil {
		found, err := g.outcome(w)
		if err != nil || found {
			t.undo()
			w.Result.Err = err
			return
		}
	}
	var outcome []byte
	err = contain(func() (err error) { outcome, err = w.Apply(t); return err })
	if err != nil {
		t.undo()
		w.Result = WriteResult{Err: err, Version: p.version}
		g.refuse(w, p, err)
		return
	}
	g.accept(w, t, outcome)
}

// outcome looks for an earlier outcome under the write's key, and replays it.
func (g *Group) outcome(w *Write) (found bool, err error) {
	var o *Outcome
	if i, ok := g.kept[outcomeKey{w.Partition, w.Key.Hash}]; ok {
		o = &g.outcomes[i].Outcome
	} else if o, err = g.source.Outcome(w.Partition, &w.Key.Hash); err != nil {
		return false, err
	}
	if o == nil {
		return false, nil
	}
	if o.Fingerprint != w.Key.Fingerprint {
		return true, fault.New(fault.KeyReused,
			"This Idempotency-Key was used with another request. Use a new key for a new request.")
	}
	w.Result = WriteResult{Version: o.Version, Outcome: o.Body, Replayed: true}
	return true, nil
}

func (g *Group) refuse(w *Write, p *part, err error) {
	if w.Key == nil || w.Refuse == nil || !fault.Deterministic(err) {
		return
	}
	var body []byte
	if broken := contain(func() error { body = w.Refuse(err); return nil }); broken != nil {
		w.Result.Err = broken
		return
	}
	if body != nil {
		g.keep(w, p, body)
	}
}

func (g *Group) accept(w *Write, t *tx, outcome []byte) {
	p := t.part
	t.settle()
	if len(t.changes) == 0 && len(t.events) == 0 {
		t.undo() // nothing came of it: a number that it took is free again
	} else {
		p.version = t.version
		if !p.headed {
			p.headed = true
			g.heads = append(g.heads, p)
		}
		w.Result.Change = &Change{
			Partition: w.Partition, Version: t.version, ID: w.ID, Write: w.Name, Revision: w.Revision,
			Time: w.Now, Rows: t.changes, Events: t.events,
		}
		g.changes = append(g.changes, w.Result.Change)
	}
	w.Result.Version, w.Result.Outcome = p.version, outcome
	if w.Key != nil {
		g.keep(w, p, outcome)
	}
}

func (g *Group) keep(w *Write, p *part, body []byte) {
	made := w.Key.Made
	if made.IsZero() {
		made = w.Now
	}
	g.kept[outcomeKey{w.Partition, w.Key.Hash}] = len(g.outcomes)
	g.outcomes = append(g.outcomes, KeptOutcome{
		Partition: w.Partition, Hash: w.Key.Hash,
		Outcome: Outcome{Fingerprint: w.Key.Fingerprint, Version: p.version, Time: made, Body: body},
	})
}

func (g *Group) part(p Partition) (*part, error) {
	if known := g.parts[p]; known != nil {
		return known, nil
	}
	version, err := g.source.Head(p)
	if err != nil {
		return nil, err
	}
	fresh := &part{partition: p, before: version, version: version}
	g.parts[p] = fresh
	return fresh, nil
}

// contain calls f and turns a panic into an error.
func contain(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			cause, ok := r.(error)
			if !ok {
				cause = fmt.Errorf("%v", r)
			}
			err = fault.Wrap(fault.Internal, cause, "The write failed by a defect; nothing was changed.")
		}
	}()
	return f()
}

// rowKey writes what names a row within the group.
func (g *Group) rowKey(p *part, e *model.Entity, key []model.Value) []byte {
	dst := appendValue(g.key[:0], p.partition.Value)
	dst = append(dst, byte(e.ID), byte(e.ID>>8))
	for _, v := range key {
		dst = appendValue(dst, v)
	}
	g.key = dst
	return dst
}

func appendValue(dst []byte, v model.Value) []byte {
	n := uint64(v.Int())
	if v.Kind() == model.FloatValue {
		n = math.Float64bits(v.Float())
	}
	s := v.Text()
	dst = append(dst, byte(v.Kind()), byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56),
		byte(len(s)), byte(len(s)>>8), byte(len(s)>>16))
	return append(dst, s...)
}
