package model

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strings"
)

// compiler makes a Model of a file's nodes. Each part resolves names of the parts before it. What
// was complained about is remembered as broken, so that one mistake makes one complaint.
type compiler struct {
	*complaints
	root *members
	m    *Model

	broken   map[string]bool // "entity order", "field order.total", …: wrong, and said so
	place    map[string]spot // of the same names, where they are declared
	nodes    map[string]*node
	writes   map[*Write]*writing
	uses     map[*Rule]*ruleUse
	emitters map[*Event][]*writing

	unknown *Family // of entities that name none that exists; nil if there are no such
}

const sections = "service partitions entities access reads writes views events schedules feeds limits metrics"

func newCompiler(c *complaints, root *node) *compiler {
	k := &compiler{complaints: c, m: &Model{},
		broken: map[string]bool{}, place: map[string]spot{}, nodes: map[string]*node{},
		writes: map[*Write]*writing{}, uses: map[*Rule]*ruleUse{}, emitters: map[*Event][]*writing{}}
	k.root, _ = c.mapping(root, "the model", sections)
	return k
}

func (k *compiler) compile() {
	if k.root.node.kind != mapNode {
		return
	}
	k.service()
	k.families()
	k.entities()
	k.views()
	k.access()
	k.reads()
	k.declareEvents()
	k.writesSection()
	k.events()
	k.schedules()
	k.feeds()
	k.limits()
	k.metrics()
	k.finishRules()
	k.checkSizes()
	k.checkLoops()
	k.indexes()
	k.m.prepareTags()
	k.m.Revision = revision(k.root.node)
}

func (k *compiler) service() {
	n := k.root.get("service")
	if n == nil {
		if k.root.missing("service") {
			k.refuse(k.root.node.spot, "the model has no service name").fix("begin with `service: NAME`")
		}
		return
	}
	if text, ok := k.scalar(n, "service"); ok && k.checkName(n.spot, "service", text) {
		k.m.Service = text
	}
}

// section gives the entries of a top-level part; none where it is absent.
func (k *compiler) section(name, what string) []pair {
	n := k.root.get(name)
	if n == nil {
		return nil
	}
	all := k.entries(n, name, what)
	if n.kind == mapNode { // names that were refused are known all the same
		for _, p := range n.pairs {
			k.broken[what+" "+p.key] = true
		}
	}
	for _, p := range all {
		delete(k.broken, what+" "+p.key)
		k.place[what+" "+p.key] = p.spot
		k.nodes[what+" "+p.key] = p.value
	}
	return all
}

// need complains where a required section is absent.
func (k *compiler) need(name, fix string) {
	if k.root.missing(name) {
		k.refuse(k.root.node.spot, "the model has no %s", name).fix("%s", fix)
	}
}

// entity resolves the name of an entity. who begins the sentence of a complaint.
func (k *compiler) entity(n *node, who string) *Entity {
	name, ok := k.scalar(n, who)
	if !ok {
		return nil
	}
	if e := k.m.Entity(name); e != nil {
		return e
	}
	if k.broken["entity "+name] || k.broken["view "+name] {
		return nil
	}
	names := make([]string, len(k.m.Entities))
	for i, e := range k.m.Entities {
		names[i] = e.Name
	}
	if len(names) == 0 && !k.root.has("entities") {
		return nil // that there are none was said
	}
	k.refuse(n.spot, "%s names %q, but there is no entity of that name", who, cut(name)).fix("%s", orOneOf(name, names))
	return nil
}

// fieldOf resolves the name of a field. doing is what the sentence says of it, such as
// `read "orders" sorts by`.
func (k *compiler) fieldOf(e *Entity, at spot, name, doing string) *Field {
	if f := e.Field(name); f != nil {
		return f
	}
	if k.brokenField(e, name) {
		return nil
	}
	k.refuse(at, "%s %q, which %s does not have", doing, cut(name), e.Name).fix("%s", orOneOf(name, fieldNames(e.Fields)))
	return nil
}

// fieldsOf resolves a list of field names; ok is false if one of them is wrong.
func (k *compiler) fieldsOf(e *Entity, n *node, doing string) (out []*Field, ok bool) {
	ok = true
	for _, x := range k.names(n, doing) {
		f := k.fieldOf(e, x.spot, x.text, doing)
		if f == nil {
			ok = false
			continue
		}
		out = append(out, f)
	}
	return out, ok
}

// brokenField tells whether a field is declared but was complained about.
func (k *compiler) brokenField(e *Entity, name string) bool {
	return k.broken["field "+e.Name+"."+name] || k.broken["fields "+e.Name] || e.Family == k.unknown && e.Field(name) == nil
}

func fieldNames(fields []*Field) []string {
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.Name
	}
	return names
}

func quoted(what, name string) string { return fmt.Sprintf("%s %q", what, name) }

// ordered are the keys below which the order of a mapping means something.
var ordered = words("fields input returns fold data by with")

// revision hashes what a file means: neither comments nor layout, quotes or the order of keys
// change it.
func revision(root *node) string {
	h := sha256.New()
	hashNode(h, "", root)
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func hashNode(h hash.Hash, key string, n *node) {
	switch n.kind {
	case mapNode:
		pairs := n.pairs
		if !ordered[key] {
			pairs = slices.SortedFunc(slices.Values(pairs), func(a, b pair) int { return strings.Compare(a.key, b.key) })
		}
		for _, p := range pairs {
			fmt.Fprintf(h, "%q:", p.key)
			hashNode(h, p.key, p.value)
		}
		fmt.Fprint(h, "}")
	case listNode:
		for _, x := range n.items {
			hashNode(h, "", x)
		}
		fmt.Fprint(h, "]")
	default:
		fmt.Fprintf(h, "%t%q,", n.expr, n.text)
	}
}
