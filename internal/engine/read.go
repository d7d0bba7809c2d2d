package engine

import (
	"context"
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Read answers one read: rule, cache, and where that is not enough, one load from the store.
//
// A get of a row that is not there is an answer with Found false, not an error.
func (e *Engine) Read(ctx context.Context, q *ReadRequest) (ReadResult, error) {
	least, err := e.minVersion(q.Min, q.Read.Of.Family, q.Args.Values[0])
	if err != nil {
		return ReadResult{}, err
	}
	terms := cache.Terms{Fresh: q.Read.Fresh, Stale: q.Read.Stale, Min: least, Joins: admit.Shed(ctx)}
	if err := e.mayRead(ctx, q, terms); err != nil {
		return ReadResult{}, err
	}
	return e.answer(ctx, q, terms)
}

// answer gets an answer from the cache or the store; rules are not its concern.
func (e *Engine) answer(ctx context.Context, q *ReadRequest, terms cache.Terms) (ReadResult, error) {
	var room [192]byte
	partition := appendPartition(room[:0], q.Read.Of.Family, q.Args.Values[0])
	key := appendAnswer(partition[len(partition):], q)

	e.study.Asked(q.Read, partition, key, q.Args)
	if r, ok := e.cached(q, partition, key, terms); ok {
		e.costs(q, 0)
		e.reads.Answered(partitionOf(q))
		e.tookIn(ctx, q, &r)
		return r, nil
	}
	quotas, err := e.countRead(q)
	if err != nil {
		return ReadResult{}, err
	}
	admit.Aside(ctx)
	start := time.Now()
	ctx, cancel := context.WithTimeout(ctx, e.timeout)
	defer cancel()
	l := &loader{e: e, q: q}
	a, outcome, err := e.cache.Load(ctx, string(partition), string(key), q.Read.Tag(q.Args), terms, l)
	took := time.Since(start)
	if l.came.Load() {
		admit.CameToGate(ctx)
	}
	if fault.CodeOf(err) == fault.Overloaded && !l.came.Load() { // it was refused with another, or since nobody loads it
		err = e.reads.Refuse(q.Read.Priority)
	}
	e.costs(q, took)
	if err != nil {
		return ReadResult{Store: took}, err
	}
	r := ReadResult{Answer: a, Outcome: outcome, Store: took, Quotas: quotas, Spare: outcome == cache.Bypass}
	if outcome == cache.Shared {
		r.Store = 0
	}
	if q.Read.Of.View != nil {
		e.tookIn(ctx, q, &r)
		return e.asOld(q, r)
	}
	if outcome == cache.Stale || outcome == cache.Hit || outcome == cache.Refreshed || a.Visit >= cache.Found {
		r.Age = e.now().Sub(a.Time)
	}
	return r, nil
}

// cached gives the answer that the first tier has, and loads it again in the background where it is
// time for that.
func (e *Engine) cached(q *ReadRequest, partition, key []byte, terms cache.Terms) (ReadResult, bool) {
	if terms.Fresh <= 0 {
		return ReadResult{}, false
	}
	a, outcome, ok := e.cache.Lookup(partition, key, terms)
	if !ok {
		return ReadResult{}, false
	}
	if outcome == cache.Refreshed {
		go e.cache.Refresh(string(partition), string(key), q.Read.Tag(q.Args), &loader{e: e, q: q})
	}
	return ReadResult{Answer: a, Outcome: outcome, Age: e.now().Sub(a.Time), Spare: outcome == cache.Hit}, true
}

// tookIn names what the view took in last that the answer shows. Where this node loaded the answer
// itself, that is known; the store is asked for it only where another node did.
func (e *Engine) tookIn(ctx context.Context, q *ReadRequest, r *ReadResult) {
	const patience = 100 * time.Millisecond
	if q.Read.Of.View == nil || e.sources == nil {
		return
	}
	asks := r.Outcome == cache.Shared
	if asks {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	r.Sources = e.sources(ctx, q.Read.Of.View, q.Args.Values[0], r.Version, asks)
}

// asOld sees to the age of a view's answer, which counts from the oldest change that is not in it:
// beyond `fresh` it serves as stale where the read allows that, and otherwise not at all.
func (e *Engine) asOld(q *ReadRequest, r ReadResult) (ReadResult, error) {
	r.Age = max(0, e.now().Sub(r.Time))
	switch {
	case r.Age <= q.Read.Fresh:
		return r, nil
	case r.Age <= q.Read.Stale:
		r.Outcome = cache.Stale
		return r, nil
	}
	err := fault.New(fault.Unavailable, "The view %s lacks changes from %s ago, and this read promises less. Please try again shortly.",
		q.Read.Of.Name, r.Age.Round(time.Second))
	err.RetryAfter = time.Second
	return ReadResult{Store: r.Store}, err
}

// appendPartition appends the cache's name of a partition: the same on every node and release.
func appendPartition(b []byte, f *model.Family, partition model.Value) []byte {
	b = append(b, f.Name...)
	b = append(b, 0)
	return model.AppendText(b, partition)
}

// appendAnswer appends the name of an answer within its partition: the read and all that it was
// given.
func appendAnswer(b []byte, q *ReadRequest) []byte {
	return appendGiven(binary.AppendUvarint(b, uint64(q.Read.ID)), q)
}

// appendGiven appends all that a read was given beside the partition. The bytes 0xFE and 0xFF cannot
// occur in a value's text.
func appendGiven(b []byte, q *ReadRequest) []byte {
	for i := 1; i < len(q.Args.Values); i++ {
		if q.Args.Given[i] {
			b = appendKeyValue(b, q.Args.Values[i])
		}
		b = append(b, 0xFF)
	}
	if q.Read.List {
		b = appendKeyValue(b, q.From)
		b = append(b, 0xFF)
		b = appendKeyValue(b, q.To)
		b = append(b, 0xFF)
		b = append(b, q.After...)
		b = append(b, 0xFF)
		b = append(b, q.Before...)
	}
	return b
}

// appendKeyValue appends a value so that null, the empty string and "not given" stay apart.
func appendKeyValue(b []byte, v model.Value) []byte {
	if v.IsNull() {
		return append(b, 0xFE, '0')
	}
	return model.AppendText(append(b, 0xFE), v)
}

// partitionOf gives the partition that a read is of.
func partitionOf(q *ReadRequest) store.Partition {
	return store.Partition{Family: q.Read.Of.Family, Value: q.Args.Values[0]}
}

// costs tells the study what a read cost.
func (e *Engine) costs(q *ReadRequest, took time.Duration) {
	if !q.Read.Internal {
		e.study.Cost(partitionOf(q), q.Read.Name, q.Claims, took)
	}
}

// loader loads the answer to one request from the store. It may outlive the request.
type loader struct {
	e    *Engine
	q    *ReadRequest
	came atomic.Bool // to the gate before the store
}

// Load reads rows and version in one snapshot and encodes the answer.
func (l *loader) Load(ctx context.Context) (*cache.Answer, error) {
	e, q := l.e, l.q
	if cache.ForMany(ctx) {
		ctx = admit.ForMany(ctx)
	}
	query := &store.Query{Read: q.Read, Args: q.Args, From: q.From, To: q.To, Now: e.now()}
	if q.After != "" || q.Before != "" {
		from, err := e.place(q, q.After+q.Before)
		if err != nil {
			return nil, err
		}
		query.Cursor, query.Back = from, q.Before != ""
	}
	a := &cache.Answer{Time: query.Now, Found: true}
	if view := q.Read.Of.View; view != nil && e.asOf != nil {
		at, err := e.asOf(ctx, view) // before the rows are read: they may have more than this says
		if err != nil {
			return nil, err
		}
		if at.Before(a.Time) {
			a.Time = at
		}
	}
	e.study.Loaded(q.Read, q.Args)
	result, err := l.read(ctx, query)
	if err != nil {
		return nil, err
	}
	a.Version = result.Version
	if view := q.Read.Of.View; view != nil && e.sources != nil {
		e.sources(ctx, view, q.Args.Values[0], a.Version, true) // it is known from then on
	}
	if q.Read.List {
		e.packList(a, q, result)
		return a, nil
	}
	if len(result.Rows) == 0 {
		a.Found = false
		return a, nil
	}
	row := result.Rows[0]
	if q.Read.Internal {
		a.Row = row
		return a, nil
	}
	var room [1024]byte
	a.Pack(model.AppendRow(room[:0], q.Read.Fields, row), e.rowTag(q.Read, row))
	return a, nil
}

// read asks the store when it is its turn.
func (l *loader) read(ctx context.Context, query *store.Query) (*store.Result, error) {
	p := partitionOf(l.q)
	l.came.Store(true)
	pass, err := l.e.reads.Enter(ctx, admit.Ask{Priority: l.q.Read.Priority, Partition: p})
	if err != nil {
		return nil, err
	}
	defer pass.Leave() // also after a defect of the store
	return l.e.store.Read(ctx, p, query)
}

// pages are where the bodies of lists are put together, before they are copied in the size that they have.
var pages = sync.Pool{New: func() any { return new([]byte) }}

const mostPage = 1 << 20 // kept for the next list

// packList sets what a list answers.
func (e *Engine) packList(a *cache.Answer, q *ReadRequest, result *store.Result) {
	room := pages.Get().(*[]byte)
	body := e.encodeList((*room)[:0], q, result)
	a.Pack(body, bodyTag(body))
	if cap(body) <= mostPage {
		*room = body
		pages.Put(room)
	}
}

// encodeList appends the body of a page, with the cursors that lead on and back.
func (e *Engine) encodeList(b []byte, q *ReadRequest, result *store.Result) []byte {
	b = append(b, `{"items":[`...)
	for i, row := range result.Rows {
		if i > 0 {
			b = append(b, ',')
		}
		b = model.AppendRow(b, q.Read.Fields, row)
	}
	b = append(b, ']')
	if n := len(result.Rows); n > 0 {
		// The page we came from is there by the cursor itself; the one ahead only if there is more.
		if q.Before != "" || result.More {
			b = append(b, `,"next":"`...)
			b = append(b, e.cursor(q, result.Rows[n-1])...)
			b = append(b, '"')
		}
		if q.After != "" || q.Before != "" && result.More {
			b = append(b, `,"prev":"`...)
			b = append(b, e.cursor(q, result.Rows[0])...)
			b = append(b, '"')
		}
	}
	return append(b, '}')
}

// bodyTag is the entity tag of a list: a hash of its bytes.
func bodyTag(body []byte) string {
	const hex = "0123456789abcdef"
	h := xxhash.Sum64(body)
	tag := [18]byte{0: '"', 17: '"'}
	for i := range 16 {
		tag[1+i] = hex[h>>(60-4*i)&15]
	}
	return string(tag[:])
}

func floatBits(v model.Value) uint64 { return math.Float64bits(v.Float()) }

func floatOf(bits uint64) model.Value { return model.Float(math.Float64frombits(bits)) }
