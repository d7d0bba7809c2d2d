package model

import (
	"slices"
	"strings"
)

// views reads the views, and makes the families and entities that hold their rows. A view may be
// made from another view, whichever stands first.
func (k *compiler) views() {
	waiting := k.section("views", "view")
	for len(waiting) > 0 {
		var later []pair
		for _, p := range waiting {
			if from := viewSource(p.value); from != p.key && slices.ContainsFunc(waiting, func(q pair) bool { return q.key == from && q.key != p.key }) && k.m.Entity(from) == nil {
				later = append(later, p)
				continue
			}
			k.view(p)
		}
		if len(later) == len(waiting) {
			k.viewLoop(later)
			return
		}
		waiting = later
	}
}

func viewSource(n *node) string {
	for _, p := range n.pairs {
		if p.key == "from" && p.value.kind == scalarNode {
			return p.value.text
		}
	}
	return ""
}

func (k *compiler) viewLoop(in []pair) {
	names := make([]string, len(in))
	for i, p := range in {
		names[i] = p.key
		k.broken["view "+p.key] = true
	}
	k.refuse(in[0].spot, "the views %s are made from each other", strings.Join(names, ", ")).
		why("each would wait for the other, and none would ever have a row").fix("make one of them from an entity")
}

func (k *compiler) view(p pair) {
	what := quoted("view", p.key)
	v := &View{Name: p.key}
	m, ok := k.mapping(p.value, what, "from by key fields where fold")
	if ok {
		ok = k.viewFrom(v, m)
	}
	if ok {
		ok = k.viewName(p)
	}
	if ok {
		v.Family = &Family{ID: len(k.m.Families), Name: v.Name, View: v}
		v.Entity = &Entity{ID: len(k.m.Entities), Name: v.Name, Family: v.Family, View: v}
		ok = k.viewBy(v, m)
	}
	if !ok {
		k.broken["view "+p.key] = true
		return
	}
	v.Family.By = v.ByField
	own := *v.ByField
	own.Pos = 0
	v.Entity.Fields = []*Field{&own}
	if n := m.get("key"); n != nil {
		v.Key = k.viewKey(v, n, what)
	}
	if n := m.get("where"); n != nil {
		v.Where, _ = k.conds(v.From, n, what+": where", what+" selects by", false)
	}
	for _, f := range v.Key {
		k.carry(v, f, true, false)
	}
	if m.has("fold") {
		k.viewFolds(v, m)
	} else {
		k.viewIndex(v, m)
	}
	for i, f := range v.Entity.Fields {
		f.Pos = i
	}
	k.m.Families = append(k.m.Families, v.Family)
	k.m.Entities = append(k.m.Entities, v.Entity)
	k.m.Views = append(k.m.Views, v)
}

func (k *compiler) viewFrom(v *View, m *members) bool {
	n := m.get("from")
	if n == nil {
		if m.missing("from") {
			k.refuse(m.node.spot, "%s does not say what it is made from", m.what).fix("add `from: ENTITY`")
		}
		return false
	}
	if n.text == v.Name && k.m.Entity(v.Name) == nil {
		k.refuse(n.spot, "%s is made from itself", m.what).why("it would never have a row").fix("name an entity")
		return false
	}
	v.From = k.entity(n, m.what)
	return v.From != nil
}

func (k *compiler) viewName(p pair) bool {
	for _, kind := range []string{"entity", "partition"} {
		if at, ok := k.place[kind+" "+p.key]; ok {
			k.refuse(p.spot, "view %q has the name of the %s on line %d", p.key, kind, at.line).
				why("a view's rows are read by its name, like those of an entity").fix("give the view another name")
			return false
		}
	}
	return true
}

// viewBy reads the partition of the view's rows: a field of the source, or a named expression.
func (k *compiler) viewBy(v *View, m *members) bool {
	n := m.get("by")
	if n == nil {
		if m.missing("by") {
			k.refuse(m.node.spot, "%s does not say what it is by", m.what).
				why("`by` is the partition of its rows: what readers have at hand").fix("add `by: FIELD`, or by: {name: = expression}")
		}
		return false
	}
	if n.kind == listNode && len(n.items) == 1 {
		n = n.items[0]
	}
	switch n.kind {
	case scalarNode:
		if n.expr {
			k.refuse(n.spot, "%s is by an expression without a name", m.what).fix("write by: {name: = %s}", cut(n.text))
			return false
		}
		f := k.fieldOf(v.From, n.spot, n.text, m.what+" is by")
		if f == nil || !k.viewPartitionType(f.Type, n.spot, m.what, f.Name) {
			return false
		}
		v.By = []Source{{Field: f}}
		v.ByField = plainCopy(f)
		v.ByField.Addressed = true
		return true
	case mapNode:
		if len(n.pairs) == 1 {
			return k.viewByExpr(v, m, n.pairs[0])
		}
	}
	k.refuse(n.spot, "%s must be by one field or one named expression", m.what).
		why("a partition has one value").fix("name one, and put the others into `key`")
	return false
}

// viewTypes are tried in turn for an expression whose type nothing else tells. Each may be null: rows
// where it is are not in the view.
var viewTypes = []Type{
	{Kind: KindDate, Null: true}, {Kind: KindInt, Null: true}, {Kind: KindBool, Null: true},
	{Kind: KindTime, Null: true}, {Kind: KindString, Size: 200, Null: true},
}

func (k *compiler) viewByExpr(v *View, m *members, p pair) bool {
	if !k.checkName(p.spot, "field", p.key) || p.value.bad() {
		return false
	}
	if p.value.kind != scalarNode || !p.value.expr {
		k.refuse(p.value.spot, "%s: by must be an expression here", m.what).fix("write by: {%s: = expression}, or by: FIELD", p.key)
		return false
	}
	t, x := k.typed(p.value, &Env{Row: v.From}, m.what+": by", "a text, whole number, date, time or bool", viewTypes)
	if x == nil {
		return false
	}
	roots := exprRoots(p.value.text)
	if roots["now"] {
		k.refuse(p.value.spot, "%s is by an expression with now", m.what).
			why("a row's place in a view must follow from the row alone, or the view cannot be made anew").
			fix("use a time of the row, such as one with default: now")
		return false
	}
	if !roots["row"] {
		k.refuse(p.value.spot, "%s is by the same value for every row", m.what).
			why("all rows of all partitions would be gathered in one, which outgrows a node").
			fix("use a field of the row; for one figure over all of them, fold by day or another coarse field")
		return false
	}
	t.Null = false
	v.ByField = &Field{Name: p.key, Type: t, Implied: true, Addressed: true}
	v.By = []Source{{Field: v.ByField, Expr: x}}
	return true
}

func (k *compiler) viewPartitionType(t Type, at spot, what, name string) bool {
	t.Null = false // rows where it is null are not in the view
	return k.keyType(t, at, what+" is by", name)
}

// plainCopy is a source's field as a view keeps it: the value comes from the source alone.
func plainCopy(f *Field) *Field {
	return &Field{Name: f.Name, Type: Type{Kind: f.Type.Kind, Size: f.Type.Size, Precision: f.Type.Precision,
		Scale: f.Type.Scale, Enum: f.Type.Enum}, Implied: true}
}

func (k *compiler) viewKey(v *View, n *node, what string) []*Field {
	fields, _ := k.fieldsOf(v.From, n, what+" has the key")
	var out []*Field
	for _, f := range fields {
		switch {
		case f.Name == v.ByField.Name:
			k.refuse(n.spot, "%s has %q in its key, which it is by already", what, f.Name).fix("take it out of the key")
		case k.keyType(Type{Kind: f.Type.Kind, Size: f.Type.Size, Precision: f.Type.Precision, Scale: f.Type.Scale, Enum: f.Type.Enum, Null: f.Type.Null}, n.spot, what+" has the key", f.Name):
			out = append(out, f)
		}
	}
	return out
}

// carry adds a field of the source to the view's rows, unless it is there.
func (k *compiler) carry(v *View, f *Field, key, implied bool) {
	e := v.Entity
	if e.Field(f.Name) != nil {
		return
	}
	g := plainCopy(f)
	g.Implied = implied
	g.Type.Null = f.Type.Null && !key
	e.Fields = append(e.Fields, g)
	if key {
		e.Key = append(e.Key, g)
	}
}

// viewIndex makes the rows of a view without folds: one for each row of the source, under the
// source's partition and key, so that two sources never collide.
func (k *compiler) viewIndex(v *View, m *members) {
	clash := v.By[0].Expr != nil && v.From.Field(v.ByField.Name) != nil
	if clash {
		k.refuse(m.at("by"), "%s is by %q, which is also a field of %s", m.what, v.ByField.Name, v.From.Name).
			why("its rows would have two fields of one name").fix("give the expression another name")
	}
	k.carry(v, v.From.Fields[0], true, true)
	for _, f := range v.From.Key {
		k.carry(v, f, true, true)
	}
	n := m.get("fields")
	if n == nil {
		if !m.has("fields") { // all of them
			for _, f := range v.From.Fields {
				k.carry(v, f, false, false)
			}
			v.Fields = v.From.Fields
		}
		return
	}
	v.Fields, _ = k.fieldsOf(v.From, n, m.what+" shows")
	for _, f := range v.Fields {
		k.carry(v, f, false, false)
	}
}

// viewFolds makes the rows of a view with folds: one per partition and key.
func (k *compiler) viewFolds(v *View, m *members) {
	if m.has("fields") {
		k.refuse(m.at("fields"), "%s has both fold and fields", m.what).
			why("a folded row stands for many rows, which have no one value to show").fix("take `fields` out, or name them in `key`")
	}
	n := m.get("fold")
	if n == nil {
		return
	}
	if n.kind == mapNode && len(n.pairs) == 0 {
		k.refuse(n.spot, "%s folds nothing", m.what).fix("write fold: {name: count}, {name: {sum: FIELD}} or {name: {avg: FIELD}}")
	}
	for _, p := range k.entries(n, m.what+": fold", "field") {
		fold, f, ok := k.fold(v, p, m.what)
		if !ok {
			k.broken["field "+v.Name+"."+p.key] = true
			continue
		}
		if v.Entity.Field(p.key) != nil {
			k.refuse(p.spot, "%s has two fields called %q", m.what, p.key).fix("give the fold another name")
			continue
		}
		v.Folds = append(v.Folds, fold)
		v.Entity.Fields = append(v.Entity.Fields, f)
	}
}

func (k *compiler) fold(v *View, p pair, what string) (Fold, *Field, bool) {
	fold := Fold{Name: p.key}
	f := &Field{Name: p.key, Default: DefaultLiteral, DefaultValue: Int(0), Type: Type{Kind: KindInt}}
	const forms = "write count, {sum: FIELD} or {avg: FIELD}"
	n := p.value
	switch {
	case n.bad():
		return fold, f, false
	case n.kind == scalarNode && n.text == "count" && !n.expr:
		fold.Op = "count"
		return fold, f, true
	case n.kind != mapNode || len(n.pairs) != 1 || n.pairs[0].key != "sum" && n.pairs[0].key != "avg":
		k.refuse(n.spot, "%s folds %q in a way that is unknown", what, p.key).fix(forms)
		return fold, f, false
	}
	fold.Op = n.pairs[0].key
	name, ok := k.scalar(n.pairs[0].value, what+": "+fold.Op)
	if !ok {
		return fold, f, false
	}
	if fold.Of = k.fieldOf(v.From, n.pairs[0].value.spot, name, what+" folds"); fold.Of == nil {
		return fold, f, false
	}
	switch fold.Of.Type.Kind {
	case KindInt:
	case KindFloat:
		f.Type, f.DefaultValue = Type{Kind: KindFloat}, Float(0)
	case KindDecimal:
		f.Type = Type{Kind: KindDecimal, Precision: 18, Scale: fold.Of.Type.Scale}
		f.DefaultValue = Decimal(0, uint8(fold.Of.Type.Scale))
	default:
		k.refuse(n.pairs[0].value.spot, "%s folds %q, which is %s", what, name, fold.Of.Type).
			why("only numbers can be added").fix("name an int, decimal or float field, or use count")
		return fold, f, false
	}
	if fold.Op == "avg" {
		f.Type, f.DefaultValue = Type{Kind: KindFloat}, Float(0)
	}
	return fold, f, true
}
