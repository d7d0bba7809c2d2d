package model

import (
	"slices"
	"strings"
)

type tokenKind uint8

const (
	signToken tokenKind = iota
	wordToken
	textToken // text is what stands between the quotes
	numberToken
)

// exprToken is one word of an expression.
type exprToken struct {
	kind   tokenKind
	text   string
	offset int
	end    int
}

// scanExpr cuts an expression into its words. It is no parser: Compile says what is wrong.
func scanExpr(src string) (out []exprToken) {
	for i := 0; i < len(src); {
		c := src[i]
		start := i
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r':
			i++
			continue
		case isWordByte(c) && (c < '0' || c > '9'):
			for i < len(src) && isWordByte(src[i]) {
				i++
			}
			out = append(out, exprToken{wordToken, src[start:i], start, i})
		case '0' <= c && c <= '9':
			for i < len(src) && (isWordByte(src[i]) || src[i] == '.') {
				i++
			}
			out = append(out, exprToken{numberToken, src[start:i], start, i})
		case c == '\'' || c == '"':
			i++
			for i < len(src) && src[i] != c {
				if src[i] == '\\' {
					i++
				}
				i++
			}
			end := min(i, len(src))
			i = min(i+1, len(src))
			out = append(out, exprToken{textToken, src[start+1 : end], start, i})
		default:
			i++
			if i < len(src) {
				if two := src[start : i+1]; two == "==" || two == "!=" || two == "&&" || two == "||" || two == "<=" || two == ">=" {
					i++
				}
			}
			out = append(out, exprToken{signToken, src[start:i], start, i})
		}
	}
	return out
}

func isWordByte(c byte) bool {
	return c == '_' || '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

// exprRoots are the names that an expression speaks of, functions aside.
func exprRoots(src string) map[string]bool {
	roots := map[string]bool{}
	tokens := scanExpr(src)
	bound := map[string]bool{} // variables of macros such as all(x, …)
	for i, t := range tokens {
		next := ""
		if i+1 < len(tokens) {
			next = tokens[i+1].text
		}
		if t.kind == wordToken && next == "," && i >= 2 && tokens[i-1].text == "(" &&
			slices.Contains([]string{"all", "exists", "exists_one", "map", "filter"}, tokens[i-2].text) {
			bound[t.text] = true
		}
	}
	for i, t := range tokens {
		if t.kind != wordToken || bound[t.text] || i > 0 && tokens[i-1].text == "." && tokens[i-1].kind == signToken {
			continue
		}
		if i+1 < len(tokens) && tokens[i+1].text == "(" {
			continue
		}
		switch t.text {
		case "true", "false", "null", "in":
		default:
			roots[t.text] = true
		}
	}
	return roots
}

// comparison is `path == 'text'` somewhere in an expression.
type comparison struct {
	path  string
	field *Field
	equal bool
	value exprToken
}

// checkExpr complains about uuids that are compared with texts that are none. Compile itself tells it
// of enums.
func (k *compiler) checkExpr(n *node, env *Env, what string) {
	for _, c := range textComparisons(scanExpr(n.text), env) {
		if c.field.Type.Kind != KindUUID || strings.Contains(c.value.text, `\`) {
			continue
		}
		v, p := parseUUID(c.value.text)
		if !p.bad() && v.Text() == c.value.text {
			continue
		}
		truth := "never"
		if !c.equal {
			truth = "always"
		}
		x := k.refuse(k.within(n, c.value.offset), "%s compares %s, a uuid, with %q, which it never is", what, c.path, cut(c.value.text)).
			why("the comparison is %s true", truth)
		if p.bad() {
			x.fix("compare it with a uuid, such as '0198c2f0-7c1e-7d3a-9b52-3f1f6a0c9e11'")
		} else {
			x.fix("write it in lower case: '%s'", v.Text())
		}
	}
}

// textComparisons finds where fields are compared with texts that are written out.
func textComparisons(tokens []exprToken, env *Env) (out []comparison) {
	for i := range tokens {
		path, f, length := pathAt(tokens[i:], env)
		if f == nil || i > 0 && tokens[i-1].text == "." {
			continue
		}
		after := tokens[i+length:]
		if len(after) >= 2 && (after[0].text == "==" || after[0].text == "!=") && after[1].kind == textToken {
			out = append(out, comparison{path, f, after[0].text == "==", after[1]})
		}
		if i >= 2 && (tokens[i-1].text == "==" || tokens[i-1].text == "!=") && tokens[i-2].kind == textToken {
			out = append(out, comparison{path, f, tokens[i-1].text == "==", tokens[i-2]})
		}
		if len(after) >= 2 && after[0].text == "in" && after[1].text == "[" {
			for _, t := range after[2:] {
				if t.text == "]" && t.kind == signToken {
					break
				}
				if t.kind == textToken {
					out = append(out, comparison{path, f, true, t})
				}
			}
		}
	}
	return out
}

// pathAt reads a field at the beginning of the tokens: row.status, order.status, input.status or the
// name of a parameter.
func pathAt(tokens []exprToken, env *Env) (path string, f *Field, length int) {
	if len(tokens) == 0 || tokens[0].kind != wordToken {
		return "", nil, 0
	}
	root := tokens[0].text
	if len(tokens) < 3 || tokens[1].text != "." || tokens[2].kind != wordToken {
		return root, fieldNamed(env.Params, root), 1
	}
	name := tokens[2].text
	path = root + "." + name
	if len(tokens) > 3 && (tokens[3].text == "." || tokens[3].text == "(") {
		return path, nil, 3
	}
	switch root {
	case "row":
		if env.Row != nil {
			f = env.Row.Field(name)
		}
	case "input":
		f = fieldNamed(env.Input, name)
	case "item":
		f = fieldNamed(env.Item, name)
	case "event":
		f = fieldNamed(env.Event, name)
	default:
		for _, e := range env.Steps {
			if e.Name == root {
				f = e.Field(name)
			}
		}
		for _, l := range env.Loads {
			if l.Name == root {
				f = l.Entity.Field(name)
			}
		}
	}
	return path, f, 3
}

func fieldNamed(inputs []*Input, name string) *Field {
	for _, in := range inputs {
		if in.Name == name && in.Items == nil {
			return in.Field
		}
	}
	return nil
}

// canBeTrue complains about a condition that never holds: a part that is false by itself, or two
// parts that exclude each other.
func (k *compiler) canBeTrue(n *node, what string) bool {
	if n.kind != scalarNode || n.bad() {
		return true
	}
	equal := map[string]exprToken{}
	for _, part := range conjuncts(scanExpr(n.text)) {
		text := n.text[part[0].offset:part[len(part)-1].end]
		if len(exprRoots(text)) == 0 {
			if x, err := Compile(&Env{}, text); err == nil && !x.True(&Scope{}) {
				k.refuseNever(k.within(n, part[0].offset), what, text)
				return false
			}
		}
		if same, holds := sameSides(part); same && !holds {
			k.refuseNever(k.within(n, part[0].offset), what, text)
			return false
		}
		path, value, ok := equality(part)
		if !ok {
			continue
		}
		if other, twice := equal[path]; twice && other.text != value.text {
			k.refuse(k.within(n, value.offset), "%s can never be true: %s cannot be %q and %q at once", what, path, cut(other.text), cut(value.text)).
				why("nobody could ever pass it").fix("write || where either will do")
			return false
		}
		equal[path] = value
	}
	return true
}

func (k *compiler) refuseNever(at spot, what, part string) {
	k.refuse(at, "%s can never be true: %s is always false", what, cut(part)).
		why("nobody could ever pass it").fix("say when it is true; where only the service itself may do something, write allow: none")
}

// conjuncts cuts an expression at the && that all of it depends on; one part where there is none.
func conjuncts(tokens []exprToken) (out [][]exprToken) {
	depth, start := 0, 0
	for i, t := range tokens {
		if t.kind != signToken {
			continue
		}
		switch t.text {
		case "(", "[", "{":
			depth++
		case ")", "]", "}":
			depth--
		case "||", "?":
			if depth == 0 {
				return [][]exprToken{tokens}
			}
		case "&&":
			if depth == 0 {
				if i > start {
					out = append(out, tokens[start:i])
				}
				start = i + 1
			}
		}
	}
	if start < len(tokens) {
		out = append(out, tokens[start:])
	}
	return out
}

// equality reads `a.b == 'text'`, either way round, and nothing more.
func equality(part []exprToken) (path string, value exprToken, ok bool) {
	at := slices.IndexFunc(part, func(t exprToken) bool { return t.text == "==" && t.kind == signToken })
	if at < 1 {
		return "", exprToken{}, false
	}
	left, right := part[:at], part[at+1:]
	if len(left) == 1 && left[0].kind == textToken {
		left, right = right, left
	}
	if len(right) != 1 || right[0].kind != textToken {
		return "", exprToken{}, false
	}
	for _, t := range left {
		if t.kind != wordToken && t.text != "." {
			return "", exprToken{}, false
		}
		path += t.text
	}
	return path, right[0], path != ""
}
