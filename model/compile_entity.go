package model

import (
	"fmt"
	"slices"
	"strings"
)

// families reads the partitions.
func (k *compiler) families() {
	k.need("partitions", "say what lives, scales and fails together: partitions: {customer: {by: customer_id, type: uuid, expect: 1M}}")
	for _, p := range k.section("partitions", "partition") {
		what := quoted("partition", p.key)
		f := &Family{ID: len(k.m.Families), Name: p.key}
		m, ok := k.mapping(p.value, what, "by type expect")
		if !ok {
			k.broken["partition "+p.key] = true
			continue
		}
		if !k.familyField(f, m) {
			if f.By == nil {
				k.broken["partition "+p.key] = true
				continue
			}
			k.broken["input "+f.By.Name] = true // what speaks of it is not judged
		}
		if n := m.get("expect"); n != nil {
			f.Expect, _ = k.count(n, what+": expect")
		}
		k.m.Families = append(k.m.Families, f)
	}
}

func (k *compiler) familyField(f *Family, m *members) bool {
	by, typ := m.get("by"), m.get("type")
	for _, key := range []string{"by", "type"} {
		if m.missing(key) {
			k.refuse(m.node.spot, "%s has no `%s`", m.what, key).
				why("the partition's field is in every address and every row").
				fix("write {by: %s_id, type: uuid}", f.Name)
		}
	}
	if by == nil {
		return false
	}
	name, ok := k.scalar(by, m.what+": by")
	if !ok {
		return false
	}
	named := k.checkName(by.spot, "field", name)
	f.By = &Field{Name: name, Type: Type{Kind: KindString, Size: maxString}, Implied: true, Addressed: true}
	if typ == nil {
		return false
	}
	t, ok := k.typeText(typ, m.what)
	if !ok {
		return false
	}
	switch {
	case t.Null:
		k.refuse(typ.spot, "%s may not be null", m.what).why("every row lives in a partition").fix("take the ? away")
		return false
	case t.Kind != KindString && t.Kind != KindUUID && t.Kind != KindInt:
		k.refuse(typ.spot, "%s is by %s, which is no type for a partition", m.what, t).
			why("a partition's value is in addresses and must be the same in every spelling").fix("use uuid, string(n) or int")
		return false
	}
	f.By.Type = t
	return named
}

func (k *compiler) family(n *node, who string) *Family {
	name, ok := k.scalar(n, who)
	if !ok {
		return nil
	}
	var names []string
	for _, f := range k.m.Families {
		if f.Name == name {
			return f
		}
		names = append(names, f.Name)
	}
	if !k.broken["partition "+name] && !k.broken["view "+name] && len(names) > 0 {
		k.refuse(n.spot, "%s is in %q, but there is no partition of that name", who, cut(name)).fix("%s", orOneOf(name, names))
	}
	return nil
}

// entities reads the entities.
func (k *compiler) entities() {
	k.need("entities", "declare what is kept: entities: {order: {in: customer, key: order_id, fields: {…}}}")
	for _, p := range k.section("entities", "entity") {
		m, ok := k.mapping(p.value, quoted("entity", p.key), "in key fields unique expect keep")
		e := &Entity{ID: len(k.m.Entities), Name: p.key}
		if !ok || !k.entityName(p) {
			k.broken["entity "+p.key] = true
			continue
		}
		k.entityFamily(e, m)
		k.entityFields(e, m)
		k.unique(e, m)
		k.keep(e, m)
		if n := m.get("expect"); n != nil {
			e.Expect, _ = k.count(n, m.what+": expect")
			if len(e.Key) == 0 && e.Expect > 1 && !k.broken["fields "+e.Name] {
				k.refuse(n.spot, "%s expects %s rows per partition, but without a key there is only one", m.what, cut(n.text)).
					fix("give it a key, or take `expect` out")
			}
		}
		k.m.Entities = append(k.m.Entities, e)
	}
}

func (k *compiler) entityName(p pair) bool {
	for _, prefix := range []string{"partita_", "sqlite_", "pg_"} {
		if strings.HasPrefix(p.key, prefix) {
			k.refuse(p.spot, "entity %q begins with %s", p.key, prefix).
				why("tables of that name belong to the store itself").fix("choose another name")
			return false
		}
	}
	return true
}

// entityFamily finds the partition. Where there is none, a stand-in lets the rest be judged.
func (k *compiler) entityFamily(e *Entity, m *members) {
	n := m.get("in")
	if n == nil {
		if m.missing("in") {
			k.refuse(m.node.spot, "%s does not say which partition it is in", m.what).
				why("what has no partition cannot be spread over machines").fix("add `in: PARTITION`")
		}
	} else {
		e.Family = k.family(n, m.what)
	}
	if e.Family != nil {
		return
	}
	if k.unknown == nil {
		k.unknown = &Family{ID: -1, By: &Field{Type: Type{Kind: KindString, Size: maxString}, Implied: true}}
	}
	e.Family = k.unknown
}

// entityFields puts the partition field first, then the key, then the others.
func (k *compiler) entityFields(e *Entity, m *members) {
	by := *e.Family.By
	e.Fields = []*Field{&by}
	declared := map[string]*Field{}
	var order []*Field
	n := m.get("fields")
	switch {
	case n != nil:
		for _, p := range k.entries(n, m.what+": fields", "field") {
			if p.key == by.Name {
				k.refuse(p.spot, "%s declares %q, which is its partition's field", m.what, p.key).
					why("the partition already says its type").fix("take it out: it is implied")
				continue
			}
			f, ok := k.field(p, quoted("field", e.Name+"."+p.key))
			if !ok {
				k.broken["field "+e.Name+"."+p.key] = true
				continue
			}
			declared[p.key] = f
			order = append(order, f)
		}
		if n.kind != mapNode {
			k.broken["fields "+e.Name] = true
		}
		for _, p := range n.pairs {
			if declared[p.key] == nil {
				k.broken["field "+e.Name+"."+p.key] = true
			}
		}
	case m.has("fields"):
		k.broken["fields "+e.Name] = true
	default:
		k.refuse(m.node.spot, "%s has no fields", m.what).fix("add fields: {name: type}")
		k.broken["fields "+e.Name] = true
	}
	k.key(e, m, declared)
	for _, f := range order {
		if !slices.Contains(e.Key, f) {
			e.Fields = append(e.Fields, f)
		}
	}
	for i, f := range e.Fields {
		f.Pos = i
		if f.Default == DefaultNext && len(e.Key) == 0 && !m.has("key") {
			k.refuse(k.fieldSpot(n, f.Name), "field %q counts up by default: next, but %s has no key", e.Name+"."+f.Name, e.Name).
				why("there is one row per partition, so it would always be 1").fix("give the entity a key, or the field another default")
		}
	}
}

func (k *compiler) fieldSpot(fields *node, name string) spot {
	for _, p := range fields.pairs {
		if p.key == name {
			return p.spot
		}
	}
	return fields.spot
}

func (k *compiler) key(e *Entity, m *members, declared map[string]*Field) {
	n := m.get("key")
	if n == nil {
		if m.has("key") {
			k.broken["fields "+e.Name] = true
		}
		return
	}
	if n.kind == listNode && len(n.items) == 0 {
		k.refuse(n.spot, "%s has an empty key", m.what).fix("name the fields, or take `key` out: then there is one row per partition")
	}
	for _, x := range k.names(n, m.what+": key") {
		f := declared[x.text]
		switch {
		case x.text == e.Family.By.Name:
			k.refuse(x.spot, "%s has the partition's field %q in its key", m.what, x.text).
				why("every key begins with the partition anyway").fix("name only what is unique within the partition")
		case f == nil:
			if !k.brokenField(e, x.text) {
				k.refuse(x.spot, "%s has the key %q, which it does not have as a field", m.what, cut(x.text)).
					fix("%s", orOneOf(x.text, sortedKeys(declared)))
			}
			k.broken["fields "+e.Name] = true
		default:
			if k.keyType(f.Type, x.spot, m.what+" has the key", f.Name) {
				f.Addressed = true
				e.Key = append(e.Key, f)
				e.Fields = append(e.Fields, f)
			} else {
				k.broken["field "+e.Name+"."+f.Name] = true
			}
		}
	}
}

// keyType complains about a type that cannot be part of a key.
func (k *compiler) keyType(t Type, at spot, doing, name string) bool {
	switch t.Kind {
	case KindFloat:
		k.refuse(at, "%s %q, a float", doing, name).
			why("two floats that print alike may differ, and a row would not be found again").fix("use int or decimal(p,s)")
	case KindJSON, KindBytes, KindText:
		k.refuse(at, "%s %q, which is %s", doing, name, t).
			why("keys stand in addresses and in every index, and must be short and have one spelling").fix("use string(n), int or uuid")
	default:
		if t.Null {
			k.refuse(at, "%s %q, which may be null", doing, name).why("a row without its key cannot be found").fix("take the ? away from its type")
			return false
		}
		return true
	}
	return false
}

// nested says how a flat list of unique fields is to be written.
func nested(n *node, flat []*node) string {
	names := make([]string, 0, len(flat))
	for _, l := range flat {
		if l.kind != scalarNode {
			return "write unique: [[a], [b, c]]"
		}
		names = append(names, cut(l.text))
	}
	if n.kind == scalarNode {
		names = []string{cut(n.text)}
	}
	switch len(names) {
	case 0:
		return "write unique: [[a], [b, c]]"
	case 1:
		return "write unique: [[" + names[0] + "]]"
	}
	return fmt.Sprintf("write unique: [[%s]] where each is unique alone, [[%s]] where they are together",
		strings.Join(names, "], ["), strings.Join(names, ", "))
}

// unique reads the lists of fields whose values are unique within the partition.
func (k *compiler) unique(e *Entity, m *members) {
	n := m.get("unique")
	if n == nil {
		return
	}
	lists := k.list(n, m.what+": unique")
	if n.kind != listNode || len(lists) > 0 && lists[0].kind != listNode {
		k.refuse(n.spot, "%s: unique is a list of lists", m.what).fix("%s", nested(n, lists))
		return
	}
	for _, l := range lists {
		fields, ok := k.fieldsOf(e, l, m.what+" has as unique")
		for _, f := range fields {
			switch {
			case f.Pos == 0:
				k.refuse(l.spot, "%s names the partition's field in unique", m.what).
					why("unique holds within the partition; over all partitions nothing can promise it").
					fix("take it out; to find rows of all partitions by a field, declare a view")
				ok = false
			case f.Type.Kind == KindFloat || f.Type.Kind == KindJSON || f.Type.Kind == KindBytes || f.Type.Kind == KindText:
				ok = k.keyType(Type{Kind: f.Type.Kind, Size: f.Type.Size}, l.spot, m.what+" has as unique", f.Name) && ok
			}
		}
		if l.kind == listNode && len(l.items) == 0 {
			k.refuse(l.spot, "%s has an empty list in unique", m.what).fix("name the fields that are unique together, or take it out")
		}
		if ok && len(fields) > 0 {
			e.Unique = append(e.Unique, fields)
		}
	}
}

// keep reads when rows expire.
func (k *compiler) keep(e *Entity, m *members) {
	n := m.get("keep")
	if n == nil {
		return
	}
	in, ok := k.mapping(n, m.what+": keep", "for from")
	if !ok {
		return
	}
	keep := &Keep{}
	for _, key := range []string{"for", "from"} {
		if in.missing(key) {
			k.refuse(n.spot, "%s: keep has no `%s`", m.what, key).fix("write keep: {for: 90d, from: TIME_FIELD}")
		}
	}
	if x := in.get("for"); x != nil {
		if keep.For, ok = k.duration(x, m.what+": keep for"); ok && keep.For <= 0 {
			k.refuse(x.spot, "%s keeps rows for no time at all", m.what).fix("write a duration above 0")
		}
	}
	if x := in.get("from"); x != nil {
		if name, ok := k.scalar(x, m.what+": keep from"); ok {
			keep.From = k.fieldOf(e, x.spot, name, m.what+" keeps rows from")
		}
		if keep.From != nil && keep.From.Type.Kind != KindTime {
			k.refuse(x.spot, "%s keeps rows from %q, which is %s", m.what, keep.From.Name, keep.From.Type).fix("name a field of type time")
		}
	}
	e.Keep = keep
}
