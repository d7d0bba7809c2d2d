package relay

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// desk looks after the jobs of one shard: it takes them in, has them carried out lane by lane, and
// notes what came of them. take and turn are called by the shard's worker only.
type desk struct {
	events *Events
	shard  int
	lease  atomic.Pointer[Shard] // as it was last seen; nil: it never was this node's

	polled time.Time // when it looked at all lanes last
	later  time.Time // when the first job of the relay's own is due, as far as is known
	swept  time.Time // when it last counted jobs, and deleted letters that are too old

	results chan result
	closing chan struct{}
	idle    sync.WaitGroup // what works in the background

	mu     sync.Mutex
	lanes  map[string]*lane
	counts map[string]Count
	shut   bool
}

// result is what came of an attempt.
type result struct {
	lane *lane
	job  *Job
	err  error
	late <-chan struct{} // closed when the job's row is there; nil: it is
}

// Count says how many jobs there are of a lane.
type Count struct {
	Pending, Dead int
	Oldest        time.Time // when the oldest pending event happened; zero: there is none
}

func newDesk(e *Events, shard int) *desk {
	d := &desk{
		events: e, shard: shard,
		results: make(chan result, 4*piece), closing: make(chan struct{}),
		lanes: map[string]*lane{}, counts: map[string]Count{},
	}
	d.idle.Go(d.note)
	return d
}

// held tells whether the shard is still this node's.
func (d *desk) held() bool {
	s := d.lease.Load()
	return s != nil && s.Held()
}

// lane gives what carries out the jobs of a lane; nil while the desk is closed.
func (d *desk) lane(name string) *lane {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.shut {
		return nil
	}
	l := d.lanes[name]
	if l == nil {
		l = &lane{desk: d, name: name, endpoint: d.events.lanes[name], busy: map[string]bool{}, freed: map[string]bool{}}
		d.lanes[name] = l
	}
	return l
}

// take has jobs done at once where that goes, and makes the others durable.
func (d *desk) take(ctx context.Context, jobs []*Job) error {
	if len(jobs) == 0 {
		return nil
	}
	rest, late, release := d.prompt(ctx, jobs)
	defer close(release)
	rest = append(rest, late...)
	if err := d.commit(ctx, d.events.keep(d.shard, rest, nil)); err != nil {
		return err
	}
	d.added(rest)
	for _, j := range rest {
		if j.State == work.Pending {
			d.expect(j)
		}
	}
	return nil
}

// expect has a job that was just kept carried out when it is due.
func (d *desk) expect(j *Job) {
	if j.Lane == laneLater || j.Lane == laneThen {
		if d.later.IsZero() || j.Due.Before(d.later) {
			d.later = j.Due
		}
		return
	}
	if l := d.lane(j.Lane); l != nil {
		l.at(j.Due)
	}
}

func (d *desk) commit(ctx context.Context, writes []*store.Write) error {
	if len(writes) == 0 {
		return nil
	}
	d.events.store.Commit(ctx, writes...)
	for _, w := range writes {
		if w.Result.Err != nil {
			return w.Result.Err
		}
	}
	return nil
}

// turn looks at all lanes now and then, for jobs that others put there or a dead node left, and
// carries out those that are the relay's own.
func (d *desk) turn(ctx context.Context) (time.Duration, error) {
	const (
		poll  = time.Second
		count = 30 * time.Second
	)
	now := d.events.now()
	if now.Sub(d.polled) >= poll || now.Before(d.polled) {
		if err := d.poll(ctx); err != nil {
			return 0, err
		}
		d.polled = now
	}
	if !d.later.IsZero() && !now.Before(d.later) {
		if err := d.own(ctx); err != nil {
			return 0, err
		}
	}
	if now.Sub(d.swept) >= count || now.Before(d.swept) {
		if err := d.sweep(ctx, now); err != nil {
			return 0, err
		}
		d.swept = now
	}
	next := poll
	if !d.later.IsZero() {
		next = min(next, max(d.later.Sub(now), 0))
	}
	return next, nil
}

// poll finds the lanes that have pending jobs, and the first job of each.
func (d *desk) poll(ctx context.Context) error {
	const abandoned = 24 * time.Hour // other nodes may know endpoints that this one does not, for a while
	d.later = time.Time{}
	var cursor []model.Value
	for {
		jobs, _, err := d.list(ctx, d.events.books.Lanes, "", cursor)
		if err != nil || len(jobs) == 0 {
			return err
		}
		j := jobs[0]
		switch {
		case j.Lane == laneLater || j.Lane == laneThen:
			d.expect(j)
		case d.events.lanes[j.Lane] != nil || d.events.now().Sub(j.Due) > abandoned:
			d.expect(j)
		}
		cursor = []model.Value{model.String(j.Lane), model.Time(farFuture), model.String("")}
	}
}

var farFuture = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// list reads a page of jobs: of a lane by Due, of all by the other reads.
func (d *desk) list(ctx context.Context, r *model.Read, lane string, cursor []model.Value) (jobs []*Job, next []model.Value, err error) {
	p := Home(d.events.books, d.shard)
	args := &model.Args{Values: []model.Value{p.Value}, Given: []bool{true}}
	if r == d.events.books.Due {
		args.Values, args.Given = append(args.Values, model.String(lane)), append(args.Given, true)
	}
	result, err := d.events.store.Read(ctx, p, &store.Query{Read: r, Args: args, Cursor: cursor, Now: d.events.now()})
	if err != nil {
		return nil, nil, err
	}
	for _, row := range result.Rows {
		jobs = append(jobs, jobOf(d.events.books, row))
	}
	if result.More {
		last := result.Rows[len(result.Rows)-1]
		for _, s := range r.Sort {
			next = append(next, last.Values[s.Field.Pos])
		}
	}
	return jobs, next, nil
}

// own carries out the jobs of the relay's own that are due: events that happen later, and writes that
// were replayed. Those that have to wait for something hold up only what follows in their partition.
func (d *desk) own(ctx context.Context) error {
	d.later = time.Time{}
	for _, name := range []string{laneThen, laneLater} {
		if err := d.overdue(ctx, name, d.events.now()); err != nil {
			return err
		}
	}
	return nil
}

// overdue does so for one lane, page by page.
func (d *desk) overdue(ctx context.Context, lane string, now time.Time) error {
	const again = time.Second
	held := map[store.Partition]hold{}
	var cursor []model.Value
	for pages := time.Duration(1); ; pages++ {
		jobs, next, err := d.list(ctx, d.events.books.Due, lane, cursor)
		if err != nil {
			return err
		}
		var list []*occurrence
		var drop []*Job
		for _, j := range jobs {
			if j.Due.After(now) {
				d.expect(j)
				next = nil
				break
			}
			o, ok := d.events.overdue(j)
			if !ok {
				drop = append(drop, j) // the model does not know the event any more
			} else if h, ok := held[o.source]; !ok || o.Version < h.version {
				list = append(list, o)
			}
		}
		r := d.events.react(ctx, list)
		maps.Copy(held, r.held) // of one that was held before only earlier ones were looked at
		for _, o := range r.done {
			drop = append(drop, o.job)
		}
		if err := d.swap(ctx, r.jobs, drop); err != nil {
			return err
		}
		if cursor = next; cursor == nil || !d.held() {
			if len(held) > 0 {
				d.expect(&Job{Lane: lane, Due: now.Add(again * pages)})
			}
			return ctx.Err()
		}
	}
}

// swap replaces jobs by others in one write, so that none of both is lost. A write that follows an
// event, when it fails again, stays as the letter it was.
func (d *desk) swap(ctx context.Context, jobs, drop []*Job) error {
	if len(jobs)+len(drop) == 0 {
		return nil
	}
	e := d.events
	p := Home(e.books, d.shard)
	w := NewWrite("partita_jobs", e.model.Revision, p, func(tx store.Tx) error {
		for _, j := range drop {
			if err := e.remove(tx, j); err != nil {
				return err
			}
		}
		for _, j := range jobs {
			_, err := tx.Insert(e.books.Job, j.values(e.books, p.Value))
			if err != nil && fault.CodeOf(err) != fault.Exists {
				return err
			}
		}
		return nil
	})
	w.Needs = append(e.needs(drop), e.needs(jobs)...)
	if err := d.commit(ctx, []*store.Write{w}); err != nil {
		return err
	}
	d.added(jobs)
	d.gone(drop)
	for _, j := range jobs {
		if j.State == work.Pending {
			d.expect(j)
		}
	}
	return nil
}

// close takes up nothing more, and waits for what is under way until ctx ends.
func (d *desk) close(ctx context.Context) {
	d.mu.Lock()
	if d.shut {
		d.mu.Unlock()
		return
	}
	d.shut = true
	lanes := d.lanes
	d.mu.Unlock()
	for _, l := range lanes {
		l.stop()
	}
	done := make(chan struct{})
	go func() {
		for _, l := range lanes {
			l.running.Wait()
		}
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
	close(d.closing)
}

func (d *desk) wait() { d.idle.Wait() }

// wake has a job carried out that was replayed on this node.
func (d *desk) wake(j *Job) {
	if j.Lane != laneLater && j.Lane != laneThen && d.held() {
		if l := d.lane(j.Lane); l != nil {
			l.at(j.Due.Add(-time.Hour))
		}
	}
}
