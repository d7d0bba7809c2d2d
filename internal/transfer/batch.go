package transfer

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// batch is the rows of one partition in one chunk: one write.
type batch struct {
	o         *ImportOptions
	partition model.Value
	records   []record
	keyless   bool // some row's key is made by a default, so the row cannot be recognised later
	w         store.Write
	done      batchDone
}

// batchDone is what came of a batch; it is kept as the write's outcome where rows are keyless.
type batchDone struct {
	Inserted int       `json:"inserted"`
	Present  int       `json:"present"`
	Refused  []refusal `json:"refused,omitempty"`
}

func (b *batch) add(rec record) {
	b.records = append(b.records, rec)
	for _, f := range b.o.Entity.Key {
		b.keyless = b.keyless || !rec.args.Given[f.Pos]
	}
}

// write makes the store's write. Rows with their whole key are recognised when they are there
// already; a batch with other rows is kept from being done twice by an idempotency key made of its
// place in the file.
func (b *batch) write(start, end position) *store.Write {
	e := b.o.Entity
	b.w = store.Write{
		Partition: store.Partition{Family: e.Family, Value: b.partition},
		ID:        uuid.Must(uuid.NewV7()),
		Name:      "import",
		Revision:  b.o.Model.Revision,
		Now:       now(),
		Apply:     b.apply,
	}
	for _, rec := range b.records {
		if key, whole := b.key(rec); whole {
			b.w.Needs = append(b.w.Needs, store.Need{Entity: e, Key: key})
		}
	}
	if b.keyless && b.o.Checkpoint != nil {
		b.w.Key = &store.Key{Hash: b.o.Checkpoint.hash(start, end)}
		b.w.Key.Fingerprint = b.w.Key.Hash
	}
	return &b.w
}

// key gives the row's key, and whether the file gave all of it.
func (b *batch) key(rec record) (key []model.Value, whole bool) {
	whole = true
	for _, f := range b.o.Entity.Key {
		key = append(key, rec.args.Values[f.Pos])
		whole = whole && rec.args.Given[f.Pos]
	}
	return key, whole
}

func (b *batch) apply(tx store.Tx) ([]byte, error) {
	b.done = batchDone{}
	for _, rec := range b.records {
		present, err := b.put(tx, rec)
		switch {
		case err != nil && stopped(err):
			return nil, err
		case err != nil:
			b.done.Refused = append(b.done.Refused, refusal{rec.line, sentence(err)})
		case present:
			b.done.Present++
		default:
			b.done.Inserted++
		}
	}
	if b.w.Key == nil {
		return nil, nil
	}
	return json.Marshal(b.done)
}

// put inserts one row, unless it is there. It looks before it inserts, so that a refused row takes no
// number of a field that counts.
func (b *batch) put(tx store.Tx, rec record) (present bool, err error) {
	e := b.o.Entity
	if key, whole := b.key(rec); whole {
		row, err := tx.Get(e, key)
		if err != nil {
			return false, err
		}
		if row != nil {
			if same(row, rec.args) {
				return true, nil
			}
			return false, fault.New(fault.Exists, "another row with this key is there already")
		}
	}
	values := slices.Clone(rec.args.Values)
	for _, unique := range e.Unique {
		if err := b.free(tx, unique, rec.args); err != nil {
			return false, err
		}
	}
	for _, f := range e.Fields {
		switch {
		case !rec.args.Given[f.Pos]:
			values[f.Pos], err = engine.Default(tx, b.w.Now, e, f)
		case f.Default == model.DefaultNext:
			err = tx.Reserve(e, f, values[f.Pos].Int())
		}
		if err != nil {
			return false, err
		}
	}
	_, err = tx.Insert(e, values)
	return false, err
}

// free tells whether no row holds the unique values of a row yet. Null is equal to nothing.
func (b *batch) free(tx store.Tx, unique []*model.Field, args *model.Args) error {
	equal := make([]model.Cond, len(unique))
	for i, f := range unique {
		if args.Values[f.Pos].IsNull() {
			return nil
		}
		equal[i] = model.Cond{Field: f, Values: []model.Value{args.Values[f.Pos]}}
	}
	rows, err := tx.List(b.o.Entity, equal, 1)
	if err != nil || len(rows) == 0 {
		return err
	}
	return fault.New(fault.NotUnique, "another row holds this %s already", names(unique))
}

func names(fields []*model.Field) string {
	list := make([]string, len(fields))
	for i, f := range fields {
		list[i] = f.Name
	}
	return strings.Join(list, ", ")
}

// same tells whether a row has all that the file gives.
func same(row *model.Row, args *model.Args) bool {
	for i, v := range args.Values {
		if args.Given[i] && row.Values[i] != v {
			return false
		}
	}
	return true
}

// conclude gives the batch's outcome, of this run or of an earlier one.
func (b *batch) conclude() error {
	r := &b.w.Result
	if r.Err != nil {
		return r.Err
	}
	if r.Replayed {
		if err := json.Unmarshal(r.Outcome, &b.done); err != nil {
			return err
		}
		b.done.Present, b.done.Inserted = b.done.Present+b.done.Inserted, 0 // an earlier run put them in
	}
	return nil
}

func sortRefusals(list []refusal) {
	slices.SortFunc(list, func(a, b refusal) int { return cmp.Compare(a.Line, b.Line) })
}

// hash names a stretch of the file, as an idempotency key.
func (c *Checkpoint) hash(start, end position) [32]byte {
	b := append([]byte("import\x00"), c.identity...)
	b = binary.BigEndian.AppendUint64(b, uint64(start.Offset))
	b = binary.BigEndian.AppendUint64(b, uint64(end.Offset))
	return sha256.Sum256(b)
}
