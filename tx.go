package partita

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/bind"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Tx is what a handler sees and does: the rows of its own partition, in one transaction. It sees its
// own effects; an error from the handler undoes them all. It is safe for concurrent use, and of no
// use any more when the handler has returned or its time is over.
//
// Rows are structs, pointers to structs, or maps by field name. A struct's field stands for the
// model's field that its json tag names, or else for its name in lower_snake: OrderID is order_id.
// Null is a nil pointer.
type Tx struct {
	model *model.Model
	in    *engine.Input
	scope *model.Family

	mu     sync.Mutex
	tx     store.Tx
	closed error
}

// Partition gives the value of the partition field, in its text form.
func (tx *Tx) Partition() string { return string(model.AppendText(nil, tx.in.Partition)) }

// Now gives the time of the write: the same however often it is asked, or the handler is run.
func (tx *Tx) Now() time.Time { return tx.in.Now }

// Subject gives the caller's `sub`; "" for a caller without a token.
func (tx *Tx) Subject() string {
	if tx.in.Claims == nil {
		return ""
	}
	return tx.in.Claims.Subject
}

// Claims gives a copy of the caller's verified claims; nil for a caller without a token.
func (tx *Tx) Claims() map[string]any {
	if tx.in.Claims == nil {
		return nil
	}
	return maps.Clone(tx.in.Claims.All)
}

// Get reads the row of a key, whose parts are given in the order of the model, into what dst points
// to. It tells whether there is one.
func (tx *Tx) Get(entity string, dst any, key ...any) (bool, error) {
	e, row, err := tx.find(entity, key)
	if err != nil || row == nil {
		return false, err
	}
	return true, misuse(bind.Decode(bind.OfRow(e, row), dst))
}

// List reads rows, in key order and at most limit, into the slice that dst points to. where gives
// fields that must be equal; nil: all rows of the partition.
func (tx *Tx) List(entity string, dst any, where map[string]any, limit int) error {
	slice := reflect.ValueOf(dst)
	if slice.Kind() != reflect.Pointer || slice.Elem().Kind() != reflect.Slice {
		return misuse(fmt.Errorf("List needs a pointer to a slice, not %T", dst))
	}
	e, err := tx.entity(entity)
	if err != nil {
		return err
	}
	var equal []model.Cond
	for _, name := range slices.Sorted(maps.Keys(where)) {
		f := e.Field(name)
		if f == nil {
			return misuse(fmt.Errorf("%s has no field %s", entity, name))
		}
		v, err := bind.ToValue(where[name], f)
		if err != nil {
			return err
		}
		equal = append(equal, model.Cond{Field: f, Values: []model.Value{v}})
	}
	var rows []*model.Row
	err = tx.do(func(tx store.Tx) error {
		rows, err = tx.List(e, equal, limit)
		return err
	})
	if err != nil {
		return err
	}
	list := reflect.MakeSlice(slice.Elem().Type(), len(rows), len(rows))
	for i, row := range rows {
		if err := bind.Decode(bind.OfRow(e, row), list.Index(i).Addr().Interface()); err != nil {
			return misuse(err)
		}
	}
	slice.Elem().Set(list)
	return nil
}

// Insert adds a row. What is not given takes the field's default, and so does a struct's field that
// holds its zero value, where the model's field has a default: use a pointer or a map to give a zero
// all the same. If row points to a struct or a map, it is set to the row as it was inserted. The
// error has code Exists where the key is taken, and NotUnique where a unique value is.
func (tx *Tx) Insert(entity string, row any) error {
	e, err := tx.entity(entity)
	if err != nil {
		return err
	}
	values, given, err := tx.values(e, row, true)
	if err != nil {
		return err
	}
	var inserted *model.Row
	err = tx.do(func(stx store.Tx) error {
		for _, f := range e.Fields {
			if given[f.Pos] {
				continue
			}
			if values[f.Pos], err = tx.in.Default(stx, e, f); err != nil {
				return err
			}
		}
		inserted, err = stx.Insert(e, values)
		return err
	})
	if err != nil {
		return err
	}
	if reflect.ValueOf(row).Kind() == reflect.Pointer {
		return misuse(bind.Decode(bind.OfRow(e, inserted), row))
	}
	return nil
}

// Update changes the fields that set gives, every field of it where it is a struct, of the row of a
// key, and leaves the others. The error has code MissingRow where there is no such row.
func (tx *Tx) Update(entity string, set any, key ...any) error {
	e, row, err := tx.find(entity, key)
	if err != nil {
		return err
	}
	if row == nil {
		return fault.New(fault.MissingRow, "There is no %s with this key.", entity)
	}
	values, given, err := tx.values(e, set, false)
	if err != nil {
		return err
	}
	for i, v := range values {
		switch {
		case !given[i]:
			values[i] = row.Values[i]
		case i <= len(e.Key) && v != row.Values[i]:
			return misuse(fmt.Errorf("the key of a row cannot be changed, and %s is part of that of %s", e.Fields[i].Name, entity))
		}
	}
	return tx.do(func(tx store.Tx) error {
		_, err := tx.Update(e, row, values)
		return err
	})
}

// Delete removes the row of a key. The error has code MissingRow where there is none.
func (tx *Tx) Delete(entity string, key ...any) error {
	e, row, err := tx.find(entity, key)
	if err != nil {
		return err
	}
	if row == nil {
		return fault.New(fault.MissingRow, "There is no %s with this key.", entity)
	}
	return tx.do(func(tx store.Tx) error { return tx.Delete(e, row, false) })
}

// values reads a struct or map as values of an entity, in the partition of the write.
func (tx *Tx) values(e *model.Entity, row any, defaults bool) ([]model.Value, []bool, error) {
	object, zero, err := bind.Encode(row)
	if err != nil {
		return nil, nil, misuse(err)
	}
	for name := range zero {
		f := e.Field(name)
		if zero[name] && f != nil && (f == e.Fields[0] || defaults && f.Default != model.NoDefault) {
			delete(object, name)
		}
	}
	values, given, err := bind.ToValues(object, e.Fields)
	if err != nil {
		if fault.CodeOf(err) == fault.Internal {
			err = misuse(err)
		}
		return nil, nil, err
	}
	if given[0] && values[0] != tx.in.Partition {
		return nil, nil, misuse(fmt.Errorf("%s is that of another partition: a handler works in the partition of its write", e.Fields[0].Name))
	}
	values[0], given[0] = tx.in.Partition, true
	return values, given, nil
}

// find gives the row of a key; nil if there is none.
func (tx *Tx) find(entity string, key []any) (*model.Entity, *model.Row, error) {
	e, err := tx.entity(entity)
	if err != nil {
		return nil, nil, err
	}
	if len(key) != len(e.Key) {
		return nil, nil, misuse(fmt.Errorf("the key of %s has %d parts, and %d are given", entity, len(e.Key), len(key)))
	}
	parts := make([]model.Value, len(key))
	for i, f := range e.Key {
		if parts[i], err = bind.ToValue(key[i], f); err != nil {
			return nil, nil, err
		}
	}
	var row *model.Row
	err = tx.do(func(tx store.Tx) error {
		row, err = tx.Get(e, parts)
		return err
	})
	return e, row, err
}

// entity finds an entity of the write's family.
func (tx *Tx) entity(name string) (*model.Entity, error) {
	e := tx.model.Entity(name)
	switch {
	case e == nil:
		return nil, misuse(fmt.Errorf("the model has no entity %s", name))
	case e.Family != tx.scope:
		return nil, misuse(fmt.Errorf("%s lives in partitions of %s, and this write in those of %s", name, e.Family.Name, tx.scope.Name))
	case e.View != nil:
		return nil, misuse(fmt.Errorf("%s is kept by a view and cannot be used in a write", name))
	}
	return e, nil
}

// do runs one call on the store's transaction.
func (tx *Tx) do(call func(store.Tx) error) error {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	if tx.closed != nil {
		return tx.closed
	}
	return call(tx.tx)
}

// close makes every later call fail with why.
func (tx *Tx) close(why error) {
	tx.mu.Lock()
	defer tx.mu.Unlock()
	tx.closed, tx.tx = why, nil
}

// misuse marks an error as one of the program, not of the caller; nil for nil.
func misuse(err error) error {
	if err == nil {
		return nil
	}
	return fault.Wrap(fault.Internal, err, "The function behind this write failed.")
}
