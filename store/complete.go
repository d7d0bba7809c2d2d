package store

import (
	"context"
	"slices"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Log is where changes are read from.
type Log interface {
	Changes(ctx context.Context, p Partition, after uint64, limit int) ([]*Change, error)
}

// Complete fills in what changes lack, which must follow on one another in one partition. Who did not
// know a field did not change it either, so it is as an earlier change of the row left it; where that
// is not kept any more, or there is none, the field has its default.
func Complete(ctx context.Context, log Log, changes []*Change) error {
	for i, c := range changes {
		for at, fields := range c.Lacks {
			r := &c.Rows[at]
			for _, f := range fields {
				v, err := lastKnown(ctx, log, changes[:i], c.Partition, r, f)
				if err != nil {
					return err
				}
				r.Before.Values[f.Pos] = v
				if r.After != nil {
					r.After.Values[f.Pos] = v
				}
			}
		}
		c.Lacks = nil
	}
	return nil
}

// lastKnown gives the value of a field before a change of its row that says nothing of it. Each change
// of a row names the version of the one before, so that its history is a chain.
func lastKnown(ctx context.Context, log Log, done []*Change, p Partition, r *model.RowChange, f *model.Field) (model.Value, error) {
	key := r.Entity.KeyOf(r.Before)
	for version := r.Before.Version; version > 0; {
		c, err := changeAt(ctx, log, done, p, version)
		if c == nil || err != nil {
			return f.DefaultValue, err
		}
		at := slices.IndexFunc(c.Rows, func(x model.RowChange) bool {
			return x.Entity == r.Entity && x.After != nil && slices.Equal(x.Entity.KeyOf(x.After), key)
		})
		if at < 0 {
			break
		}
		if x := &c.Rows[at]; !slices.Contains(c.Lacks[at], f) {
			return x.After.Values[f.Pos], nil
		}
		version = c.Rows[at].Before.Version
	}
	return f.DefaultValue, nil
}

// changeAt gives the change of a version; nil where it is not kept any more.
func changeAt(ctx context.Context, log Log, done []*Change, p Partition, version uint64) (*Change, error) {
	if i := slices.IndexFunc(done, func(c *Change) bool { return c.Version == version }); i >= 0 {
		return done[i], nil
	}
	list, err := log.Changes(ctx, p, version-1, 1)
	if fault.CodeOf(err) == fault.NotFound || err == nil && (len(list) == 0 || list[0].Version != version) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return list[0], nil
}
