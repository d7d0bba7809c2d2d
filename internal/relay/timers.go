package relay

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// timers fires schedules. When one fires next is a row in a partition of its own; a firing is a
// commit there that emits the event and moves the row, under a key made of name and nominal time. So
// no nominal time fires twice, whatever clocks do. After an outage the last time that was missed is
// made up for, and only that one.
type timers struct {
	events *Events
	list   []*timer
	row    *model.Read
}

// timer is one schedule. It is used by the worker of its shard only.
type timer struct {
	name, line string
	event      *model.Event
	partition  store.Partition
	shard      int
	plan       cron.Schedule
	zone       *time.Location
	seen       time.Time // when it was looked at last
	due        time.Time // when it fires next, as of then; zero: never
	read       time.Time // when the row was read last
}

func newTimers(e *Events) (*timers, error) {
	t := &timers{events: e, row: work.Row(e.books.Timer)}
	for _, s := range e.model.Schedules {
		plan, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(fromSunday(s.Every))
		if err != nil {
			return nil, fmt.Errorf("the schedule %s cannot be read: %w", s.Name, err)
		}
		zone, err := time.LoadLocation(s.Zone)
		if err != nil {
			return nil, fmt.Errorf("the schedule %s has no known zone: %w", s.Name, err)
		}
		p := store.Partition{Family: e.books.Clock, Value: model.String(s.Name)}
		t.list = append(t.list, &timer{name: s.Name, line: s.Every + " " + s.Zone, event: s.Emit, partition: p,
			shard: ShardOf(p.Family.Bucket(p.Value)), plan: plan, zone: zone})
	}
	return t, nil
}

// fromSunday writes the weekday 7 of a cron line as 0, also within ranges: the parser knows 0 to 6.
func fromSunday(line string) string {
	fields := strings.Fields(line)
	if len(fields) != 5 || !strings.Contains(fields[4], "7") {
		return line
	}
	var days []string
	for part := range strings.SplitSeq(fields[4], ",") {
		span, step, stepped := strings.Cut(part, "/")
		from, to, ranged := strings.Cut(span, "-")
		low, err1 := strconv.Atoi(from)
		high, err2 := low, error(nil)
		if ranged {
			high, err2 = strconv.Atoi(to)
		} else if stepped {
			high = 6
		}
		by, err3 := 1, error(nil)
		if stepped {
			by, err3 = strconv.Atoi(step)
		}
		if err1 != nil || err2 != nil || err3 != nil || by < 1 {
			days = append(days, part) // a name
			continue
		}
		for d := low; d <= high || d == low; d += by {
			days = append(days, strconv.Itoa(d%7))
		}
	}
	fields[4] = strings.Join(days, ",")
	return strings.Join(fields, " ")
}

// next gives the first nominal time after another one; zero if there is none in the years to come.
func (t *timer) next(after time.Time) time.Time {
	n := t.plan.Next(after.In(t.zone))
	if n.IsZero() {
		return n
	}
	return n.UTC()
}

// latest gives the last nominal time up to now, knowing that due is one.
func (t *timer) latest(due, now time.Time) time.Time {
	for _, back := range []time.Duration{time.Hour, 24 * time.Hour, 32 * 24 * time.Hour, 0} {
		last := due
		if start := now.Add(-back); back > 0 && start.After(due) {
			if last = t.next(start); last.IsZero() || last.After(now) {
				continue
			}
		}
		for n := t.next(last); !n.IsZero() && !n.After(now); n = t.next(n) {
			last = n
		}
		return last
	}
	return due
}

// turn fires what is due in a shard, and says when to come again.
func (t *timers) turn(ctx context.Context, s Shard) (time.Duration, error) {
	const look = 10 * time.Second // so often the row is read although nothing is due: others may have moved it
	next := time.Hour
	for _, x := range t.list {
		if x.shard != s.Index {
			continue
		}
		now := t.events.now()
		if x.read.IsZero() || now.Before(x.seen) || now.Sub(x.read) >= look || !x.due.IsZero() && !now.Before(x.due) {
			if err := t.look(ctx, x, now); err != nil {
				return 0, err
			}
			x.read = now
		}
		x.seen = now
		if !x.due.IsZero() {
			next = min(next, max(x.due.Sub(now), 0))
		}
	}
	return next, nil
}

// look reads when a schedule fires next, fires it where that is now, and mends what does not fit.
func (t *timers) look(ctx context.Context, x *timer, now time.Time) error {
	result, err := t.events.store.Read(ctx, x.partition, &store.Query{Read: t.row, Now: now,
		Args: &model.Args{Values: []model.Value{x.partition.Value}, Given: []bool{true}}})
	if err != nil {
		return err
	}
	upcoming := x.next(now)
	var due time.Time
	if len(result.Rows) == 1 {
		row := result.Rows[0]
		if row.Values[t.events.books.Timer.Field("line").Pos].Text() == x.line {
			due = row.Values[t.events.books.Timer.Field("due").Pos].Time()
		}
	}
	switch {
	case due.IsZero(): // it is new, or another one than it was
		return t.move(ctx, x, upcoming, nil)
	case !due.After(now):
		nominal := x.latest(due, now)
		return t.move(ctx, x, x.next(nominal), &nominal)
	case !upcoming.IsZero() && due.After(upcoming): // the clock was ahead, and is right again
		return t.move(ctx, x, upcoming, nil)
	}
	x.due = due
	return nil
}

// move sets when a schedule fires next, and fires it if there is a nominal time.
func (t *timers) move(ctx context.Context, x *timer, due time.Time, nominal *time.Time) error {
	e := t.events
	w := NewWrite("partita_timer", e.model.Revision, x.partition, func(tx store.Tx) error {
		if nominal != nil {
			tx.Emit(store.Event{Name: x.event.Name, Data: x.data(*nominal)})
		}
		return t.set(tx, x, due)
	})
	if nominal != nil {
		w.Now = *nominal
		w.Key = &store.Key{Hash: sha256.Sum256([]byte("timer\x00" + x.name + "\x00" + nominal.Format(time.RFC3339)))}
	}
	e.store.Commit(ctx, w)
	switch {
	case w.Result.Err != nil:
		return w.Result.Err
	case w.Result.Replayed: // it fired at that time already, and the clock went back since
		return t.move(ctx, x, due, nil)
	}
	x.due = due
	return nil
}

func (t *timers) set(tx store.Tx, x *timer, due time.Time) error {
	entity := t.events.books.Timer
	if due.IsZero() {
		due = farFuture
	}
	values := make([]model.Value, len(entity.Fields))
	values[0] = x.partition.Value
	values[entity.Field("due").Pos], values[entity.Field("line").Pos] = model.Time(due), model.String(x.line)
	row, err := tx.Get(entity, nil)
	switch {
	case err != nil:
		return err
	case row == nil:
		_, err = tx.Insert(entity, values)
	default:
		_, err = tx.Update(entity, row, values)
	}
	return err
}

// data is what the event of a schedule carries.
func (t *timer) data(nominal time.Time) []byte {
	b := model.AppendJSON([]byte(`{"schedule":`), model.String(t.name))
	b = model.AppendJSON(append(b, `,"at":`...), model.Time(nominal))
	return append(b, '}')
}
