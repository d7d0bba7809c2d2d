package keep

import (
	"context"
	"log/slog"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Eraser erases partitions. Store, Keeps, Books and Logger are required.
type Eraser struct {
	Store store.Store
	Keeps store.Eraser // the same store
	Books *work.Books
	Node  string
	// Before gives a function that tells whether all writes that were accepted for a bucket before the call
	// are carried out. nil: none can be.
	Before func(ctx context.Context, bucket int) (done func(context.Context) (bool, error), err error)
	// Clear empties what nodes share of their caches, and says how many answers went. nil: nothing is shared.
	Clear  func(ctx context.Context) (int, error)
	Logger *slog.Logger
}

// Step tells how far an erasing is, for people.
type Step struct {
	Doing string `json:"doing"`
	Count int    `json:"count,omitempty"`
}

// ParsePartition reads FAMILY/VALUE.
func ParsePartition(m *model.Model, text string) (p store.Partition, err error) {
	name, value, ok := strings.Cut(text, "/")
	if f := m.Family(name); ok && f != nil {
		if f.View != nil {
			return p, fault.New(fault.BadRequest, "%s is a view, whose rows come from %s: erase the partitions that they come from.", name, f.View.From.Name)
		}
		v, err := f.By.Parse(value)
		return store.Partition{Family: f, Value: v}, err
	}
	var names []string
	for _, f := range m.Families {
		if f.View == nil {
			names = append(names, f.Name)
		}
	}
	return p, fault.New(fault.BadRequest, "Write the partition as FAMILY/VALUE; the model has the families %s.", strings.Join(names, ", "))
}

// erasing is one run.
type erasing struct {
	*Eraser
	p    store.Partition
	tell func(Step)
	done *Erased
}

// Erase erases a partition and all that was made of it, as far as it can be reached. It may be given
// again when it was broken off. Callers that go on writing into the partition make it anew, with versions
// that go on from where they were.
func (e *Eraser) Erase(ctx context.Context, p store.Partition, tell func(Step)) (c *Certificate, err error) {
	info := e.Store.Info()
	c = &Certificate{Service: e.Books.Store.Service, Family: p.Family.Name, Partition: NameHash(p), Store: info.Kind + " " + info.Version,
		Incarnation: info.Incarnation, Model: e.Books.Store.Revision, Node: e.Node, Began: time.Now().UTC(),
		Erased: Erased{Rows: map[string]int{}, Views: map[string]int{}}}
	log := e.Logger.With("family", c.Family, "partition_sha256", c.Partition)
	log.Info("a partition is being erased, as was ordered at the admin address")
	defer func() {
		if err != nil {
			if fault.CodeOf(err) == fault.NotFound {
				log.Info("there was no such partition to erase")
				return
			}
			log.Error("the erasing of a partition was broken off; order it again", "error", err)
		}
	}()
	x := &erasing{e, p, tell, &c.Erased}
	if err := x.drained(ctx); err != nil {
		return nil, err
	}
	overwritten, err := e.Keeps.Overwrite(ctx)
	if err != nil {
		return nil, err
	}
	defer func() {
		if overwritten != nil { // else it was broken off
			overwritten(context.WithoutCancel(ctx)) //nolint:errcheck // the erasing has failed already
		}
	}()
	if err := x.all(ctx); err != nil {
		return nil, err
	}
	end := overwritten
	overwritten = nil
	if c.Overwritten, err = end(ctx); err != nil {
		return nil, err
	}
	if c.Version, err = e.Store.Head(ctx, p); err != nil {
		return nil, err
	}
	if c.Version == 0 && c.Erased.nothing() {
		return nil, fault.New(fault.NotFound, "The service keeps nothing of this partition, and nothing was ever written to it, so there is nothing to certify. Look at its name: letters and case count.")
	}
	c.Ended = time.Now().UTC()
	folds, then := x.derived()
	c.words(info, folds, then)
	log.Info("a partition was erased", "rows", c.Erased.Rows, "changes", c.Erased.Changes, "outcomes", c.Erased.Outcomes,
		"waiting", c.Erased.Waiting, "dead_letters", c.Erased.Dead, "views", c.Erased.Views, "shared_answers", c.Erased.Shared, "version", c.Version)
	return c, nil
}

// all does the work, in an order in which nothing that is erased comes back.
func (x *erasing) all(ctx context.Context) error {
	for _, e := range x.Books.Store.Entities {
		if e.Family == x.p.Family {
			if err := x.allRows(ctx, e); err != nil {
				return err
			}
		}
	}
	upto, err := x.relayed(ctx, x.p)
	if err != nil {
		return err
	}
	if err := x.views(ctx, x.p); err != nil {
		return err
	}
	if err := x.jobs(ctx); err != nil {
		return err
	}
	if err := x.forget(ctx, x.p, upto, true); err != nil {
		return err
	}
	if upto > 0 {
		if err := x.seal(ctx); err != nil {
			return err
		}
	}
	if x.Clear != nil {
		x.tell(Step{Doing: "empties the shared cache"})
		if x.done.Shared, err = x.Clear(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drained waits until what was accepted before now is carried out.
func (x *erasing) drained(ctx context.Context) error {
	if x.Before == nil {
		return nil
	}
	done, err := x.Before(ctx, x.p.Family.Bucket(x.p.Value))
	if err != nil {
		return err
	}
	return x.until(ctx, "waits for accepted writes to be carried out", func() (bool, error) { return done(ctx) })
}

// until asks again and again.
func (x *erasing) until(ctx context.Context, doing string, ask func() (bool, error)) error {
	const first, last = 10 * time.Millisecond, time.Second
	for pause := first; ; pause = min(2*pause, last) {
		ok, err := ask()
		if err != nil || ok {
			return err
		}
		x.tell(Step{Doing: doing})
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// relayed waits until all that follows a partition's changes has followed, and gives the version up to
// which that is so.
func (x *erasing) relayed(ctx context.Context, p store.Partition) (upto uint64, err error) {
	head, err := x.Store.Head(ctx, p)
	if err != nil {
		return 0, err
	}
	return head, x.until(ctx, "waits for views and events to follow", func() (bool, error) {
		lag, err := x.Keeps.Lag(ctx, p)
		return lag.Relayed >= head, err
	})
}

func (x *erasing) forget(ctx context.Context, p store.Partition, upto uint64, outcomes bool) error {
	x.tell(Step{Doing: "deletes changes of " + p.Family.Name})
	gone, err := x.Keeps.Forget(ctx, p, upto, outcomes)
	x.done.Changes += gone.Changes
	x.done.Outcomes += gone.Outcomes
	return err
}

// erasedEvent stands in the change that says that a partition was erased. No model can declare it.
const erasedEvent = "partita.erased"

// seal commits that the partition was erased: a change that says nothing else, and that makes nodes drop
// what they show.
func (x *erasing) seal(ctx context.Context) error {
	return x.commit(ctx, x.p, nil, func(tx store.Tx) error {
		tx.Emit(store.Event{Name: erasedEvent})
		return nil
	})
}
