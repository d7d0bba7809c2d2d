package postgres

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// gets carries reads of one row to the database. As long as a line is free, a read goes at once, by
// itself. When all are taken, what has gathered goes together on the next one that is free, as one
// message each way; so the more is to be done, the less each read costs.
//
// Each read is a statement of its own and sees the latest commit: it is sent after its caller came.
type gets struct {
	store *Store
	lines int // that are used before anything waits
	most  int // that are used when more waits than one message takes

	mu      sync.Mutex
	taken   int
	waiting []*get
}

// together bounds the reads of one message, so that a slow one holds up few.
const together = 32

// get is one read on its way. Who asked may have gone before it is done.
type get struct {
	ctx       context.Context
	statement *sqltext.Statement
	partition store.Partition
	query     *store.Query
	result    *store.Result // set before told
	told      chan bool     // false: it came to nothing, and is to be tried by itself
}

func newGets(s *Store, readers int) *gets {
	lines := min(max(4, runtime.GOMAXPROCS(0)), readers)
	return &gets{store: s, lines: lines, most: max(lines, readers/2)}
}

// read answers a query for one row.
func (g *gets) read(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	one := &get{ctx: ctx, statement: g.store.statement(q), partition: p, query: q}
	g.mu.Lock()
	if g.taken < g.lines {
		g.taken++
		g.mu.Unlock()
		defer g.goOn()
		err := g.send(ctx, one)
		return one.result, err
	}
	one.told = make(chan bool, 1)
	g.waiting = append(g.waiting, one)
	if len(g.waiting) > together && g.taken < g.most {
		g.taken++
		go g.line()
	}
	g.mu.Unlock()
	select {
	case done := <-one.told:
		if done {
			return one.result, nil
		}
		return g.store.read(ctx, g.store.readers, p, q)
	case <-ctx.Done():
		g.mu.Lock()
		defer g.mu.Unlock()
		if i := slices.Index(g.waiting, one); i >= 0 {
			g.waiting = slices.Delete(g.waiting, i, i+1)
		}
		return nil, ctx.Err()
	}
}

// goOn gives a line to what waits.
func (g *gets) goOn() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.taken--
		return
	}
	go g.line()
}

// line sends what waits until nothing does.
func (g *gets) line() {
	room := make([]*get, 0, together)
	for {
		g.mu.Lock()
		n := min(len(g.waiting), together)
		if n == 0 {
			g.taken--
			g.mu.Unlock()
			return
		}
		some := append(room[:0], g.waiting[:n]...)
		g.waiting = slices.Delete(g.waiting, 0, n)
		g.mu.Unlock()
		ctx, cancel := g.lasting(some)
		_ = g.send(ctx, some...) // those that it concerns see it when they try by themselves
		cancel()
		for _, one := range some {
			if one.result == nil {
				one.told <- false
			}
		}
		clear(some)
	}
}

// lasting gives a context that lasts as long as one of those who ask.
func (g *gets) lasting(some []*get) (context.Context, context.CancelFunc) {
	var last time.Time
	for _, one := range some {
		end, ok := one.ctx.Deadline()
		if !ok {
			end = time.Now().Add(g.store.timeout)
		}
		if end.After(last) {
			last = end
		}
	}
	return context.WithDeadline(context.Background(), last)
}

// send asks for all of them in one message, and tells each as its row comes. The error is of the
// first that has no result; those behind it have none either.
func (g *gets) send(ctx context.Context, some ...*get) error {
	pooled, err := g.store.readers.Acquire(ctx)
	if err != nil {
		return err
	}
	defer pooled.Release()
	conn := pooled.Conn()
	var batch pgconn.Batch
	var p parameters
	for _, one := range some {
		if t := g.store.tracer; t != nil {
			t.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: one.statement.SQL})
		}
		known, err := conn.Prepare(ctx, one.statement.SQL, one.statement.SQL)
		if err != nil {
			return err
		}
		p.reset()
		for i, b := range one.statement.Binds {
			p.add(known.ParamOIDs[i], bound(b, one.partition, one.query))
		}
		batch.ExecStatement(known, p.values, p.formats, binaryFormat)
	}
	answers := conn.PgConn().ExecBatch(ctx, &batch)
	for _, one := range some {
		if !answers.NextResult() {
			break
		}
		if err = one.take(answers.ResultReader()); err != nil {
			break
		}
		if one.told != nil {
			one.told <- true
		}
	}
	if closing := answers.Close(); err == nil {
		err = closing
	}
	return err
}

var binaryFormat = []int16{pgx.BinaryFormatCode}

// take reads the answer: the partition's version, and the row if there is one.
func (one *get) take(rows *pgconn.ResultReader) error {
	var r store.Result
	for rows.NextRow() {
		if err := addRow(&r, one.query.Read.Of, rows.Values()); err != nil {
			return err
		}
	}
	if _, err := rows.Close(); err != nil {
		return err
	}
	one.result = &r
	return nil
}

// parameters are those of one statement, as the server takes them.
type parameters struct {
	values  [][]byte
	formats []int16
	room    []byte
}

func (p *parameters) reset() {
	p.values, p.formats, p.room = p.values[:0], p.formats[:0], p.room[:0]
}

// add encodes a value for a parameter of a type.
func (p *parameters) add(oid uint32, v model.Value) {
	from := len(p.room)
	var format int16
	p.room, format = appendParameter(p.room, oid, v)
	p.formats = append(p.formats, format)
	if v.IsNull() {
		p.values = append(p.values, nil)
		return
	}
	p.values = append(p.values, p.room[from:len(p.room):len(p.room)])
}
