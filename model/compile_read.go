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
		k.allowed(n, k.allowNames(n, m.what+": allow"), m.what+": allow")
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

func (k *compiler) readList(r *Read, m *members) bool {
	e := r.Of
	r.Page = defaultPage
	ok := true
	if len(e.Key) == 0 {
		k.refuse(m.at("list"), "%s lists %s, which has one row per partition", m.what, e.Name).fix("use get: %s", e.Name)
		return false
	}
	taken := map[string]string{}
	if n := m.get("by"); n != nil {
		r.By = k.selectors(r, n, m.what+" is by", "by", taken, &ok)
	}
	if n := m.get("filter"); n != nil {
		r.Filter = k.selectors(r, n, m.what+" filters by", "filter", taken, &ok)
		if len(r.Filter) > maxFilters {
			k.refuse(m.at("filter"), "%s has %d filters", m.what, len(r.Filter)).
				why("each combination of filters needs an index of its own: %d of them here", 1<<len(r.Filter)).
				fix("keep at most %d, and make another read of the others", maxFilters)
			r.Filter = r.Filter[:maxFilters]
			ok = false
		}
	}
	if n := m.get("where"); n != nil {
		k.readWhere(r, n, m.what, taken, &ok)
	}
	if n := m.get("sort"); n != nil {
		k.readSort(r, n, m.what, &ok)
	}
	r.completeSort()
	if n := m.get("range"); n != nil {
		k.readRange(r, n, m, &ok)
	}
	if n := m.get("page"); n != nil {
		k.readPage(r, n, m.what)
	}
	for _, key := range []string{"by", "filter", "where", "sort", "range"} {
		ok = ok && (!m.has(key) || m.get(key) != nil)
	}
	r.Params = []*Input{{Field: e.Fields[0], Required: true}}
	for _, f := range r.By {
		r.Params = append(r.Params, &Input{Field: f, Index: len(r.Params), Required: true})
	}
	for _, f := range r.Filter {
		r.Params = append(r.Params, &Input{Field: f, Index: len(r.Params)})
	}
	return ok
}

// selectors reads the fields of by or filter.
func (k *compiler) selectors(r *Read, n *node, doing, key string, taken map[string]string, ok *bool) (out []*Field) {
	if n.kind == mapNode {
		k.refuse(n.spot, "%s something that is no field", doing).fix("name fields; fixed values stand in `where`")
		*ok = false
		return nil
	}
	for _, x := range k.names(n, doing) {
		f := k.fieldOf(r.Of, x.spot, x.text, doing)
		switch {
		case f == nil:
			*ok = false
		case f.Pos == 0:
			k.refuse(x.spot, "%s %q, the partition's field", doing, f.Name).
				why("every request gives its partition anyway").fix("take it out; to ask over all partitions, declare a view by what readers have at hand")
			*ok = false
		case taken[f.Name] != "":
			k.refuse(x.spot, "%s %q, which stands in `%s` already", doing, f.Name, taken[f.Name]).fix("keep it in one place")
			*ok = false
		case !k.comparable(f, x.spot, doing):
			*ok = false
		default:
			taken[f.Name] = key
			out = append(out, f)
		}
	}
	return out
}

// comparable complains about a field that no index can find rows by.
func (k *compiler) comparable(f *Field, at spot, doing string) bool {
	switch f.Type.Kind {
	case KindFloat, KindJSON, KindBytes, KindText:
		k.refuse(at, "%s %q, which is %s and has no index", doing, f.Name, f.Type).
			why("without an index every row of the partition would be looked at").fix("use a string(n), int, decimal, time, uuid, bool or enum field")
		return false
	}
	return true
}

func (k *compiler) readWhere(r *Read, n *node, what string, taken map[string]string, ok *bool) {
	conds, good := k.conds(r.Of, n, what+": where", what+" has in `where`", false)
	*ok = *ok && good
	for _, c := range conds {
		if key := taken[c.Field.Name]; key != "" {
			k.refuse(n.spot, "%s fixes %q in `where`, but it stands in `%s` too", what, c.Field.Name, key).fix("keep it in one place")
			*ok = false
			continue
		}
		if c.Field.Pos == 0 {
			k.refuse(n.spot, "%s fixes the partition %q in `where`", what, c.Field.Name).
				why("every request gives its partition").fix("take it out; what belongs to one partition alone is not the model's to know")
			*ok = false
			continue
		}
		if !k.comparable(c.Field, n.spot, what+" has in `where`") {
			*ok = false
			continue
		}
		taken[c.Field.Name] = "where"
		r.Where = append(r.Where, c)
	}
}

func (k *compiler) readSort(r *Read, n *node, what string, ok *bool) {
	for _, x := range k.names(n, what+": sort") {
		name, desc := strings.CutPrefix(x.text, "-")
		place := x.spot
		if desc && x.exact {
			place.column++
		}
		f := k.fieldOf(r.Of, place, name, what+" sorts by")
		switch {
		case f == nil:
			*ok = false
		case f.Pos == 0:
			k.refuse(x.spot, "%s sorts by the partition's field %q", what, name).
				why("all rows of an answer are in one partition").fix("take it out; to sort over all partitions, declare a view")
			*ok = false
		case slices.ContainsFunc(r.Sort, func(o Order) bool { return o.Field == f }):
			k.refuse(x.spot, "%s sorts by %q twice", what, name).fix("keep one")
			*ok = false
		case f.Type.Kind == KindFloat:
			r.Sort = append(r.Sort, Order{f, desc})
		case !k.comparable(f, x.spot, what+" sorts by"):
			*ok = false
		default:
			r.Sort = append(r.Sort, Order{f, desc})
		}
	}
}

// completeSort adds what is missing of the key, in the direction of the last field, so that the
// order is total and one index serves both directions.
func (r *Read) completeSort() {
	desc := len(r.Sort) > 0 && r.Sort[len(r.Sort)-1].Desc
	for _, f := range r.Of.Key {
		if !slices.ContainsFunc(r.Sort, func(o Order) bool { return o.Field == f }) {
			r.Sort = append(r.Sort, Order{f, desc})
		}
	}
}

func (k *compiler) readRange(r *Read, n *node, m *members, ok *bool) {
	name, is := k.scalar(n, m.what+": range")
	if !is {
		*ok = false
		return
	}
	f := k.fieldOf(r.Of, n.spot, name, m.what+" is bounded by")
	if f == nil || !*ok {
		*ok = false
		return
	}
	if f.Pos == 0 {
		k.refuse(n.spot, "%s is bounded by %q, the partition's field", m.what, name).
			why("every request gives one partition").fix("take it out; to ask over many partitions, declare a view")
		*ok = false
		return
	}
	r.Range = f
	if f.Type.Kind == KindBool || f.Type.Kind == KindEnum || !k.comparableRange(f) {
		k.refuse(n.spot, "%s is bounded by %q, which is %s", m.what, name, f.Type).
			why("bounds are for what has an order: numbers, times, texts").fix("use `filter` instead")
		*ok = false
		return
	}
	fixed := r.fixed()
	for _, o := range r.Sort {
		if o.Field == f {
			return
		}
		if !slices.Contains(fixed, o.Field) {
			break
		}
	}
	if slices.Contains(fixed, f) {
		k.refuse(n.spot, "%s is bounded by %q, which is given as one value already", m.what, name).fix("take it out of `range`, or of `by` and `where`")
	} else {
		k.refuse(n.spot, "%s is bounded by %q, but no index is in that order", m.what, name).
			why("an index can cut out a stretch only of what it is sorted by; all other rows would be looked at and thrown away").
			fix("add sort: %s (or sort: -%s), or bound it by %s", name, name, r.Sort[0].Field.Name)
	}
	*ok = false
}

func (k *compiler) comparableRange(f *Field) bool {
	switch f.Type.Kind {
	case KindJSON, KindBytes, KindText:
		return false
	}
	return true
}

func (k *compiler) readPage(r *Read, n *node, what string) {
	text, ok := k.scalar(n, what+": page")
	if !ok {
		return
	}
	size := 0
	if _, err := fmt.Sscanf(text, "%d", &size); err != nil || fmt.Sprint(size) != text || size < 1 || size > largestPage {
		k.refuse(n.spot, "%s: page is %q", what, cut(text)).
			why("a list without end takes memory without end").fix("write a whole number from 1 to %d; what is more comes on the next page", largestPage)
		return
	}
	r.Page = size
}

// fixed are the fields that have one value in every answer.
func (r *Read) fixed() []*Field {
	out := slices.Clone(r.By)
	for _, c := range r.Where {
		if len(c.Values) == 1 {
			out = append(out, c.Field)
		}
	}
	return out
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

func (k *compiler) freshness(r *Read, m *members) {
	ok := true
	if n := m.get("fresh"); n != nil {
		r.Fresh, ok = k.duration(n, m.what+": fresh")
	}
	if n := m.get("stale"); n != nil {
		d, good := k.duration(n, m.what+": stale")
		r.Stale = d
		if good && ok && d <= r.Fresh {
			if d < r.Fresh {
				k.refuse(n.spot, "%s may be stale for %s, which is less than fresh", m.what, cut(n.text)).
					why("stale is the age in all that an answer may have in trouble, so it cannot be below what is fresh in health").
					fix("make stale longer than %s, or take it out", m.get("fresh").text)
			} else if d == 0 {
				k.refuse(n.spot, "%s has stale: 0", m.what).why("that is what no `stale` means").fix("take it out")
			}
		}
	}
	if r.Of == nil || r.Of.View == nil || !ok || r.Fresh != 0 || m.has("fresh") && m.get("fresh") == nil {
		return
	}
	x := k.refuse(m.at("fresh"), "%s reads the view %q, but says nothing of how fresh", m.what, r.Of.Name)
	if m.has("fresh") {
		x.Text = fmt.Sprintf("%s reads the view %q with fresh: 0", m.what, r.Of.Name)
	}
	x.why("a view follows its source, so it can be a moment behind and never promise the latest").fix("write fresh: 10s, or what readers can live with")
}

// terms reads what reads and writes have in common.
func (k *compiler) terms(m *members, priority *Priority, expect *float64, objective *Objective) {
	if n := m.get("priority"); n != nil {
		if i, ok := k.choice(n, m.what+": priority", "critical", "normal", "bulk"); ok {
			*priority = [...]Priority{Critical, Normal, Bulk}[i]
		}
	}
	if n := m.get("expect"); n != nil {
		*expect, _ = k.rate(n, m.what+": expect")
	}
	if n := m.get("objective"); n != nil {
		k.objective(n, m.what+": objective", objective)
	}
}

func (k *compiler) objective(n *node, what string, o *Objective) {
	m, ok := k.mapping(n, what, "p50 p90 p95 p99 p999 success")
	if !ok {
		return
	}
	if len(n.pairs) == 0 {
		k.refuse(n.spot, "%s is empty", what).fix("write {p99: 50ms, success: 99.9%%}")
	}
	for _, p := range n.pairs {
		x := m.get(p.key)
		if x == nil {
			continue
		}
		if p.key == "success" {
			text, _ := k.scalar(x, what+": success")
			f := percentForm.FindStringSubmatch(text)
			if f == nil || number(f[1]) > 100 || number(f[1]) == 0 {
				if x.kind == scalarNode {
					k.refuse(x.spot, "%s: success is %q", what, cut(text)).fix("write a share such as 99.9%%")
				}
				continue
			}
			o.Success = number(f[1]) / 100
			continue
		}
		d, good := k.duration(x, what+": "+p.key)
		switch {
		case !good:
		case d <= 0:
			k.refuse(x.spot, "%s: %s is 0", what, p.key).fix("write a duration above 0")
		case o.Quantile != 0:
			k.refuse(p.spot, "%s has two quantiles", what).why("one figure is the promise").fix("keep one")
		default:
			o.Latency = d
			o.Quantile = map[string]float64{"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "p999": 0.999}[p.key]
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
