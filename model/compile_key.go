package model

import "slices"

// stepKey finds where the key, or the condition of a delete of many, comes from.
func (k *compiler) stepKey(w *writing, s *stepping) {
	if s.Op == OpDelete && s.m.has("by") {
		k.stepBy(w, s)
		return
	}
	given := k.keyNodes(w, s)
	for _, f := range s.Entity.Key {
		src := Source{Field: f}
		switch {
		case given[f.Name] != nil:
			// compiled by stepExprs, when all inputs are known
		case s.m.has("key") && s.m.get("key") == nil:
		case (f.Default == DefaultNext || f.Default == DefaultRandom) && s.Op == OpInsert:
			src.None = true
		case (f.Default == DefaultNext || f.Default == DefaultRandom) && s.Op == OpUpsert:
			k.refuse(s.m.at("upsert"), "%s is upsert, but the key %q of %s is made by default: %s", s.what, f.Name, s.Entity.Name, defaultWord(f.Default)).
				why("a caller could choose a key that nobody but the store may choose").fix("use insert for new rows, and update for those that are there")
			w.ok = false
		default:
			k.keyInput(w, s, f, &src)
		}
		s.Key = append(s.Key, src)
	}
}

// keyInput lets the caller give a key field: in the body, or, for a repeated step, in the item
// unless the body has it already.
func (k *compiler) keyInput(w *writing, s *stepping, f *Field, src *Source) {
	required := s.Op != OpInsert && s.Op != OpUpsert || f.Default == NoDefault && s.If == nil && !(s.Op == OpInsert && s.m.has("if"))
	at, named := s.names[f.Name]
	if !named {
		at = s.m.at(opWord(s.Op))
	}
	list := s.list
	if list != nil && !named && slices.ContainsFunc(w.params, func(in *Input) bool { return in.Name == f.Name && sameType(in.Type, f.Type) }) {
		list = nil
	}
	in := k.takeInput(w, list, f, required, at)
	if in == nil {
		w.ok = false
		return
	}
	src.Input, src.Item = in, list != nil
	if list == nil && !slices.Contains(w.params, in) {
		w.params = append(w.params, in)
	}
}

// keyNodes gives the values that the model itself gives for the key: `key`, and for an insert `set`.
func (k *compiler) keyNodes(w *writing, s *stepping) map[string]*node {
	out := map[string]*node{}
	isKey := func(name string) bool {
		return slices.ContainsFunc(s.Entity.Key, func(f *Field) bool { return f.Name == name })
	}
	if n := s.m.get("key"); n != nil {
		if n.kind != mapNode {
			k.refuse(n.spot, "%s: key must be a mapping, not %s", s.what, n.shape()).
				why("it gives values where the caller does not").fix("write key: {FIELD: = expression}, or take it out: then the caller gives the key")
			w.ok = false
			return out
		}
		for _, p := range n.pairs {
			switch {
			case p.key == s.Entity.Fields[0].Name:
				k.refuse(p.spot, "%s gives the partition %q as a key", s.what, p.key).
					why("all steps of a write are in the partition of the request").fix("take it out; for another partition emit an event with `then`")
				w.ok = false
			case !isKey(p.key):
				x := k.refuse(p.spot, "%s gives %q as a key, which is not in the key of %s", s.what, cut(p.key), s.Entity.Name)
				if len(s.Entity.Key) == 0 {
					x.fix("take `key` out: there is one %s per partition", s.Entity.Name)
				} else {
					x.why("rows are found by their key alone").fix("%s", orOneOf(p.key, fieldNames(s.Entity.Key)))
				}
				w.ok = false
			case p.value.bad():
				w.ok = false
			default:
				out[p.key] = p.value
			}
		}
	}
	set := s.m.get("set")
	if set == nil || set.kind != mapNode {
		return out
	}
	for _, p := range set.pairs {
		if !isKey(p.key) {
			continue
		}
		switch {
		case s.Op != OpInsert:
			k.refuse(p.spot, "%s sets %q, which is in the key of %s", s.what, p.key, s.Entity.Name).
				why("a row's key never changes").fix("to say which row is meant, use key: {%s: …}; to move it, delete and insert", p.key)
			w.ok = false
		case out[p.key] != nil:
			k.refuse(p.spot, "%s gives %q in `key` and in `set`", s.what, p.key).fix("keep one")
			w.ok = false
		case p.value.bad():
			w.ok = false
		default:
			out[p.key] = p.value
		}
	}
	return out
}

// stepBy reads the fields by which many rows are deleted.
func (k *compiler) stepBy(w *writing, s *stepping) {
	n := s.m.get("by")
	s.Max = k.most(w, s, maxDeletes, "by")
	if n == nil {
		w.ok = false
		return
	}
	var fields []*Field
	if n.kind == mapNode {
		for _, p := range n.pairs {
			if f := k.fieldOf(s.Entity, p.spot, p.key, s.what+" deletes by"); f != nil {
				fields = append(fields, f)
				s.By = append(s.By, Source{Field: f})
			} else {
				w.ok = false
			}
		}
	} else {
		var ok bool
		if fields, ok = k.fieldsOf(s.Entity, n, s.what+" deletes by"); !ok {
			w.ok = false
		}
		for _, f := range fields {
			if f.Pos == 0 {
				continue
			}
			in := k.takeInput(w, nil, f, true, n.spot)
			if in == nil {
				w.ok = false
				continue
			}
			if !slices.Contains(w.params, in) {
				w.params = append(w.params, in)
			}
			s.By = append(s.By, Source{Field: f, Input: in})
		}
	}
	if len(fields) == 0 && w.ok || slices.ContainsFunc(fields, func(f *Field) bool { return f.Pos == 0 }) {
		k.refuse(n.spot, "%s does not say by which fields it deletes", s.what).
			why("it would delete every row of the partition").fix("name fields of %s, without the partition", s.Entity.Name)
		w.ok = false
	}
	for _, f := range fields {
		if f.Pos != 0 && !k.comparable(f, n.spot, s.what+" deletes by") {
			w.ok = false
		}
	}
}
