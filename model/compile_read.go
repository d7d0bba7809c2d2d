package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

const (
	defaultPage = 100
	largestPage = 1000
	maxFilters  = 3
)

// reads reads the named reads.
func (k *compiler) reads() {
	for _, p := range k.section("reads", "read") {
		what := quoted("read", p.key)
		m, ok := k.mapping(p.value, what, "get list by filter where range sort page fields fresh stale priority expect objective allow")
		r := &Read{ID: len(k.m.Reads), Name: p.key, Priority: Normal}
		if !ok || !k.readOf(r, m) {
			k.broken["read "+p.key] = true
			if ok {
				k.readLoose(r, m)
			}
			continue
		}
		if r.List {
			ok = k.readList(r, m)
		} else {
			ok = k.readGet(r, m)
		}
		if n := m.get("fields"); n != nil {
			k.readFields(r, n, what)
		} else {
			r.Fields = r.Of.Fields
		}
		k.freshness(r, m)
		k.terms(m, &r.Priority, &r.Expect, &r.Objective)
		if ok {
			r.Allow = k.allow(m.get("allow"), m.has("allow"), p.spot, what, r.Of.Family, &Env{Params: r.Params})
		} else {
			k.broken["read params "+p.key] = true
		}
		k.m.Reads = append(k.m.Reads, r)
	}
	if k.m.Access != nil {
		for i, l := range k.m.Access.Loads {
			l.Read.ID = len(k.m.Reads) + i
		}
	}
	for _, r := range k.m.AllReads() {
		r.describe()
	}
}

func (k *compiler) readOf(r *Read, m *members) bool {
	get, list := m.has("get"), m.has("list")
	switch {
	case get && list:
		k.refuse(m.at("list"), "%s has both `get` and `list`", m.what).fix("keep `get` for one row, or `list` for many")
		return false
	case !get && !list:
		k.refuse(m.node.spot, "%s says neither `get` nor `list`", m.what).fix("write {get: ENTITY} for one row by its key, or {list: ENTITY} for many")
		return false
	}
	n := m.get("get")
	if list {
		n, r.List = m.get("list"), true
	}
	if n == nil {
		return false
	}
	r.Of = k.entity(n, m.what)
	return r.Of != nil && !k.broken["fields "+r.Of.Name]
}

// readLoose looks at what can be judged of a read whose entity is wrong.
func (k *compiler) readLoose(r *Read, m *members) {
	k.freshness(r, m)
	k.terms(m, &r.Priority, &r.Expect, &r.Objective)
	if n := m.get("page"); n != nil {
		k.readPage(r, n, m.what)
	}
	k.allowLoose(m)
}

func (k *compiler) allowLoose(m *members) {
	if n := m.get("allow"); n != nil {
		k.allowed(k.allowNames(n, m.what+": allow"), m.what+": allow")
	}
}

func getParams(e *Entity) []*Input {
	params := []*Input{{Field: e.Fields[0], Required: true}}
	for i, f := range e.Key {
		params = append(params, &Input{Field: f, Index: i + 1, Required: true})
	}
	return params
}

func (k *compiler) readGet(r *Read, m *members) bool {
	ok := true
	for _, key := range []string{"by", "filter", "where", "range", "sort", "page"} {
		if !m.has(key) {
			continue
		}
		ok = false
		x := k.refuse(m.at(key), "%s gets one row by its key, so %q has no place in it", m.what, key)
		fields := "FIELD"
		if list := k.list(m.get(key), ""); len(list) > 0 && list[0].kind == scalarNode {
			fields = cut(list[0].text)
		}
		if key == "by" {
			x.why("a row found by another field may be in any partition, so every machine would have to look").
				fix("declare a view that has the field as its partition: views: {%s_by_%s: {from: %s, by: %s}}, and read that; or use `list` with `by` within the partition",
					r.Of.Name, strings.TrimPrefix(fields, "-"), r.Of.Name, strings.TrimPrefix(fields, "-"))
		} else {
			x.fix("take it out, or use `list`")
		}
	}
	r.Params = getParams(r.Of)
	return ok
}

// readFields reads a projection. The partition and the key are always shown.
func (k *compiler) readFields(r *Read, n *node, what string) {
	if n.kind == listNode && len(n.items) == 0 {
		k.refuse(n.spot, "%s shows no fields", what).fix("name some, or take `fields` out to show all")
	}
	r.Fields = append(r.Fields, r.Of.Fields[0])
	r.Fields = append(r.Fields, r.Of.Key...)
	fields, _ := k.fieldsOf(r.Of, n, what+" shows")
	for _, f := range fields {
		if !slices.Contains(r.Fields, f) {
			r.Fields = append(r.Fields, f)
		}
	}
}

// describe hashes what a read asks and how its answer is encoded.
func (r *Read) describe() {
	h := sha256.New()
	fmt.Fprintf(h, "%s %t %d %s", r.Of.Name, r.List, r.Page, r.Of.Family.Name)
	write := func(label string, fields []*Field) {
		fmt.Fprintf(h, "\n%s", label)
		for _, f := range fields {
			fmt.Fprintf(h, " %s:%s", f.Name, f.Type)
		}
	}
	write("by", r.By)
	write("filter", r.Filter)
	write("key", r.Of.Key)
	fmt.Fprint(h, "\nwhere")
	for _, c := range r.Where {
		fmt.Fprintf(h, " %s=", c.Field.Name)
		for _, v := range c.Values {
			if v.IsNull() {
				fmt.Fprint(h, "null,")
				continue
			}
			fmt.Fprintf(h, "%q,", AppendText(nil, v))
		}
	}
	fmt.Fprint(h, "\nsort")
	for _, o := range r.Sort {
		fmt.Fprintf(h, " %s %t", o.Field.Name, o.Desc)
	}
	if r.Range != nil {
		write("range", []*Field{r.Range})
	}
	write("show", r.Fields)
	r.Hash = hex.EncodeToString(h.Sum(nil)[:8])
}
