package sqltext

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// VersionColumn holds, in every entity's table, the partition's version that last changed the row.
const VersionColumn = "_version"

// Prefix begins the names of all tables and indexes that are not an entity's own.
const Prefix = "partita_"

// LeaseTable says, of a store that nodes share, who holds which lease.
const LeaseTable = Prefix + "lease"

// MetaTable holds what is true of the whole store, by name.
const MetaTable = Prefix + "meta"

// maxName is the length that PostgreSQL cuts names at.
const maxName = 63

// Object is one table or index.
type Object struct {
	Name   string
	Table  string        // of an index: the table it stands on
	Entity *model.Entity // nil for a table of the store's own
	Index  bool
	Unique []*model.Field // of a unique index: its group
	Lag    *model.Family  // of an index that leads to what lags: its family
	SQL    string

	order []model.Order // of an index that serves reads: its columns behind the partition
}

// Check tells whether the model's names can stand beside the store's own. The error is a
// *fault.Error of code InvalidInput.
func Check(m *model.Model) error {
	for _, e := range m.Entities {
		if e.Internal {
			continue
		}
		if strings.HasPrefix(e.Name, Prefix) || strings.HasPrefix(e.Name, "sqlite_") || strings.HasPrefix(e.Name, "pg_") {
			return fault.New(fault.InvalidInput,
				"The entity %q cannot be stored: names that begin with %s, sqlite_ or pg_ are taken. Give it another name.", e.Name, Prefix)
		}
	}
	return nil
}

// Schema lists every table and index of the model, tables first.
func Schema(d Dialect, m *model.Model) []Object {
	objects := []Object{{Name: MetaTable, SQL: fmt.Sprintf("CREATE TABLE %s (\"name\" %s NOT NULL PRIMARY KEY, \"value\" %s NOT NULL)%s",
		Quote(MetaTable), d.text, d.text, d.suffix)}}
	for _, f := range m.Families {
		objects = append(objects, familyTables(d, f)...)
	}
	for _, e := range m.Entities {
		objects = append(objects, Object{Name: e.Name, Entity: e, SQL: entityTable(d, e)})
	}
	for _, f := range m.Families {
		objects = append(objects, headIndexes(f)...)
	}
	for _, e := range m.Entities {
		objects = append(objects, Indexes(d, e)...)
	}
	return objects
}

func familyTables(d Dialect, f *model.Family) []Object {
	partition := `"partition" ` + d.Column(f.By.Type) + ` NOT NULL`
	number, blob := d.micro+" NOT NULL", d.blob+" NOT NULL"
	table := func(kind string, key string, columns ...string) Object {
		name := bookName(kind, f)
		return Object{Name: name, SQL: "CREATE TABLE " + Quote(name) + " (" + partition + ", " + strings.Join(columns, ", ") +
			", PRIMARY KEY (" + key + "))" + d.suffix}
	}
	outcome := table("outcome", `"partition", "hash"`,
		`"hash" `+blob, `"fingerprint" `+blob, `"version" `+number, `"at" `+number, `"body" `+blob)
	counter := table("counter", `"partition", "entity", "field"`,
		`"entity" `+d.text+" NOT NULL", `"field" `+d.text+" NOT NULL", `"n" `+number)
	if d.Name == SQLite.Name {
		return append(logTables(f), outcome, counter)
	}
	return []Object{
		table("head", `"partition"`,
			`"bucket" `+number, `"version" `+number, `"relayed" `+number),
		table("change", `"partition", "version"`,
			`"version" `+number, `"id" `+blob, `"at" `+number, `"body" `+blob),
		outcome, counter,
	}
}

// headIndexes lead from a bucket to its partitions, and to those that lag. They stand on a table of
// the store's own, so that their Entity is nil. The one to those that lag names the version: where
// PostgreSQL has it, no update of a head can stay on its page, so it is only for families that somebody
// follows.
func headIndexes(f *model.Family) []Object {
	head := bookName("head", f)
	lag, bucket := bookName("lag", f), bookName("bucket", f)
	return []Object{
		{Name: lag, Table: head, Index: true, Lag: f, SQL: "CREATE INDEX " + Quote(lag) + " ON " + Quote(head) + ` ("bucket") WHERE "version" > "relayed"`},
		{Name: bucket, Table: head, Index: true, SQL: "CREATE INDEX " + Quote(bucket) + " ON " + Quote(head) + ` ("bucket", "partition")`},
	}
}

// IsBook tells whether a table is one of those that are kept per family.
func IsBook(name string) bool {
	for _, kind := range []string{"head", "change", "mark", "outcome", "counter"} {
		if strings.HasPrefix(name, Prefix+kind+"_") {
			return true
		}
	}
	return false
}

func bookName(kind string, f *model.Family) string { return shorten(Prefix + kind + "_" + f.Name) }

func entityTable(d Dialect, e *model.Entity) string {
	var b text
	b.add("CREATE TABLE ", Quote(e.Name), " (")
	for _, f := range e.Fields {
		b.add(column(d, f, slices.Contains(e.Key, f)), ", ")
	}
	b.add(Quote(VersionColumn), " ", d.micro, " NOT NULL, PRIMARY KEY (", keyColumns(e), "))", d.suffix)
	return b.String()
}

func column(d Dialect, f *model.Field, key bool) string {
	s := Quote(f.Name) + " " + d.Column(f.Type)
	if !f.Type.Null || key {
		s += " NOT NULL"
	}
	return s
}

// keyColumns names the primary key: the partition field, then the key.
func keyColumns(e *model.Entity) string {
	names := []string{Quote(e.Fields[0].Name)}
	for _, f := range e.Key {
		names = append(names, Quote(f.Name))
	}
	return strings.Join(names, ", ")
}

// Indexes lists the secondary indexes of an entity: those of its unique groups, in which nulls never
// clash, then those derived from the reads. A name tells all of an index's definition.
func Indexes(d Dialect, e *model.Entity) []Object {
	var objects []Object
	for _, u := range e.Unique {
		name := indexName("unique", e, u, nil)
		columns := []string{Quote(e.Fields[0].Name)}
		for _, f := range u {
			columns = append(columns, Quote(f.Name))
		}
		objects = append(objects, Object{Name: name, Table: e.Name, Entity: e, Index: true, Unique: u,
			SQL: "CREATE UNIQUE INDEX " + Quote(name) + " ON " + Quote(e.Name) + " (" + strings.Join(columns, ", ") + ")"})
	}
	for _, ix := range e.Indexes {
		name := IndexName(ix)
		columns := []string{Quote(e.Fields[0].Name)}
		var order []model.Order
		for _, f := range ix.Equal {
			order = append(order, model.Order{Field: f})
		}
		order = append(order, ix.Order...)
		for _, o := range order {
			columns = append(columns, d.order(o.Field, "", o.Desc))
		}
		objects = append(objects, Object{Name: name, Table: e.Name, Entity: e, Index: true, order: order,
			SQL: "CREATE INDEX " + Quote(name) + " ON " + Quote(e.Name) + " (" + strings.Join(columns, ", ") + ")"})
	}
	return objects
}

// IndexOrder tells how the columns of an index that serves reads are sorted, as PostgreSQL notes it: 1
// for descending, 2 for nulls first. It is nil for other indexes, and where nulls have one place only.
func IndexOrder(d Dialect, o Object) []int {
	if !d.nulls || o.order == nil {
		return nil
	}
	options := []int{0}
	for _, by := range o.order {
		n := 0
		if by.Desc {
			n = 1
		}
		if by.Desc != by.Field.Type.Null { // null is the smallest value; plainly, it is the largest
			n |= 2
		}
		options = append(options, n)
	}
	return options
}

// IndexName gives the name under which an index is stored.
func IndexName(ix *model.Index) string { return indexName("index", ix.Entity, ix.Equal, ix.Order) }

func indexName(kind string, e *model.Entity, equal []*model.Field, order []model.Order) string {
	var b strings.Builder
	b.WriteString(Prefix + kind + "_" + e.Name)
	for _, f := range equal {
		b.WriteString("_" + f.Name)
	}
	for _, o := range order {
		b.WriteString("_" + o.Field.Name)
		if o.Desc {
			b.WriteString("_desc")
		}
	}
	return shorten(b.String())
}

// shorten keeps a name within what every engine takes, and apart from others that begin alike.
func shorten(name string) string {
	if len(name) <= maxName {
		return name
	}
	h := fnv.New64a()
	h.Write([]byte(name))
	return fmt.Sprintf("%s_%012x", name[:maxName-13], h.Sum64()>>16)
}
