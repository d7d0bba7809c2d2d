package sqltext

import (
	"slices"

	"github.com/partita-dev/partita/model"
)

// Get writes the statement that gives one row by partition and key. Its columns are the row's
// version and the entity's fields in their order, as for every statement of this file that reads.
func Get(e *model.Entity) string {
	var b text
	b.selectRow(e)
	b.byKey(e)
	return b.String()
}

// List writes the statement that gives the rows of a partition that equal the given fields, in key
// order. Parameters: the partition, the values that are not null, the limit. null is by place in
// equal. With lasting, rows whose keep field is at or before a point in time are left out, which is the
// parameter in front of the limit.
func List(d Dialect, e *model.Entity, equal []*model.Field, null uint64, lasting bool) string {
	var b text
	b.selectRow(e)
	b.add(d.indexedByFirst(e, equal))
	b.add(" WHERE ", Quote(e.Fields[0].Name), " = ").param()
	for i, f := range equal {
		b.add(" AND ", Quote(f.Name))
		if null&(1<<i) != 0 {
			b.add(" IS NULL")
		} else {
			b.add(" = ").param()
		}
	}
	if k := e.Keep; lasting {
		name := Quote(k.From.Name)
		if k.From.Type.Null {
			b.add(" AND (", name, " IS NULL OR ", name, " > ").param()
			b.add(")")
		} else {
			b.add(" AND ", name, " > ").param()
		}
	}
	b.add(" ORDER BY ", keyColumns(e), " LIMIT ").param()
	return b.String()
}

// indexedByFirst names the index that begins with the given fields, where the key does not: see
// indexedBy.
func (d Dialect) indexedByFirst(e *model.Entity, equal []*model.Field) string {
	begins := func(fields []*model.Field) bool {
		return len(fields) >= len(equal) && !slices.ContainsFunc(fields[:len(equal)], func(f *model.Field) bool {
			return !slices.Contains(equal, f)
		})
	}
	if d.Name != SQLite.Name || begins(e.Key) {
		return ""
	}
	for _, ix := range e.Indexes {
		fields := slices.Clone(ix.Equal)
		for _, o := range ix.Order {
			fields = append(fields, o.Field)
		}
		if begins(fields) {
			return " INDEXED BY " + Quote(IndexName(ix))
		}
	}
	return ""
}

// Expired writes the statement that gives rows of a partition whose keep field is at or before a
// point in time, in key order. Parameters: the partition, the point in time, the limit. The entity
// must have a Keep.
func Expired(e *model.Entity) string {
	var b text
	b.selectRow(e)
	b.add(" WHERE ", Quote(e.Fields[0].Name), " = ").param()
	b.add(" AND ", Quote(e.Keep.From.Name), " <= ").param()
	b.add(" ORDER BY ", keyColumns(e), " LIMIT ").param()
	return b.String()
}

// Scan writes the statement that gives rows over all partitions in the order of partition and key.
// Parameters: with after, partition and key of the row to go on behind; the limit.
func Scan(e *model.Entity, after bool) string {
	var b text
	b.selectRow(e)
	if after {
		b.add(" WHERE (", keyColumns(e), ") > (")
		b.list(1+len(e.Key), func(int) { b.param() })
		b.add(")")
	}
	b.add(" ORDER BY ", keyColumns(e), " LIMIT ").param()
	return b.String()
}

// Insert writes the statement that adds a row. Parameters: the fields in their order, the version.
func Insert(e *model.Entity) string {
	var b text
	b.add("INSERT INTO ", Quote(e.Name), " (")
	for _, f := range e.Fields {
		b.add(Quote(f.Name), ", ")
	}
	b.add(Quote(VersionColumn), ") VALUES (")
	b.list(len(e.Fields)+1, func(int) { b.param() })
	b.add(")")
	return b.String()
}

// Update writes the statement that replaces the given fields of a row, so that indexes on others
// are left alone. Parameters: the fields, the version, the partition, the key.
func Update(e *model.Entity, fields []*model.Field) string {
	var b text
	b.add("UPDATE ", Quote(e.Name), " SET ")
	for _, f := range fields {
		b.add(Quote(f.Name), " = ").param().add(", ")
	}
	b.add(Quote(VersionColumn), " = ").param()
	b.byKey(e)
	return b.String()
}

// Delete writes the statement that removes a row. Parameters: the partition, the key.
func Delete(e *model.Entity) string {
	var b text
	b.add("DELETE FROM ", Quote(e.Name))
	b.byKey(e)
	return b.String()
}

func (b *text) selectRow(e *model.Entity) {
	b.add("SELECT ")
	b.columns(e, "")
	b.add(" FROM ", Quote(e.Name))
}

func (b *text) byKey(e *model.Entity) {
	b.add(" WHERE ", Quote(e.Fields[0].Name), " = ").param()
	for _, f := range e.Key {
		b.add(" AND ", Quote(f.Name), " = ").param()
	}
}
