package model

import (
	"errors"
	"strings"
	"unicode/utf8"

	yaml "github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

const (
	maxBytes = 1 << 20 // of a model file
	maxDepth = 32      // of its nesting
	maxKeys  = 5000    // of one block mapping
)

type nodeKind uint8

const (
	badNode nodeKind = iota // something was complained about here already
	nullNode
	scalarNode
	mapNode
	listNode
)

// node is a part of the file, without what YAML offers and a model may not use.
type node struct {
	spot
	kind  nodeKind
	text  string // of a scalar, without the "= " of an expression
	expr  bool   // the scalar began with "= "
	exact bool   // text stands in the file as it is,
	skip  int    // this many characters behind spot
	pairs []pair
	items []*node

	block   int  // of a block scalar: the line of its first line of text
	partial bool // a member of the mapping was refused, so that something seems to be missing
}

// pair is one member of a mapping; spot is where the key stands.
type pair struct {
	spot
	key   string
	value *node
}

func (n *node) bad() bool { return n == nil || n.kind == badNode }

// yamlReader turns a file into nodes.
type yamlReader struct {
	*complaints
	env func(string) (string, bool)
}

// read gives the file's root; nil if there is none to speak of.
func (r *yamlReader) read(src []byte) *node {
	if len(src) > maxBytes {
		r.refuse(spot{}, "the file is larger than 1 MiB").
			why("a model of this size is a sign that data went into it").fix("keep data out of the model file")
		return nil
	}
	if !utf8.Valid(src) {
		at := spot{1, 1}
		for i, line := range r.lines {
			if !utf8.ValidString(line) {
				at.line = i + 1
				r.lines[i] = strings.ToValidUTF8(line, string(utf8.RuneError))
				break
			}
		}
		r.refuse(at, "the file is not UTF-8 text").fix("save it as UTF-8")
		return nil
	}
	file := r.parse(untabbed(strings.Join(r.lines, "\n")))
	if file == nil {
		return nil
	}
	var root *node
	for _, doc := range file.Docs {
		switch body := doc.Body; {
		case body == nil || body.Type() == ast.CommentType:
		case body.Type() == ast.DirectiveType:
			if name := body.(*ast.DirectiveNode).Name; name == nil || name.String() != "YAML" {
				r.refuse(at(body), "a model file has no %% directives").fix("take the line out")
			}
		case root != nil:
			start := at(body)
			if doc.Start != nil {
				start = spot{doc.Start.Position.Line, doc.Start.Position.Column}
			}
			r.refuse(start, "a second document begins here").
				why("one file is one service: what stands behind the first document would be lost").
				fix("keep one document, without ---")
			return root
		default:
			root = r.node(body, 0)
		}
	}
	if root == nil {
		r.refuse(spot{}, "the file holds no model").
			fix("begin with `service: NAME`, then partitions, entities, reads and writes; `partita new` writes an example")
	}
	return root
}

// parse reads YAML. The library's parser is not trusted with input that nests without end, nor to
// return an error on every input.
func (r *yamlReader) parse(src string) (file *ast.File) {
	defer func() {
		if recover() != nil {
			r.refuse(spot{}, "the file is not YAML that can be read").fix("reduce it until the place shows: it is near unusual characters")
			file = nil
		}
	}()
	tokens := lexer.Tokenize(src)
	if !r.bounded(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		r.syntax(err, tokens)
		return nil
	}
	return file
}

// bounded refuses what would make the parser recurse without end, or take time without end: it goes
// over the keys of a block mapping once for each.
func (r *yamlReader) bounded(tokens token.Tokens) bool {
	depth, line, onLine, properties, indent := 0, 0, 0, 0, 0
	keys := map[int]int{} // by indentation
	for _, tk := range tokens {
		if tk.Position.Line != line {
			line, onLine, indent = tk.Position.Line, 0, tk.Position.Column
		}
		switch tk.Type {
		case token.MappingValueType:
			if depth > 0 || indent == 0 {
				break
			}
			for at := range keys {
				if at > indent {
					delete(keys, at)
				}
			}
			if keys[indent]++; keys[indent] > maxKeys {
				r.refuse(spot{line, indent}, "more than %d keys stand below one another here", maxKeys).
					why("a model of this size is a sign that data went into it").fix("keep data out of the model file")
				return false
			}
			indent = 0 // one key of a line is enough
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType, token.MappingKeyType:
			onLine++
		case token.TagType, token.AnchorType, token.AliasType:
			properties++
		}
		if depth+onLine > maxDepth || properties > maxShown || tk.Position.Column > maxBytes/16 {
			r.refuse(spot{tk.Position.Line, tk.Position.Column}, "this nests deeper than any model does").fix("write it flatter")
			return false
		}
	}
	return true
}

// opened gives the bracket that is still open at a place on a later line; nil if there is none.
func opened(tokens token.Tokens, place spot) *token.Token {
	var stack []*token.Token
	for _, tk := range tokens {
		if p := tk.Position; p.Line > place.line || p.Line == place.line && p.Column >= place.column {
			break
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			stack = append(stack, tk)
		case token.MappingEndType, token.SequenceEndType:
			stack = stack[:max(len(stack)-1, 0)]
		}
	}
	if len(stack) == 0 || stack[len(stack)-1].Position.Line == place.line {
		return nil
	}
	return stack[len(stack)-1]
}

func (r *yamlReader) syntax(err error, tokens token.Tokens) {
	if e, ok := errors.AsType[yaml.Error](err); ok {
		place := spot{1, 1}
		if tk := e.GetToken(); tk != nil && tk.Position != nil {
			place = spot{tk.Position.Line, tk.Position.Column}
		}
		text := e.GetMessage()
		x := r.refuse(place, "this is not YAML: %s", text)
		switch {
		case strings.Contains(text, "tab") || strings.Contains(text, "'\t'"):
			x.Text = "this is not YAML: a tab stands where only spaces may"
			x.fix("indent with spaces")
		case strings.Contains(text, "mapping value is not allowed"):
			x.why("a text with `: ` in it, or a key indented differently from its neighbours, cannot be told apart from a mapping")
			x.fix("put quotes around the text, or align the key with its neighbours")
		case strings.Contains(text, "must be specified") && opened(tokens, place) != nil:
			open := opened(tokens, place).Position
			r.found = r.found[:len(r.found)-1]
			r.refuse(spot{open.Line, open.Column}, "this is not YAML: the bracket that opens here is not closed").fix("close it")
		case strings.Contains(text, "must be specified"):
			x.Text = "this is not YAML: here a comma or a closing bracket should stand"
			x.fix("put quotes or parentheses around a whole text that begins with a quote, such as ('staff' in auth.roles), or close a bracket that was opened before")
		case strings.Contains(text, "end token"):
			x.Text = "this is not YAML: the bracket that opens here is not closed"
			x.fix("close it")
		case strings.Contains(text, "end character"):
			x.fix("close the quote")
		case strings.Contains(text, "reserved character"):
			x.fix("put quotes around the text")
		default:
			x.fix("check indentation, brackets and quotes from here upwards")
		}
		return
	}
	r.refuse(spot{}, "this is not YAML").fix("check indentation, brackets and quotes")
}

func at(n ast.Node) spot {
	tk := n.GetToken()
	if m, ok := n.(*ast.MappingNode); ok && !m.IsFlowStyle && len(m.Values) > 0 {
		tk = m.Values[0].Key.GetToken()
	}
	if tk == nil || tk.Position == nil {
		return spot{1, 1}
	}
	return spot{tk.Position.Line, tk.Position.Column}
}

func (r *yamlReader) node(n ast.Node, depth int) *node {
	out := &node{spot: at(n)}
	if depth > maxDepth {
		r.refuse(out.spot, "this nests deeper than any model does").fix("write it flatter")
		return out
	}
	switch n := n.(type) {
	case *ast.NullNode:
		out.kind = nullNode
	case *ast.MappingNode:
		out.kind = mapNode
		for _, v := range n.Values {
			r.pair(out, v, depth)
		}
	case *ast.MappingValueNode:
		out.kind = mapNode
		r.pair(out, n, depth)
	case *ast.SequenceNode:
		out.kind = listNode
		for _, v := range n.Values {
			out.items = append(out.items, r.node(v, depth+1))
		}
	case *ast.LiteralNode:
		r.scalar(out, n.Value.Value, false)
		out.block = out.line + 1
	case *ast.TagNode:
		r.refuse(out.spot, "tags such as %s are not used in a model", cut(n.Start.Value)).
			why("the model itself says what type a value has").fix("write the value without the tag")
	case *ast.AnchorNode:
		r.noAnchors(out.spot)
	case *ast.AliasNode:
		r.noAnchors(out.spot)
	default:
		tk := n.GetToken()
		origin := strings.TrimSpace(tk.Origin)
		if tk.Type == token.SingleQuoteType || tk.Type == token.DoubleQuoteType {
			out.skip = 1
			origin = strings.Trim(origin, string(tk.Origin[strings.IndexAny(tk.Origin, `'"`)]))
		}
		r.scalar(out, tk.Value, origin == tk.Value)
	}
	return out
}

func (r *yamlReader) noAnchors(at spot) {
	r.refuse(at, "anchors and aliases are not used in a model").
		why("whoever reads one line must see what it says").fix("write the value out at each place")
}

func (r *yamlReader) pair(out *node, v *ast.MappingValueNode, depth int) {
	if v.Key.IsMergeKey() {
		r.refuse(at(v.Key), "merge keys are not used in a model").
			why("whoever reads one line must see what it says").fix("write the members out")
		out.partial = true
		return
	}
	p := pair{spot: at(v.Key)}
	switch key := v.Key.(type) {
	case *ast.MappingKeyNode, *ast.TagNode, *ast.AnchorNode, *ast.AliasNode, *ast.NullNode:
		r.refuse(p.spot, "this is no name").fix("a key of a mapping is a plain name")
		out.partial = true
		return
	default:
		p.key = key.GetToken().Value
	}
	for _, q := range out.pairs {
		if q.key == p.key {
			r.refuse(p.spot, "%q stands here twice; first on line %d", cut(p.key), q.line).
				why("one of the two would be lost in silence").fix("keep one, or give the second another name")
			return
		}
	}
	p.value = r.node(v.Value, depth+1)
	if p.value.kind == nullNode {
		p.value.spot = p.spot // an absent value has no place of its own
	}
	out.pairs = append(out.pairs, p)
}

func (r *yamlReader) scalar(out *node, text string, exact bool) {
	out.kind = scalarNode
	if text == "=" { // the space behind it was at the end of the line
		text = "= "
	}
	if out.text, out.expr = strings.CutPrefix(text, "= "); out.expr {
		out.skip += len("= ")
	}
	if strings.Contains(out.text, "${") {
		var ok bool
		if out.text, ok = r.substitute(out.spot, out.text); !ok {
			out.kind = badNode
		}
		exact = false
	}
	out.exact = exact && !strings.Contains(text, "\n")
}

// cut shortens what the file says so that it fits in a sentence.
func cut(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
	if utf8.RuneCountInString(s) <= 60 {
		return s
	}
	return string([]rune(s)[:60]) + "…"
}
