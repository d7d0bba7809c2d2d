package migrate

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

// Have is what a store has.
type Have struct {
	Place   string
	Tables  map[string]map[string]Column // by table and column
	Keys    map[string][]string          // of the entities' tables: the columns of the primary key
	Indexes map[string]Index             // without primary keys
	// Count tells how many rows a part of a statement from FROM on gives; of a whole table it may be
	// an estimate.
	Count func(ctx context.Context, from string) (int64, error)
	// Follows tells whether somebody follows the changes of a family, so that it needs an index to what
	// lags. nil: every family has one.
	Follows func(*model.Family) bool
}

// Column is one column. Its type is that of the engine where the engine has types of its own,
// otherwise that of the model, as sqltext.TypeName writes it without "?".
type Column struct {
	Type    string
	Null    bool
	Default bool
}

// Index is one index.
type Index struct {
	Table   string
	Invalid bool  // left behind by a build that was interrupted
	Order   []int // as PostgreSQL notes it, by column: 1 descending, 2 nulls first; nil where it is not known
}

// planner gathers a plan.
type planner struct {
	Plan
	ctx   context.Context
	d     sqltext.Dialect
	m     *model.Model
	have  *Have
	fresh map[string]bool // tables that the plan makes
	err   error           // of a Count
}

// Diff tells what lies between a store and a model.
func Diff(ctx context.Context, d sqltext.Dialect, have *Have, m *model.Model) (*Plan, error) {
	p := &planner{Plan: Plan{Store: have.Place, Steps: []*Step{}}, ctx: ctx, d: d, m: m, have: have, fresh: map[string]bool{}}
	objects := slices.DeleteFunc(sqltext.Schema(d, m), func(o sqltext.Object) bool {
		return o.Lag != nil && have.Follows != nil && !have.Follows(o.Lag)
	})
	p.tables(objects)
	p.unusedIndexes(objects)
	for _, e := range m.Entities {
		if !p.fresh[e.Name] {
			p.columns(e)
		}
	}
	p.indexes(objects)
	p.unusedTables(objects)
	return &p.Plan, p.err
}

func (p *planner) embedded() bool { return p.d.Name == sqltext.SQLite.Name }

func (p *planner) step(s *Step) { p.Steps = append(p.Steps, s) }

func (p *planner) problem(format string, args ...any) {
	p.Problems = append(p.Problems, fmt.Sprintf(format, args...))
}

func (p *planner) count(from string) int64 {
	n, err := p.have.Count(p.ctx, from)
	if p.err == nil {
		p.err = err
	}
	return n
}

// rows tells of a table's rows in words.
func (p *planner) rows(table string) string { return amount(p.count(sqltext.Quote(table)), "row") }

func amount(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func (p *planner) tables(objects []sqltext.Object) {
	for _, o := range objects {
		if o.Index || p.have.Tables[o.Name] != nil {
			continue
		}
		p.fresh[o.Name] = true
		p.step(&Step{What: "Makes the table " + o.Name + ".", Cost: "no lock on anything that is there", SQL: []string{o.SQL}, AtStart: true})
	}
	for _, f := range p.m.Families {
		have, want := p.have.Tables[sqltext.BookName("head", f)]["partition"].Type, typeOf(p.d, f.By)
		if have != "" && have != want {
			p.problem("The partition %s is by %s in the store and by %s in the model: that cannot change.", f.Name, have, want)
		}
	}
}

func (p *planner) indexes(objects []sqltext.Object) {
	for _, o := range objects {
		if !o.Index {
			continue
		}
		have, ok := p.have.Indexes[o.Name]
		order := sqltext.IndexOrder(p.d, o)
		switch {
		case !ok || have.Invalid:
			p.build(o, have.Invalid)
		case have.Order != nil && order != nil && !slices.Equal(have.Order, order):
			p.reorder(o)
		}
	}
}

// build makes an index that is missing, or that is there and of no use.
func (p *planner) build(o sqltext.Object, invalid bool) {
	s := &Step{What: fmt.Sprintf("Builds the index %s on %s.", o.Name, o.Table), SQL: []string{o.SQL}, AtStart: true}
	switch {
	case p.fresh[o.Table]:
		s.Cost = "none: the table is new"
	case p.embedded():
		s.Cost = "time to read and sort " + p.rows(o.Table)
	default:
		s.SQL = []string{concurrently(o.SQL)}
		s.Undo = dropIndex(p.d, o.Name) // half built, it would forbid values and serve nobody
		s.Cost = "builds beside running writers: no writer waits; reads the table twice, " + p.rows(o.Table)
	}
	if invalid {
		s.What = fmt.Sprintf("Builds the index %s on %s anew: an earlier build was interrupted.", o.Name, o.Table)
		s.SQL = append([]string{dropIndex(p.d, o.Name)}, s.SQL...)
	}
	if o.Unique != nil && !p.fresh[o.Table] && p.clash(o) {
		return
	}
	p.step(s)
}

// clash tells whether rows break a unique that is new. Where nothing can be told yet, because a column
// is new too, the build tells.
func (p *planner) clash(o sqltext.Object) bool {
	e := o.Entity
	columns, given := []string{sqltext.Quote(e.Fields[0].Name)}, []string{}
	names := []string{}
	for _, f := range o.Unique {
		if _, ok := p.have.Tables[e.Name][f.Name]; !ok {
			return false
		}
		columns = append(columns, sqltext.Quote(f.Name))
		given = append(given, sqltext.Quote(f.Name)+" IS NOT NULL")
		names = append(names, f.Name)
	}
	n := p.count("(SELECT 1 FROM " + sqltext.Quote(e.Name) + " WHERE " + strings.Join(given, " AND ") +
		" GROUP BY " + strings.Join(columns, ", ") + " HAVING count(*) > 1) AS twice")
	if n > 0 {
		p.problem("Rows of %s break a `unique` that is new: %s of (%s) more than once in a partition. Take it back, or change the rows first.",
			e.Name, amount(n, "value"), strings.Join(names, ", "))
	}
	return n > 0
}

// reorder builds an index anew whose nulls are on the wrong side, because a field may be null now, or
// may not any more. Reads that it served find it of no use until then, and sort.
func (p *planner) reorder(o sqltext.Object) {
	temporary := sqltext.Quote(sqltext.Prefix + "anew")
	p.step(&Step{
		What: fmt.Sprintf("Builds the index %s on %s anew: where its nulls stand has changed.", o.Name, o.Table),
		Cost: "builds beside running writers: no writer waits; until then reads sort without it, and nodes of the older model do so afterwards; " + p.rows(o.Table),
		SQL: []string{
			"DROP INDEX CONCURRENTLY IF EXISTS " + temporary,
			concurrently(strings.Replace(o.SQL, "INDEX "+sqltext.Quote(o.Name), "INDEX "+temporary, 1)),
			dropIndex(p.d, o.Name),
			"ALTER INDEX " + temporary + " RENAME TO " + sqltext.Quote(o.Name),
		},
		Optional: true,
		Undo:     "DROP INDEX CONCURRENTLY IF EXISTS " + temporary,
	})
}

func concurrently(sql string) string {
	return strings.Replace(sql, "INDEX ", "INDEX CONCURRENTLY ", 1)
}

func dropIndex(d sqltext.Dialect, name string) string {
	if d.Name == sqltext.SQLite.Name {
		return "DROP INDEX " + sqltext.Quote(name)
	}
	return "DROP INDEX CONCURRENTLY IF EXISTS " + sqltext.Quote(name)
}

// unusedIndexes drops what no read asks for any more. Where nodes share a store, those of the older
// model may still ask.
func (p *planner) unusedIndexes(objects []sqltext.Object) {
	asked := map[string]bool{}
	for _, o := range objects {
		asked[o.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(p.have.Indexes)) {
		if asked[name] || !strings.HasPrefix(name, sqltext.Prefix) || !p.known(p.have.Indexes[name].Table) {
			continue
		}
		s := &Step{What: fmt.Sprintf("Drops the index %s on %s, which no read asks for.", name, p.have.Indexes[name].Table), SQL: []string{dropIndex(p.d, name)}}
		switch {
		case p.embedded():
			s.Cost, s.AtStart = "none to speak of", true
		case p.lags(name):
			s.What = fmt.Sprintf("Drops the index %s on %s, whose changes nobody follows: writes become cheaper.", name, p.have.Indexes[name].Table)
			s.Cost, s.AtStart = "no writer waits", true
		default:
			s.Cost = "no writer waits; nodes of the older model that still use it become slow, so do it when the last of them is gone"
			s.Optional, s.Allow = true, DropIndex
		}
		p.step(s)
	}
}

// lags tells whether an index is one to what lags.
func (p *planner) lags(name string) bool {
	return slices.ContainsFunc(p.m.Families, func(f *model.Family) bool { return sqltext.BookName("lag", f) == name })
}

// known tells whether a table stays.
func (p *planner) known(table string) bool {
	if p.m.Entity(table) != nil {
		return true
	}
	return slices.ContainsFunc(p.m.Families, func(f *model.Family) bool { return sqltext.BookName("head", f) == table })
}

// unusedTables drops the tables of entities and families that the model does not have any more.
func (p *planner) unusedTables(objects []sqltext.Object) {
	asked := map[string]bool{}
	for _, o := range objects {
		asked[o.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(p.have.Tables)) {
		_, entity := p.have.Tables[name][sqltext.VersionColumn]
		if asked[name] || !entity && !sqltext.IsBook(name) {
			continue
		}
		n := p.count(sqltext.Quote(name))
		s := &Step{What: fmt.Sprintf("Drops the table %s, which is gone from the model, with %s.", name, amount(n, "row")),
			Cost: "a short lock; the rows are lost: export them first", SQL: []string{"DROP TABLE " + sqltext.Quote(name)}, Allow: DropTable, Optional: true}
		switch {
		case p.embedded() && p.viewOf(name) != "" && !p.expires():
			s.What = fmt.Sprintf("Drops the table %s of the view %s, which is gone from the model, with %s.", name, p.viewOf(name), amount(n, "row"))
			s.Cost = "a short lock; nothing is lost: a view is made from its source, and is again when it comes back"
			s.Allow, s.Optional, s.AtStart = "", false, true
		case p.embedded() && entity && n == 0:
			s.Cost, s.Allow, s.Optional, s.AtStart = "none: it is empty", "", false, true
		case p.embedded() && entity:
			s.Optional = false
		case !p.embedded():
			s.Cost += "; nodes of the older model still need it, so do it when the last of them is gone"
		}
		p.step(s)
	}
}

// viewOf gives the view that a table is kept for; "" for none. What was applied of its sources is kept beside
// the rows of each.
func (p *planner) viewOf(table string) string {
	for _, kind := range []string{sqltext.AppliedOf, sqltext.FoldedOf, ""} {
		if view, ok := strings.CutPrefix(table, kind); ok && p.have.Tables[sqltext.AppliedOf+view] != nil {
			return view
		}
	}
	return ""
}

// expires tells whether rows of the model expire: a view may then keep what nobody can make anew.
func (p *planner) expires() bool {
	return slices.ContainsFunc(p.m.Entities, func(e *model.Entity) bool { return e.Keep != nil })
}
