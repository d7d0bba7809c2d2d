package keep

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/relay"
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
	// Waiting gives how many groups of accepted writes of a bucket wait to be carried out. nil: none can.
	Waiting func(ctx context.Context, bucket int) (uint64, error)
	// Clear empties what nodes share of their caches, and says how many answers went. nil: nothing is shared.
	Clear  func(ctx context.Context) (int, error)
	Logger *slog.Logger
}

// Step tells how far an erasing is, for people.
type Step struct {
	Doing string `json:"doing"`
	Count int    `json:"count,omitempty"`
}

// Certificate tells what was erased, and what was not.
type Certificate struct {
	Service     string `json:"service"`
	Family      string `json:"family"`
	Partition   string `json:"partition_sha256"` // of "FAMILY/VALUE"
	Store       string `json:"store"`
	Incarnation string `json:"incarnation"`
	Model       string `json:"model"`
	Node        string `json:"node"`

	Began   time.Time `json:"began"`
	Ended   time.Time `json:"ended"`
	Version uint64    `json:"version"` // of the partition at the end

	Erased Erased `json:"erased"`
	// Overwritten says that the store has overwritten what it deleted in its own files.
	Overwritten bool     `json:"overwritten"`
	Kept        []string `json:"kept"`
	OutOfReach  []string `json:"out_of_reach"`
}

// Erased counts what one run has erased; an earlier one that was broken off may have erased more.
type Erased struct {
	Rows     map[string]int `json:"rows"` // by entity
	Changes  int            `json:"changes"`
	Outcomes int            `json:"outcomes"`
	// Waiting are events that waited for their time or their receiver, Dead are dead letters.
	Waiting int `json:"waiting"`
	Dead    int `json:"dead_letters"`
	// Views counts partitions of views that rows of the partition had gone into, by view: the rows were
	// taken out of them, and the changes that showed them were deleted.
	Views map[string]int `json:"view_partitions"`
	// Shared counts answers in the shared cache; all were dropped, whatever they showed.
	Shared int `json:"shared_answers"`
}

// NameHash gives what stands for a partition in a certificate. Who knows the name can check it.
func NameHash(p store.Partition) string {
	sum := sha256.Sum256([]byte(p.Family.Name + "/" + string(model.AppendText(nil, p.Value))))
	return hex.EncodeToString(sum[:])
}

// ParsePartition reads FAMILY/VALUE.
func ParsePartition(m *model.Model, text string) (p store.Partition, err error) {
	name, value, ok := strings.Cut(text, "/")
	var names []string
	for _, f := range m.Families {
		if f.View != nil {
			continue
		}
		names = append(names, f.Name)
		if ok && f.Name == name {
			v, err := f.By.Parse(value)
			return store.Partition{Family: f, Value: v}, err
		}
	}
	for _, v := range m.Views {
		if ok && v.Family.Name == name {
			return p, fault.New(fault.BadRequest, "%s is a view, whose rows come from %s: erase the partitions that they come from.", name, v.From.Name)
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
	if x.Waiting == nil {
		return nil
	}
	return x.until(ctx, "waits for accepted writes to be carried out", func() (bool, error) {
		n, err := x.Waiting(ctx, x.p.Family.Bucket(x.p.Value))
		return n == 0, err
	})
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

// page is the most rows that one commit deletes.
const page = 200

// allRows deletes all rows of an entity in the partition, those too whose time is over.
func (x *erasing) allRows(ctx context.Context, e *model.Entity) error {
	for n := page; n == page; {
		err := x.commit(ctx, x.p, nil, func(tx store.Tx) error {
			rows, err := tx.List(e, nil, page)
			if err != nil {
				return err
			}
			for _, row := range rows {
				if err := tx.Delete(e, row, false); err != nil {
					return err
				}
			}
			n = len(rows)
			return nil
		})
		if err != nil {
			return err
		}
		x.done.Rows[e.Name] += n
		x.tell(Step{Doing: "deletes rows of " + e.Name, Count: x.done.Rows[e.Name]})
	}
	return nil
}

// rows deletes rows of an entity in a partition, those for which of says so.
func (x *erasing) rows(ctx context.Context, p store.Partition, e *model.Entity, of func(*model.Row) bool) (total int, err error) {
	read := work.Rows(e, page)
	q := &store.Query{Read: read, Args: &model.Args{Values: make([]model.Value, len(read.Params)), Given: make([]bool, len(read.Params))}}
	q.Args.Values[0], q.Args.Given[0] = p.Value, true
	for {
		r, err := x.Store.Read(ctx, p, q)
		if err != nil {
			return total, err
		}
		var keys [][]model.Value
		for _, row := range r.Rows {
			if of(row) {
				keys = append(keys, e.KeyOf(row))
			}
		}
		n, err := x.remove(ctx, p, e, keys)
		total += n
		if err != nil {
			return total, err
		}
		x.tell(Step{Doing: "deletes rows of " + e.Name, Count: total})
		if !read.List || !r.More {
			return total, nil
		}
		q.Cursor = e.KeyOf(r.Rows[len(r.Rows)-1])
	}
}

// remove deletes rows by their keys in one commit.
func (x *erasing) remove(ctx context.Context, p store.Partition, e *model.Entity, keys [][]model.Value) (n int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	needs := make([]store.Need, len(keys))
	for i, key := range keys {
		needs[i] = store.Need{Entity: e, Key: key}
	}
	return n, x.commit(ctx, p, needs, func(tx store.Tx) error {
		n = 0
		for _, key := range keys {
			row, err := tx.Get(e, key)
			if err != nil {
				return err
			}
			if row == nil {
				continue
			}
			if err := tx.Delete(e, row, false); err != nil {
				return err
			}
			n++
		}
		return nil
	})
}

func (x *erasing) commit(ctx context.Context, p store.Partition, needs []store.Need, do func(store.Tx) error) error {
	w := &store.Write{Partition: p, ID: uuid.Must(uuid.NewV7()), Name: store.EraseWrite, Revision: x.Books.Store.Revision,
		Now: time.Now().UTC().Truncate(time.Microsecond), Needs: needs,
		Apply: func(tx store.Tx) ([]byte, error) { return nil, do(tx) }}
	x.Store.Commit(ctx, w)
	return w.Result.Err
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

// jobs deletes what waits for its time or its receiver, and dead letters, and what the service's own log
// says of them.
func (x *erasing) jobs(ctx context.Context) error {
	const perShard = model.Buckets / relay.Shards
	shard := relay.ShardOf(x.p.Family.Bucket(x.p.Value))
	at := store.Partition{Family: x.Books.Family, Value: model.Int(int64(shard * perShard))}
	e, source := x.Books.Job, string(model.AppendText(nil, x.p.Value))
	family, from, state := e.Field("family").Pos, e.Field("source").Pos, e.Field("state").Pos
	dead := 0
	n, err := x.rows(ctx, at, e, func(row *model.Row) bool {
		ours := row.Values[family].Text() == x.p.Family.Name && row.Values[from].Text() == source
		if ours && row.Values[state].Text() == work.Dead {
			dead++
		}
		return ours
	})
	x.done.Dead += dead
	x.done.Waiting += max(0, n-dead)
	if err != nil {
		return err
	}
	head, err := x.Store.Head(ctx, at)
	if err != nil {
		return err
	}
	return x.forget(ctx, at, head, false)
}

// views takes out of views what came from a partition and did not go by itself, and deletes the changes
// in which it shows.
func (x *erasing) views(ctx context.Context, from store.Partition) error {
	for _, v := range x.Books.Store.Views {
		if v.From.Family != from.Family {
			continue
		}
		list, err := x.placesOf(ctx, v, from)
		if err != nil {
			return err
		}
		for _, at := range list {
			if err := x.view(ctx, v, from, at); err != nil {
				return err
			}
		}
	}
	return nil
}

// placesOf lists the partitions of a view that have taken in something of a source partition.
func (x *erasing) placesOf(ctx context.Context, v *model.View, from store.Partition) (list []store.Partition, err error) {
	e, source := x.Books.Applied[v], string(model.AppendText(nil, from.Value))
	var after []model.Value
	for n := 0; ; n += page {
		rows, err := x.Store.Scan(ctx, e, after, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if row.Values[1].Text() == source {
				list = append(list, store.Partition{Family: v.Family, Value: row.Values[0]})
			}
		}
		if len(rows) < page {
			return list, nil
		}
		x.tell(Step{Doing: "looks through what went into " + v.Name, Count: n})
		last := rows[len(rows)-1]
		after = append([]model.Value{last.Values[0]}, e.KeyOf(last)...)
	}
}

func (x *erasing) view(ctx context.Context, v *model.View, from, at store.Partition) error {
	// Rows whose source expired are no view's business any more; they are told by the source's partition
	// in their key.
	if f := v.Entity.Field(from.Family.By.Name); f != nil && len(v.Folds) == 0 && v.From.Keep != nil {
		if _, err := x.rows(ctx, at, v.Entity, func(row *model.Row) bool { return row.Values[f.Pos] == from.Value }); err != nil {
			return err
		}
	}
	upto, err := x.relayed(ctx, at)
	if err != nil {
		return err
	}
	x.done.Views[v.Name]++
	if err := x.views(ctx, at); err != nil { // what is made of this view
		return err
	}
	return x.forget(ctx, at, upto, false)
}

// derived tells whether anything is made of the partition's rows elsewhere.
func (x *erasing) derived() (folds, then bool) {
	for _, v := range x.Books.Store.Views {
		folds = folds || v.From.Family == x.p.Family && len(v.Folds) > 0 && v.From.Keep != nil
	}
	for _, e := range x.Books.Store.Events {
		then = then || e.Family == x.p.Family && e.Then != nil
	}
	return folds, then
}

// words says in sentences what stays.
func (c *Certificate) words(info store.Info, folds, then bool) {
	c.Kept = []string{
		"the partition's name, its version and its counters, so that no version and no number is ever given twice; the name and a version also where views note how far they have followed",
		"one change that says that the partition was erased",
	}
	if folds {
		c.Kept = append(c.Kept, "what folds have counted of rows that had expired before: figures without names")
	}
	c.OutOfReach = []string{"backups", "logs and traces", "clients, and receivers of webhooks and events that were told before"}
	if then {
		c.OutOfReach = append(c.OutOfReach, "rows that writes behind the partition's events (`then`) have made in other partitions, and their outcomes: erase those partitions too, where they are about the same")
	}
	if info.Remote {
		c.OutOfReach = append(c.OutOfReach, "what PostgreSQL keeps of deleted rows until a VACUUM, and its log, archives and replicas for as long as they are kept",
			"events on the message bus, for the seven days that it keeps them",
			"answers in the memory of nodes that were cut off from the message bus: until their `stale` is over")
		return
	}
	c.OutOfReach = append(c.OutOfReach, "copies of rows that the store's file has kept in free space since rows moved within it: VACUUM of the file, with the service stopped, clears them",
		"accepted writes in the files of the bus in the data folder, until it begins them anew")
	if !c.Overwritten {
		c.OutOfReach = append(c.OutOfReach, "the store's write-ahead log, which a long read has kept from being emptied: until it is begun anew")
	}
}
