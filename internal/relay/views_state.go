package relay

import (
	"context"
	"fmt"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// buildState is how far a view is in one shard of its source's partitions: a row of work.Books.Build.
type buildState struct {
	definition string
	state      string // of package work; "" where there is no row
	from       position
	to         position // a part that is being read now lies between from and to; equal: none
	at         time.Time
}

// position is a place in the order of a shard's partitions: behind a partition, or where a bucket
// begins.
type position struct {
	bucket int
	after  string // "" or behind and the partition's text
}

const behind = "="

func behindOf(v model.Value) string { return behind + string(model.AppendText(nil, v)) }

// covers tells whether a partition stands before the position.
func (p position) covers(f *model.Family, value model.Value) (bool, error) {
	switch bucket := f.Bucket(value); {
	case bucket != p.bucket || p.after == "":
		return bucket < p.bucket, nil
	}
	after, err := p.value(f)
	return err == nil && model.Compare(value, after) <= 0, err
}

// value gives the partition that the position is behind; null where a bucket begins.
func (p position) value(f *model.Family) (model.Value, error) {
	if p.after == "" {
		return model.Null, nil
	}
	v, err := partitionOf(f, p.after[len(behind):])
	return v, err
}

// partitionOf reads the text of a partition, without the bounds that may have changed since.
func partitionOf(f *model.Family, text string) (model.Value, error) {
	t := f.By.Type
	t.Null, t.Size = false, 1<<20
	v, err := (&model.Field{Name: f.By.Name, Type: t}).Parse(text)
	if err != nil {
		return v, fault.Wrap(fault.Internal, err, "The books name a partition that cannot be one.")
	}
	return v, nil
}

// buildPlaces are the places of the fields of a building row.
type buildPlaces struct{ view, definition, state, bucket, after, toBucket, upto, at int }

func buildPlacesOf(e *model.Entity) buildPlaces {
	at := func(name string) int { return e.Field(name).Pos }
	return buildPlaces{at("view"), at("definition"), at("state"), at("from_bucket"), at("after"), at("to_bucket"), at("upto"), at("at")}
}

func (b *buildPlaces) read(row *model.Row) buildState {
	if row == nil {
		return buildState{}
	}
	v := row.Values
	return buildState{definition: v[b.definition].Text(), state: v[b.state].Text(),
		from: position{int(v[b.bucket].Int()), v[b.after].Text()}, to: position{int(v[b.toBucket].Int()), v[b.upto].Text()}, at: v[b.at].Time()}
}

func (b *buildPlaces) write(e *model.Entity, home model.Value, view string, s buildState) []model.Value {
	v := make([]model.Value, len(e.Fields))
	v[0] = home
	v[b.view], v[b.definition], v[b.state] = model.String(view), model.String(s.definition), model.String(s.state)
	v[b.bucket], v[b.after] = model.Int(int64(s.from.bucket)), model.String(s.from.after)
	v[b.toBucket], v[b.upto], v[b.at] = model.Int(int64(s.to.bucket)), model.String(s.to.after), model.Time(s.at)
	return v
}

func (v *Views) state(p *plan, shard int) buildState {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.states[p][shard]
}

func (v *Views) know(p *plan, shard int, s buildState) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.states[p][shard] = s
}

// load reads a state anew.
func (v *Views) load(ctx context.Context, p *plan, shard int) (buildState, error) {
	home := Home(v.config.Books, shard)
	r, err := v.config.Store.Read(ctx, home, &store.Query{Read: v.build, Now: time.Now(),
		Args: &model.Args{Values: []model.Value{home.Value, model.String(p.view.Name)}, Given: []bool{true, true}}})
	if err != nil {
		return buildState{}, err
	}
	var row *model.Row
	if len(r.Rows) > 0 {
		row = r.Rows[0]
	}
	s := v.places.read(row)
	if s.definition != p.definition {
		v.superseded.Store(true)
		return s, fmt.Errorf("another node keeps the view %s by another definition, from a model that was started later: serve that one: %w",
			p.view.Name, ErrStop)
	}
	v.know(p, shard, s)
	return s, nil
}

// save replaces a state, unless another node has done so in the meantime.
func (v *Views) save(ctx context.Context, p *plan, shard int, before, after buildState) error {
	e, home := v.config.Books.Build, Home(v.config.Books, shard)
	after.at = time.Now().UTC().Truncate(time.Microsecond)
	w := NewWrite(ViewWrite, v.config.Books.Store.Revision, home, func(tx store.Tx) error {
		row, err := tx.Get(e, []model.Value{model.String(p.view.Name)})
		if err != nil {
			return err
		}
		if v.places.read(row) != before {
			return fault.New(fault.Behind, "Another node builds the view %s.", p.view.Name)
		}
		return set(tx, e, row, v.places.write(e, home.Value, p.view.Name, after))
	})
	if err := v.commit(ctx, w); err != nil {
		return err
	}
	v.know(p, shard, after)
	return nil
}

// Prepare brings the books in line with the model's views: one that is there from the start is
// settled, one that is new will be built, one whose definition changed will be made anew. It has to
// be called before anything is served or relayed.
func (v *Views) Prepare(ctx context.Context) error {
	known, err := v.all(ctx)
	if err != nil {
		return err
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	var ws []*store.Write
	var rows [Shards][]wanted
	for _, p := range v.plans {
		fresh := buildState{}
		for i := range Shards {
			if have := known[p.view.Name][i]; have.definition == p.definition {
				continue
			} else if fresh.state == "" {
				if fresh.state, err = v.begin(ctx, p); err != nil {
					return err
				}
			}
			s := buildState{definition: p.definition, state: fresh.state, at: now}
			s.from.bucket = shard(i).First
			s.to = s.from
			rows[i] = append(rows[i], wanted{p.view.Name, s})
		}
		if fresh.state == work.Building || fresh.state == work.Clearing {
			v.config.Logger.Info("a view is built from the rows that are there", "view", p.view.Name)
		}
	}
	for i := range Shards {
		var gone []string
		for name, states := range known {
			if v.named(name) == nil && states[i].state != "" {
				gone = append(gone, name)
			}
		}
		if len(rows[i])+len(gone) > 0 {
			ws = append(ws, NewWrite(ViewWrite, v.config.Books.Store.Revision, Home(v.config.Books, i), func(tx store.Tx) error {
				return v.prepare(tx, Home(v.config.Books, i).Value, rows[i], gone)
			}))
		}
	}
	if err := v.commit(ctx, ws...); err != nil {
		return err
	}
	return v.refresh(ctx)
}

type wanted struct {
	view  string
	state buildState
}

func (v *Views) prepare(tx store.Tx, home model.Value, rows []wanted, gone []string) error {
	e := v.config.Books.Build
	for _, x := range rows {
		row, err := tx.Get(e, []model.Value{model.String(x.view)})
		if err != nil {
			return err
		}
		if v.places.read(row).definition == x.state.definition {
			continue // another node was here first
		}
		if err := set(tx, e, row, v.places.write(e, home, x.view, x.state)); err != nil {
			return err
		}
	}
	for _, name := range gone {
		row, err := tx.Get(e, []model.Value{model.String(name)})
		if err == nil && row != nil {
			err = tx.Delete(e, row, false)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begin tells in which state a view begins that the books do not know.
func (v *Views) begin(ctx context.Context, p *plan) (string, error) {
	for _, x := range []struct {
		family *model.Family
		state  string
	}{{p.view.Family, work.Clearing}, {p.view.From.Family, work.Building}} {
		some, err := v.config.Store.Partitions(ctx, x.family, model.Null, 1)
		if err != nil {
			return "", err
		}
		if len(some) > 0 {
			return x.state, nil
		}
	}
	return work.Settled, nil
}

func (v *Views) named(name string) *plan {
	for _, p := range v.plans {
		if p.view.Name == name {
			return p
		}
	}
	return nil
}

// all reads every state, by the names of views.
func (v *Views) all(ctx context.Context) (map[string]*[Shards]buildState, error) {
	const page = 1000
	known := map[string]*[Shards]buildState{}
	e := v.config.Books.Build
	for after := []model.Value(nil); ; {
		rows, err := v.config.Store.Scan(ctx, e, after, page)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			name := row.Values[v.places.view].Text()
			if known[name] == nil {
				known[name] = &[Shards]buildState{}
			}
			known[name][ShardOf(int(row.Values[0].Int()))] = v.places.read(row)
		}
		for _, p := range v.plans {
			if known[p.view.Name] == nil {
				known[p.view.Name] = &[Shards]buildState{}
			}
		}
		if len(rows) < page {
			return known, nil
		}
		last := rows[len(rows)-1]
		after = append([]model.Value{last.Values[0]}, e.KeyOf(last)...)
	}
}

// refresh reads every state anew, and finds out whether a later model than this one is served.
func (v *Views) refresh(ctx context.Context) error {
	known, err := v.all(ctx)
	if err != nil {
		return err
	}
	for name := range known {
		if v.named(name) == nil {
			v.superseded.Store(true)
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.refreshed = time.Now()
	for _, p := range v.plans {
		for i, s := range known[p.view.Name] {
			if s.definition != p.definition {
				v.superseded.Store(true)
			}
			v.states[p][i] = s
		}
	}
	return nil
}

// Superseded tells that a node with a later model keeps other views in this store, so that this one
// must leave the relay to it.
func (v *Views) Superseded() bool { return v.superseded.Load() }

// share tells how much of a view is built, and whether it is whole.
func (v *Views) share(ctx context.Context, p *plan) (built float64, whole bool) {
	built, whole = v.built(p)
	if whole {
		return built, true
	}
	if v.due() { // another node may be at it
		if err := v.refresh(ctx); err == nil {
			return v.built(p)
		}
	}
	return built, false
}

// due tells whether the states were read long enough ago to be read again.
func (v *Views) due() bool {
	const often = time.Second
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.refreshed) < often {
		return false
	}
	v.refreshed = time.Now() // one reader at a time
	return true
}

func (v *Views) built(p *plan) (share float64, whole bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	done, shards := 0, 0
	for i, s := range v.states[p] {
		switch s.state {
		case work.Built, work.Settled:
			shards++
			done += model.Buckets / Shards
		case work.Building:
			done += s.from.bucket - shard(i).First
		}
	}
	return float64(done) / model.Buckets, shards == Shards
}
