package relay

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// report hands over what came of an attempt.
func (d *desk) report(r result) {
	select {
	case d.results <- r:
	case <-d.events.life.Done(): // it is done again by whoever looks after the shard then
	}
}

// note makes results durable, many at once, until the desk is closed and none is left.
func (d *desk) note() {
	for {
		var batch []result
		select {
		case r := <-d.results:
			batch = append(batch, r)
		case <-d.closing:
			if len(d.results) == 0 {
				return
			}
		}
		for len(batch) < piece && len(d.results) > 0 {
			batch = append(batch, <-d.results)
		}
		d.record(batch)
	}
}

// record makes some results durable.
func (d *desk) record(batch []result) {
	now := d.events.now()
	after := make([]*Job, len(batch)) // nil: done
	for i, r := range batch {
		if r.late != nil {
			<-r.late
		}
		after[i] = outcome(r.lane.endpoint, r.job, r.err, now)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(d.events.life), time.Minute)
	defer cancel()
	pause := 50 * time.Millisecond
	for d.commit(ctx, []*store.Write{d.recording(batch, after)}) != nil {
		select {
		case <-time.After(pause/2 + rand.N(pause)):
			pause = min(2*pause, 2*time.Second)
			continue
		case <-d.closing:
		case <-ctx.Done():
		}
		break // the rows are as they were, so that the jobs are done again
	}
	d.recorded(batch, after)
	for i, r := range batch {
		r.lane.free(r.job)
		if f, ok := errors.AsType[*Failure](r.err); ok && f.Close {
			d.events.closeLane(ctx, r.lane.name, r.job.Target, short(f.Error()))
		}
		if j := after[i]; j != nil && j.State == work.Pending {
			r.lane.at(j.Due)
		}
	}
}

// outcome gives a job as it is after an attempt; nil if it is done.
func outcome(x *Endpoint, j *Job, err error, now time.Time) *Job {
	if err == nil {
		return nil
	}
	next := *j
	next.Attempts++
	next.Error = short(messageOf(err))
	var wait time.Duration
	again := false
	if x != nil {
		wait, again = x.Wait(next.Attempts)
	}
	if f, ok := errors.AsType[*Failure](err); ok {
		wait, again = max(wait, f.Wait), again && !f.Final
	}
	next.Due = now.Add(wait)
	if !again {
		next.State, next.Due = work.Dead, now
	}
	return &next
}

// recording is the write that changes the rows of jobs to what they are after their attempts.
func (d *desk) recording(batch []result, after []*Job) *store.Write {
	e := d.events
	p := Home(e.books, d.shard)
	state := e.books.Job.Field("state").Pos
	jobs := make([]*Job, len(batch))
	for i, r := range batch {
		jobs[i] = r.job
	}
	w := NewWrite("partita_jobs", e.model.Revision, p, func(tx store.Tx) error {
		for i, j := range jobs {
			row, err := tx.Get(e.books.Job, []model.Value{model.String(j.key())})
			if err != nil {
				return err
			}
			if row == nil || row.Values[state].Text() != work.Pending {
				continue // another node, or somebody who dropped it, was first
			}
			if after[i] == nil {
				err = tx.Delete(e.books.Job, row, false)
			} else {
				_, err = tx.Update(e.books.Job, row, after[i].values(e.books, p.Value))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	w.Needs = e.needs(jobs)
	return w
}

// sweep counts the jobs anew, and deletes dead letters that are too old, and old changes of jobs.
func (d *desk) sweep(ctx context.Context, now time.Time) error {
	const pages = 8 // beyond that the figures say "at least"
	counts := map[string]Count{}
	var old []*Job
	for _, r := range []*model.Read{d.events.books.Waiting, d.events.books.Letters} {
		var cursor []model.Value
		for range pages {
			jobs, next, err := d.list(ctx, r, "", cursor)
			if err != nil {
				return err
			}
			for _, j := range jobs {
				if j.State == work.Dead && now.Sub(j.Due) > d.events.config.KeepLetters {
					old = append(old, j)
					continue
				}
				c := counts[j.Lane]
				c.add(j, 1)
				counts[j.Lane] = c
			}
			if cursor = next; cursor == nil {
				break
			}
		}
	}
	d.mu.Lock()
	d.counts = counts
	d.mu.Unlock()
	if err := d.commit(ctx, d.events.keep(d.shard, nil, old)); err != nil {
		return err
	}
	// Nobody follows the changes of jobs, and there are many.
	const kept = time.Minute
	_, err := d.events.store.Prune(ctx, Home(d.events.books, d.shard), now.Add(-kept), now.Add(-kept))
	return err
}

func (c *Count) add(j *Job, n int) {
	if j.State == work.Dead {
		c.Dead = max(c.Dead+n, 0)
		return
	}
	if c.Pending = max(c.Pending+n, 0); c.Pending == 0 {
		c.Oldest = time.Time{}
	} else if n > 0 && (c.Oldest.IsZero() || j.Time.Before(c.Oldest)) {
		c.Oldest = j.Time
	}
}

// added and gone keep the counts between two sweeps.
func (d *desk) added(jobs []*Job) { d.counted(jobs, 1) }
func (d *desk) gone(jobs []*Job)  { d.counted(jobs, -1) }

func (d *desk) counted(jobs []*Job, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range jobs {
		c := d.counts[j.Lane]
		c.add(j, n)
		d.counts[j.Lane] = c
	}
}

func (d *desk) recorded(batch []result, after []*Job) {
	before := make([]*Job, len(batch))
	for i, r := range batch {
		before[i] = r.job
	}
	d.gone(before)
	d.added(slices.DeleteFunc(slices.Clone(after), func(j *Job) bool { return j == nil }))
}
