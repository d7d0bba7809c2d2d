package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqltext"
)

const shortLock = "a short lock, no rewrite"

// typeOf gives the type that a field's column should have, in the form of Column.Type.
func typeOf(d sqltext.Dialect, f *model.Field) string {
	if d.Name == sqltext.SQLite.Name {
		return strings.TrimSuffix(sqltext.TypeName(f.Type), "?")
	}
	return EngineType(d.Column(f.Type))
}

// EngineType brings what an engine or a statement calls a type into one form.
func EngineType(name string) string {
	name = strings.TrimSuffix(name, ` COLLATE "C"`)
	return strings.ReplaceAll(strings.ToLower(name), "timestamp with time zone", "timestamptz")
}

// columns compares one entity with its table.
func (p *planner) columns(e *model.Entity) {
	key := []string{e.Fields[0].Name}
	for _, f := range e.Key {
		key = append(key, f.Name)
	}
	if have := p.have.Keys[e.Name]; have != nil && !slices.Equal(have, key) {
		p.problem("The key of %s is (%s) in the store and (%s) in the model: keys do not change once there are rows. Make a new entity, and carry the rows over with export and import.",
			e.Name, strings.Join(have, ", "), strings.Join(key, ", "))
		return
	}
	for _, f := range e.Fields {
		have, ok := p.have.Tables[e.Name][f.Name]
		switch {
		case !ok:
			p.add(e, f)
		case slices.Contains(key, f.Name):
			if want := typeOf(p.d, f); have.Type != want && !sqltext.SameStored(have.Type, want) {
				p.problem("The field %s of %s is of type %s in the store and %s in the model: keys do not change once there are rows.", f.Name, e.Name, have.Type, want)
			}
		default:
			p.retype(e, f, have)
			p.renull(e, f, have)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.have.Tables[e.Name])) {
		if e.Field(name) == nil && name != sqltext.VersionColumn {
			p.drop(e, name, p.have.Tables[e.Name][name])
		}
	}
}

func (p *planner) add(e *model.Entity, f *model.Field) {
	if p.viewWith(e) != nil {
		f = until(f)
	}
	if !f.Type.Null && f.Default != model.DefaultLiteral {
		p.problem("The new field %s of %s has no fixed default and may not be null: rows that are there would have no value. "+
			"Give it a default, or write `?` behind its type, fill it, and take the `?` away later.", f.Name, e.Name)
		return
	}
	p.step(&Step{What: fmt.Sprintf("Adds the column %s to %s.", f.Name, e.Name), Cost: shortLock,
		SQL: []string{sqltext.AddColumn(p.d, e, f)}, AtStart: true})
}

// drop takes a column away. Nodes of the older model need it, so where they may be, a column that
// must have a value is first made one that need not.
func (p *planner) drop(e *model.Entity, name string, have Column) {
	table, column := sqltext.Quote(e.Name), sqltext.Quote(name)
	s := &Step{What: fmt.Sprintf("Drops the column %s of %s, which is gone from the model.", name, e.Name),
		SQL: []string{"ALTER TABLE " + table + " DROP COLUMN " + column}, Allow: DropColumn}
	lost := "its values are lost: export them first"
	if v := p.viewWith(e); v != nil && ages(v) {
		lost = "what the view " + v.Name + " keeps of rows that have expired is lost, as it is made anew from its source: export it first"
	} else if v != nil {
		lost = "nothing is lost: the view " + v.Name + " is made anew from its source"
		if p.embedded() {
			s.Allow, s.AtStart = "", true
		}
	}
	if p.embedded() {
		s.Cost = lost + "; rewrites " + p.rows(e.Name)
		p.step(s)
		return
	}
	if !have.Null && !have.Default {
		p.step(&Step{What: fmt.Sprintf("Lets the column %s of %s, which is gone from the model, be null, so that rows can be added without it.", name, e.Name),
			Cost: shortLock + "; nodes of the older model show null there for rows that the newer ones add", SQL: []string{"ALTER TABLE " + table + " ALTER COLUMN " + column + " DROP NOT NULL"}})
	}
	s.Cost = shortLock + "; " + lost + "; nodes of the older model fail without it, so do it when the last of them is gone"
	s.Optional = true
	p.step(s)
}

// renull makes a column null or not null.
func (p *planner) renull(e *model.Entity, f *model.Field, have Column) {
	table, column := sqltext.Quote(e.Name), sqltext.Quote(f.Name)
	alter := "ALTER TABLE " + table + " ALTER COLUMN " + column
	switch {
	case have.Null == f.Type.Null:
	case !f.Type.Null && p.viewWith(e) != nil: // what it may hold the source tells; rows of an older definition go
	case f.Type.Null:
		p.step(&Step{What: fmt.Sprintf("Lets %s of %s be null.", f.Name, e.Name), Cost: shortLock, SQL: []string{alter + " DROP NOT NULL"}, AtStart: true})
	default:
		if n := p.count(table + " WHERE " + column + " IS NULL"); n > 0 {
			p.problem("The field %s of %s may not be null in the model, but is in %s: fill it first, or write `?` behind its type.", f.Name, e.Name, amount(n, "row"))
			return
		}
		s := &Step{What: fmt.Sprintf("Forbids null in %s of %s; no row has it.", f.Name, e.Name), SQL: []string{alter + " SET NOT NULL"}, Optional: !p.embedded()}
		s.Cost = "reads " + p.rows(e.Name) + ", changes none"
		if !p.embedded() {
			check := sqltext.Quote(sqltext.Prefix + "not_null")
			s.SQL = []string{
				"ALTER TABLE " + table + " DROP CONSTRAINT IF EXISTS " + check,
				"ALTER TABLE " + table + " ADD CONSTRAINT " + check + " CHECK (" + column + " IS NOT NULL) NOT VALID",
				"ALTER TABLE " + table + " VALIDATE CONSTRAINT " + check,
				alter + " SET NOT NULL",
				"ALTER TABLE " + table + " DROP CONSTRAINT " + check,
			}
			s.Cost += "; short locks, the reading is done beside running writers; nodes of the older model fail when they write null, so do it when the last of them is gone"
			s.Allow, s.Undo = Tighten, s.SQL[0]
		}
		p.step(s)
	}
}

// retype changes the type of a column where every value has a place in the new one.
func (p *planner) retype(e *model.Entity, f *model.Field, have Column) {
	want := typeOf(p.d, f)
	if have.Type == want || sqltext.SameStored(have.Type, want) {
		return
	}
	if gone := sqltext.EnumLoss(have.Type, want); gone != nil {
		p.shrink(e, f, gone)
		return
	}
	from, ok1 := digitsOf(have.Type)
	to, ok2 := digitsOf(want)
	if !ok1 || !ok2 || to.integer || to.scale < from.scale {
		p.problem("The field %s of %s is %s in the store and %s in the model: values do not change their type so. "+
			"Add a field of another name with the new type, let your writes fill it, and drop the old one when nothing reads it any more.", f.Name, e.Name, have.Type, want)
		return
	}
	if to.whole() < from.whole() && (from.integer || to.scale > from.scale) {
		bound := to.whole()
		if p.embedded() {
			bound += from.scale
		}
		n := p.count(sqltext.Quote(e.Name) + " WHERE abs(" + sqltext.Quote(f.Name) + ") >= 1" + strings.Repeat("0", bound))
		if n > 0 {
			p.problem("The field %s of %s is to be %s, but %s too large for that: choose more digits.", f.Name, e.Name, want, has(n))
			return
		}
	}
	p.convert(e, f, have.Type, want, from, to)
}

func has(n int64) string {
	if n == 1 {
		return "1 row has a value"
	}
	return fmt.Sprintf("%d rows have values", n)
}

func (p *planner) convert(e *model.Entity, f *model.Field, have, want string, from, to digits) {
	table, column := sqltext.Quote(e.Name), sqltext.Quote(f.Name)
	s := &Step{What: fmt.Sprintf("Changes %s of %s from %s to %s.", f.Name, e.Name, have, want), SQL: []string{}}
	same := !from.integer && to.scale == from.scale
	switch {
	case same && to.precision < from.precision: // holds for new values only, as the size of a string does
		return
	case p.embedded() && to.scale == from.scale:
		s.Cost, s.AtStart = "none: it is stored alike", true
	case p.embedded():
		s.SQL = []string{"UPDATE " + table + " SET " + column + " = " + column + " * 1" + strings.Repeat("0", to.scale-from.scale)}
		s.Cost, s.Allow = "rewrites "+p.rows(e.Name), Rewrite
	default:
		s.SQL = []string{"ALTER TABLE " + table + " ALTER COLUMN " + column + " TYPE " + want}
		if same {
			s.Cost, s.AtStart = shortLock, true
			break
		}
		s.Cost = "rewrites the table and its indexes: blocks reads and writes for the time of a copy, " + p.rows(e.Name) +
			"; nodes of the older model cannot read it afterwards, so stop them first"
		s.Allow = Rewrite
	}
	p.step(s)
}

// shrink takes values from an enum that no row has.
func (p *planner) shrink(e *model.Entity, f *model.Field, gone []string) {
	quoted := make([]string, len(gone))
	for i, v := range gone {
		quoted[i] = "'" + strings.ReplaceAll(v, "'", "''") + "'"
	}
	list := strings.Join(gone, ", ")
	n := p.count(sqltext.Quote(e.Name) + " WHERE " + sqltext.Quote(f.Name) + " IN (" + strings.Join(quoted, ", ") + ")")
	if n > 0 {
		p.problem("The enum %s of %s has lost %s, which %s: put it back, or change the rows first.", f.Name, e.Name, list, strings.Replace(has(n), " a value", "", 1))
		return
	}
	p.step(&Step{What: fmt.Sprintf("Takes %s from the enum %s of %s; no row has it.", list, f.Name, e.Name), Cost: "none: it is stored alike", SQL: []string{}})
}

// digits is what a whole or decimal number has room for.
type digits struct {
	precision, scale int
	integer          bool
}

func (d digits) whole() int { return d.precision - d.scale }

func digitsOf(name string) (d digits, ok bool) {
	if name == "int" || name == "bigint" {
		return digits{precision: 19, integer: true}, true
	}
	inner, ok := strings.CutPrefix(name, "decimal(")
	if !ok {
		if inner, ok = strings.CutPrefix(name, "numeric("); !ok {
			return d, false
		}
	}
	precision, scale, _ := strings.Cut(strings.TrimSuffix(inner, ")"), ",")
	var err1, err2 error
	d.precision, err1 = strconv.Atoi(precision)
	d.scale, err2 = strconv.Atoi(scale)
	return d, err1 == nil && err2 == nil
}
