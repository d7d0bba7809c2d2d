package model

import (
	"maps"
	"slices"
	"strings"
)

// members are the values of a mapping whose keys are known.
type members struct {
	node *node
	what string // such as `read "orders"`, to begin a sentence with
	by   map[string]*node
	keys map[string]spot
}

// get returns the value of a key; nil where it is absent or was complained about.
func (m *members) get(key string) *node {
	if n := m.by[key]; !n.bad() {
		return n
	}
	return nil
}

// has tells whether a key is there, whatever its value.
func (m *members) has(key string) bool { _, ok := m.keys[key]; return ok }

// missing tells whether a key is absent, and not because it was lost to another mistake.
func (m *members) missing(key string) bool { return !m.has(key) && !m.node.partial }

// at gives the place of a key, or of the mapping where the key is absent.
func (m *members) at(key string) spot {
	if s, ok := m.keys[key]; ok {
		return s
	}
	return m.node.spot
}

// mapping reads n as a mapping with the given keys. false: it is none, and that was said.
func (c *complaints) mapping(n *node, what, known string) (*members, bool) {
	m := &members{node: n, what: what, by: map[string]*node{}, keys: map[string]spot{}}
	if !c.isMapping(n, what) {
		return m, false
	}
	names := strings.Fields(known)
	present := pairKeys(n)
	for _, p := range n.pairs {
		switch {
		case !slices.Contains(names, p.key):
			c.refuse(p.spot, "%s has a key %q, which means nothing", what, cut(p.key)).
				why("a misspelt key would be ignored in silence").fix("%s", orOneOf(p.key, names))
			// Go on as if the likely key stood there, so that its value is checked and not missed.
			meant := likely(p.key, names)
			if meant == "" || present[meant] {
				continue
			}
			present[meant] = true
			p.key = meant
			if p.value.kind == nullNode {
				p.value = &node{spot: p.spot}
			}
			m.by[p.key] = p.value
		case p.value.kind == nullNode:
			c.nothing(p, what)
			m.by[p.key] = &node{spot: p.spot}
		default:
			m.by[p.key] = p.value
		}
		m.keys[p.key] = p.spot
	}
	return m, true
}

func (c *complaints) nothing(p pair, what string) {
	c.refuse(p.spot, "%s: %q has no value", what, cut(p.key)).
		why("an empty value is easily overlooked, and a guard must never vanish in silence").
		fix("give it a value, or take the key out")
}

// isMapping tells whether n is a mapping, and complains if not.
func (c *complaints) isMapping(n *node, what string) bool {
	if n.bad() {
		return false
	}
	if n.kind != mapNode {
		c.refuse(n.spot, "%s must be a mapping, not %s", what, n.shape()).fix("write {key: value, …}")
		return false
	}
	return true
}

// shape says what a node is, for complaints.
func (n *node) shape() string {
	switch n.kind {
	case nullNode:
		return "nothing"
	case mapNode:
		return "a mapping"
	case listNode:
		return "a list"
	}
	if n.expr {
		return "an expression"
	}
	return `"` + cut(n.text) + `"`
}

// scalar gives a text that stands for itself. what begins a sentence.
func (c *complaints) scalar(n *node, what string) (string, bool) {
	switch {
	case n.bad():
		return "", false
	case n.kind != scalarNode || n.expr:
		c.refuse(n.spot, "%s must be a single word or text, not %s", what, n.shape()).fix("write one value")
		return "", false
	}
	return n.text, true
}

// list gives the members of a list, or the one member where a single value stands.
func (c *complaints) list(n *node, what string) []*node {
	switch {
	case n.bad():
		return nil
	case n.kind == listNode:
		out := make([]*node, 0, len(n.items))
		for _, x := range n.items {
			if x.kind == nullNode {
				c.refuse(n.spot, "%s has an empty member", what).fix("take it out")
				continue
			}
			if !x.bad() {
				out = append(out, x)
			}
		}
		return out
	}
	return []*node{n}
}

// names gives the words of a list, or of a single word, each once.
func (c *complaints) names(n *node, what string) []*node {
	var out []*node
	seen := map[string]bool{}
	for _, x := range c.list(n, what) {
		word, ok := c.scalar(x, what)
		if !ok {
			continue
		}
		if seen[word] {
			c.refuse(x.spot, "%s: %q stands there twice", what, cut(word)).fix("keep one")
			continue
		}
		seen[word] = true
		out = append(out, x)
	}
	return out
}

// entries gives the members of a mapping whose keys are names that the model gives. A bad name is
// complained about and kept, so that what stands under it is looked at, and found by others.
func (c *complaints) entries(n *node, section, what string) []pair {
	if !c.isMapping(n, section) {
		return nil
	}
	var out []pair
	for _, p := range n.pairs {
		c.checkName(p.spot, what, p.key)
		if p.value.kind == nullNode {
			c.nothing(p, section)
			p.value = &node{spot: p.spot}
		}
		out = append(out, p)
	}
	return out
}

func pairKeys(n *node) map[string]bool {
	keys := map[string]bool{}
	for _, p := range n.pairs {
		keys[p.key] = true
	}
	return keys
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
