package relay

import (
	"context"
	"encoding/base64"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Letter is one dead letter: something that was given up, and why.
type Letter struct {
	ID        string    `json:"id"`
	Event     string    `json:"event"`
	Target    string    `json:"target"`
	Family    string    `json:"family"`
	Partition string    `json:"partition"`
	Version   uint64    `json:"version"`
	Happened  time.Time `json:"happened"`
	GivenUp   time.Time `json:"given_up"`
	Attempts  int       `json:"attempts"`
	Reason    string    `json:"reason"`
	Data      string    `json:"data,omitempty"` // only where one letter is asked for
}

// letterID names a letter: its shard, and what names it there.
func letterID(shard int, j *Job) string {
	return base64.RawURLEncoding.EncodeToString(append([]byte{byte(shard)}, j.key()...))
}

func parseLetterID(id string) (shard int, key string, err error) {
	b, err := base64.RawURLEncoding.DecodeString(id)
	if err != nil || len(b) < 2 || int(b[0]) >= Shards {
		return 0, "", fault.New(fault.NotFound, "There is no dead letter %q.", cutID(id))
	}
	return int(b[0]), string(b[1:]), nil
}

func cutID(id string) string { return id[:min(len(id), 80)] }

func (e *Events) letter(shard int, j *Job) Letter {
	return Letter{ID: letterID(shard, j), Event: j.Name, Target: j.Target, Family: j.Family, Partition: j.Partition, Version: j.Version,
		Happened: j.Time, GivenUp: j.Due, Attempts: j.Attempts, Reason: j.Error}
}

// Letters lists dead letters, at most limit, above after ("": from the first on). next is where to go
// on; "" if that was all.
func (e *Events) Letters(ctx context.Context, after string, limit int) (list []Letter, next string, err error) {
	first, from := 0, []model.Value(nil)
	if after != "" {
		shard, key, err := parseLetterID(after)
		if err != nil {
			return nil, "", err
		}
		lane, due, id, err := parsePlace(key)
		if err != nil {
			return nil, "", err
		}
		first, from = shard, []model.Value{lane, due, id}
	}
	for shard := first; shard < Shards; shard++ {
		d := desk{events: e, shard: shard}
		for {
			jobs, cursor, err := d.list(ctx, e.books.Letters, "", from)
			if err != nil {
				return nil, "", err
			}
			for _, j := range jobs {
				if len(list) == limit {
					return list, next, nil
				}
				list = append(list, e.letter(shard, j))
				next = placeAfter(shard, j)
			}
			if from = cursor; from == nil {
				break
			}
		}
	}
	return list, "", nil
}

// placeAfter names the place of a letter in the order of the list.
func placeAfter(shard int, j *Job) string {
	b := append([]byte{byte(shard)}, j.Lane+"|"+j.Due.Format(time.RFC3339Nano)+"|"+j.key()...)
	return base64.RawURLEncoding.EncodeToString(b)
}

func parsePlace(text string) (lane, due, id model.Value, err error) {
	parts := strings.SplitN(text, "|", 3)
	if len(parts) == 3 {
		if at, err := time.Parse(time.RFC3339Nano, parts[1]); err == nil {
			return model.String(parts[0]), model.Time(at), model.String(parts[2]), nil
		}
	}
	return lane, due, id, fault.New(fault.BadRequest, "The list cannot go on from there: take `next` as it was given.")
}

// Inspect gives one dead letter with the event's data.
func (e *Events) Inspect(ctx context.Context, id string) (Letter, error) {
	shard, j, err := e.find(ctx, id)
	if err != nil {
		return Letter{}, err
	}
	l := e.letter(shard, j)
	l.Data = string(j.Data)
	return l, nil
}

func (e *Events) find(ctx context.Context, id string) (shard int, j *Job, err error) {
	shard, key, err := parseLetterID(id)
	if err != nil {
		return 0, nil, err
	}
	p := Home(e.books, shard)
	row := work.Row(e.books.Job)
	result, err := e.store.Read(ctx, p, &store.Query{Read: row, Now: e.now(),
		Args: &model.Args{Values: []model.Value{p.Value, model.String(key)}, Given: []bool{true, true}}})
	if err != nil {
		return 0, nil, err
	}
	if len(result.Rows) == 1 {
		if j = jobOf(e.books, result.Rows[0]); j.State == work.Dead {
			return shard, j, nil
		}
	}
	return 0, nil, fault.New(fault.NotFound, "There is no dead letter %q: it was replayed or dropped, or never was.", cutID(id))
}

// Replay has dead letters tried again from the start, and opens their endpoints where they were
// closed. Letters that are not there any more are passed over. It gives the number of the others.
func (e *Events) Replay(ctx context.Context, ids ...string) (int, error) {
	return e.change(ctx, ids, func(tx store.Tx, row *model.Row) error {
		j := jobOf(e.books, row)
		j.State, j.Due, j.Attempts = work.Pending, e.now(), 0
		values := j.values(e.books, row.Values[0])
		_, err := tx.Update(e.books.Job, row, values)
		return err
	}, true)
}

// Drop deletes dead letters. Those that are not there any more are passed over.
func (e *Events) Drop(ctx context.Context, ids ...string) (int, error) {
	return e.change(ctx, ids, func(tx store.Tx, row *model.Row) error { return tx.Delete(e.books.Job, row, false) }, false)
}

func (e *Events) change(ctx context.Context, ids []string, do func(store.Tx, *model.Row) error, open bool) (n int, err error) {
	for _, id := range ids {
		shard, j, err := e.find(ctx, id)
		if fault.CodeOf(err) == fault.NotFound {
			continue
		}
		if err != nil {
			return n, err
		}
		if open {
			if err := e.openLane(ctx, j.Lane); err != nil {
				return n, err
			}
		}
		changed := false
		w := NewWrite("partita_letters", e.model.Revision, Home(e.books, shard), func(tx store.Tx) error {
			changed = false
			row, err := tx.Get(e.books.Job, []model.Value{model.String(j.key())})
			if err != nil || row == nil || jobOf(e.books, row).State != work.Dead {
				return err
			}
			changed = true
			return do(tx, row)
		})
		if e.store.Commit(ctx, w); w.Result.Err != nil {
			return n, w.Result.Err
		}
		if !changed {
			continue
		}
		n++
		d := e.desk(shard)
		d.gone([]*Job{j})
		if open {
			again := *j
			again.State = work.Pending
			d.added([]*Job{&again})
			d.wake(&again)
		}
	}
	return n, nil
}

// All calls do with the ids of all dead letters that there are now, some at a time. do may replay or
// drop them.
func (e *Events) All(ctx context.Context, do func(ids []string) error) error {
	const some = 100
	after, now := "", e.now()
	for {
		list, next, err := e.Letters(ctx, after, some)
		if err != nil {
			return err
		}
		var ids []string
		for _, l := range list {
			if !l.GivenUp.After(now) { // else what is replayed and given up again would come again
				ids = append(ids, l.ID)
			}
		}
		if err := do(ids); err != nil || next == "" {
			return err
		}
		after = next
	}
}

// closed knows which lanes take no jobs. It is kept in the first bucket, for all nodes.
type closed struct {
	mu    sync.Mutex
	lanes map[string]string // why
	read  time.Time
}

// isClosed tells why a lane takes no jobs; "" if it does.
func (e *Events) isClosed(ctx context.Context, lane string) (string, error) {
	const current = time.Second
	e.closed.mu.Lock()
	defer e.closed.mu.Unlock()
	now := e.now()
	if reason := e.closed.lanes[lane]; reason == "" && e.closed.lanes != nil && now.Sub(e.closed.read) < current && !now.Before(e.closed.read) {
		return "", nil
	}
	d := desk{events: e}
	jobs, _, err := d.list(ctx, e.books.Closed, "", nil)
	if err != nil {
		return "", err
	}
	e.closed.lanes, e.closed.read = map[string]string{}, now
	for _, j := range jobs {
		e.closed.lanes[j.Lane] = j.Error
	}
	return e.closed.lanes[lane], nil
}

// closedRow is the row that closes a lane.
func closedRow(lane, target, reason string, now time.Time) *Job {
	return &Job{Event: Event{ID: work.Closed, Time: now, Data: []byte("{}")}, Lane: lane, Target: target, State: work.Closed, Due: now, Error: reason}
}

// closeLane keeps an endpoint from being called again, on every node, until it is opened.
func (e *Events) closeLane(ctx context.Context, lane, target, reason string) {
	d := desk{events: e}
	if err := d.commit(ctx, e.keep(0, []*Job{closedRow(lane, target, reason, e.now())}, nil)); err != nil {
		return // the next delivery is refused in the same way
	}
	e.logger.Warn("an endpoint is closed, since it says that it is gone; `partita replay` opens it again", "endpoint", target, "reason", reason)
	e.closed.mu.Lock()
	e.closed.read = time.Time{}
	e.closed.mu.Unlock()
}

func (e *Events) openLane(ctx context.Context, lane string) error {
	reason, err := e.isClosed(ctx, lane)
	if err != nil || reason == "" {
		return err
	}
	d := desk{events: e}
	err = d.commit(ctx, e.keep(0, nil, []*Job{closedRow(lane, "", "", e.now())}))
	e.closed.mu.Lock()
	e.closed.read = time.Time{}
	e.closed.mu.Unlock()
	return err
}

// errUntold says why an endpoint was not told.
func errUntold(closed string) error {
	if closed == "" {
		return errors.New("the model has nobody any more who takes it")
	}
	return errors.New("the endpoint is closed: " + closed)
}
