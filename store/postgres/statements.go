package postgres

import (
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func compareValues(a, b store.Partition) int { return model.Compare(a.Value, b.Value) }

// statements pipelines everything that a group has to store, and COMMIT. Heads that are new come first:
// no lock could be taken on them, so this is where nodes meet that make the same partition.
func (s *Store) statements(g *store.Group) *pgx.Batch {
	batch := &pgx.Batch{}
	s.queueHeads(batch, g, true)
	s.queueRows(batch, g)
	s.queueHeads(batch, g, false)
	s.queueBooks(batch, g)
	batch.Queue("COMMIT")
	return batch
}

// rowsBatch gathers the rows of one statement.
type rowsBatch struct {
	sql     string
	fields  []*model.Field // of the columns; nil for a column of versions
	columns [][]model.Value
}

func (r *rowsBatch) add(values ...model.Value) {
	for i, v := range values {
		r.columns[i] = append(r.columns[i], v)
	}
}

func (r *rowsBatch) queue(batch *pgx.Batch) {
	version := model.Type{Kind: model.KindInt}
	args := make([]any, len(r.columns))
	for i, f := range r.fields {
		t := &version
		if f != nil {
			t = &f.Type
		}
		args[i] = array(t, r.columns[i])
	}
	batch.Queue(r.sql, args...)
}

// queueRows queues what becomes of the rows, in the group's order of phases: what goes, what stays,
// what comes, so that unique values never clash on the way.
func (s *Store) queueRows(batch *pgx.Batch, g *store.Group) {
	var order []*rowsBatch
	known := map[string]*rowsBatch{}
	get := func(phase string, e *model.Entity, sql func() string, fields []*model.Field) *rowsBatch {
		name := phase + e.Name
		for _, f := range fields {
			if f != nil {
				name += "\x00" + f.Name
			}
		}
		r := known[name]
		if r == nil {
			r = &rowsBatch{sql: sql(), fields: fields, columns: make([][]model.Value, len(fields))}
			known[name] = r
			order = append(order, r)
		}
		return r
	}
	for w := range g.Rows {
		b := s.bulk[w.Entity]
		switch {
		case w.After == nil:
			r := get("0", w.Entity, func() string { return b.remove }, b.key)
			r.add(keyValues(b, w.Before)...)
		case w.Before == nil:
			fields := append(append([]*model.Field(nil), w.Entity.Fields...), nil)
			r := get("2", w.Entity, func() string { return b.insert }, fields)
			r.add(append(append([]model.Value(nil), w.After.Values...), model.Int(int64(w.After.Version)))...)
		default:
			var changed []*model.Field
			for _, f := range w.Entity.Fields {
				if w.Before.Values[f.Pos] != w.After.Values[f.Pos] {
					changed = append(changed, f)
				}
			}
			fields := append(append(append([]*model.Field(nil), b.key...), nil), changed...)
			r := get("1", w.Entity, func() string { return s.update(b, changed) }, fields)
			values := append(keyValues(b, w.After), model.Int(int64(w.After.Version)))
			for _, f := range changed {
				values = append(values, w.After.Values[f.Pos])
			}
			r.add(values...)
		}
	}
	for _, r := range order {
		r.queue(batch)
	}
}

func keyValues(b *bulk, row *model.Row) []model.Value {
	values := make([]model.Value, len(b.key))
	for i, f := range b.key {
		values[i] = row.Values[f.Pos]
	}
	return values
}

// update gives the text that replaces some fields, made once for each set of them.
func (s *Store) update(b *bulk, fields []*model.Field) string {
	var name strings.Builder
	name.WriteString(b.entity.Name)
	for _, f := range fields {
		name.WriteString("\x00" + f.Name)
	}
	if sql, ok := s.updates.Load(name.String()); ok {
		return sql.(string)
	}
	sql, _ := s.updates.LoadOrStore(name.String(), b.update(fields))
	return sql.(string)
}

// columns gathers the parameters of a statement on a family's own tables.
type columns struct {
	partitions []model.Value
	ints       [3][]int64
	texts      [2][]string
	blobs      [3]pgtype.FlatArray[[]byte]
}

func put(of map[*model.Family]*columns, f *model.Family) *columns {
	if of[f] == nil {
		of[f] = &columns{}
	}
	return of[f]
}

// queueHeads queues the heads that are new, or those that are there.
func (s *Store) queueHeads(batch *pgx.Batch, g *store.Group, made bool) {
	heads := map[*model.Family]*columns{}
	for h := range g.Heads {
		if (h.Before == 0) != made {
			continue
		}
		c := put(heads, h.Partition.Family)
		c.partitions = append(c.partitions, h.Partition.Value)
		c.ints[0] = append(c.ints[0], int64(h.Partition.Family.Bucket(h.Partition.Value)))
		c.ints[1] = append(c.ints[1], int64(h.After))
		c.ints[2] = append(c.ints[2], s.options.Start(h.Partition.Family))
	}
	for f, c := range heads {
		if made {
			batch.Queue(s.families[f].headInsert, array(&f.By.Type, c.partitions), c.ints[0], c.ints[1], c.ints[2])
		} else {
			batch.Queue(s.families[f].headUpdate, array(&f.By.Type, c.partitions), c.ints[1])
		}
	}
}

// queueBooks queues changes, outcomes and counters.
func (s *Store) queueBooks(batch *pgx.Batch, g *store.Group) {
	changes := map[*model.Family]*columns{}
	for _, ch := range g.Changes() {
		c := put(changes, ch.Partition.Family)
		c.partitions = append(c.partitions, ch.Partition.Value)
		c.ints[0] = append(c.ints[0], int64(ch.Version))
		c.blobs[0] = append(c.blobs[0], ch.ID[:])
		c.ints[1] = append(c.ints[1], ch.Time.UnixMicro())
		c.blobs[1] = append(c.blobs[1], store.EncodeChange(nil, ch))
	}
	for f, c := range changes {
		batch.Queue(s.families[f].changeInsert, array(&f.By.Type, c.partitions), c.ints[0], c.blobs[0], c.ints[1], c.blobs[1])
	}
	outcomes := map[*model.Family]*columns{}
	for _, o := range g.Outcomes() {
		c := put(outcomes, o.Partition.Family)
		c.partitions = append(c.partitions, o.Partition.Value)
		c.blobs[0] = append(c.blobs[0], append([]byte(nil), o.Hash[:]...))
		c.blobs[1] = append(c.blobs[1], append([]byte(nil), o.Fingerprint[:]...))
		c.ints[0] = append(c.ints[0], int64(o.Version))
		c.ints[1] = append(c.ints[1], o.Time.UnixMicro())
		c.blobs[2] = append(c.blobs[2], append([]byte{}, o.Body...))
	}
	for f, c := range outcomes {
		batch.Queue(s.families[f].outcomeInsert, array(&f.By.Type, c.partitions), c.blobs[0], c.blobs[1], c.ints[0], c.ints[1], c.blobs[2])
	}
	counters := map[*model.Family]*columns{}
	for n := range g.Counters {
		c := put(counters, n.Partition.Family)
		c.partitions = append(c.partitions, n.Partition.Value)
		c.texts[0] = append(c.texts[0], n.Entity.Name)
		c.texts[1] = append(c.texts[1], n.Field.Name)
		c.ints[0] = append(c.ints[0], n.N)
	}
	for f, c := range counters {
		batch.Queue(s.families[f].counterUpsert, array(&f.By.Type, c.partitions), c.texts[0], c.texts[1], c.ints[0])
	}
}
