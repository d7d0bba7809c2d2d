package model

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

var (
	undefinedField  = regexp.MustCompile(`^undefined field '([^']*)'`)
	undeclared      = regexp.MustCompile(`^undeclared reference to '([^']*)'`)
	noOverload      = regexp.MustCompile(`^found no matching overload for '([^']*)' applied to '(.*)'$`)
	noSelection     = regexp.MustCompile(`^type '([^']*)' does not support field selection`)
	wrongType       = regexp.MustCompile(`^expected type '([^']*)' but found '([^']*)'`)
	operatorName    = regexp.MustCompile(`^_?([^_a-z]+)_?$`)
	nullableWrapper = regexp.MustCompile(`wrapper\(([a-z]+)\)`)
)

// complaint gives the first of CEL's complaints in our words. parsed helps to find out what a wrong
// name belongs to; nil if the source did not parse.
func (c *exprCompiler) complaint(issues *cel.Issues, parsed *cel.Ast) *ExprError {
	list := issues.Errors()
	first := slices.MinFunc(list, func(a, b *cel.Error) int {
		return c.place(a) - c.place(b)
	})
	e := &ExprError{Offset: c.place(first), Message: firstSentence(first.Message)}
	text := first.Message
	if m := undefinedField.FindStringSubmatch(text); m != nil {
		e.Message = "there is no field " + m[1] + c.suggestField(m[1], first.ExprID, parsed)
	} else if m := undeclared.FindStringSubmatch(text); m != nil {
		e.Message = c.unknownName(m[1])
	} else if m := noOverload.FindStringSubmatch(text); m != nil {
		e.Message = misapplied(m[1], strings.Trim(m[2], "()"))
	} else if m := noSelection.FindStringSubmatch(text); m != nil {
		e.Message = article(plainTypes(m[1])) + " has no fields"
	} else if m := wrongType.FindStringSubmatch(text); m != nil {
		e.Message = "this must be " + article(plainTypes(m[1])) + ", but it is " + article(plainTypes(m[2]))
	} else if parsed == nil {
		e.Message = "this cannot be read as an expression: " + syntax(e.Message)
	}
	return e
}

// syntax says what is wrong with a source that does not parse, without the parser's own words.
func syntax(message string) string {
	message, _, _ = strings.Cut(message, " expecting ")
	if strings.Contains(message, "'<EOF>'") {
		return "something is missing at its end"
	}
	for _, begin := range []string{"mismatched input ", "extraneous input ", "no viable alternative at input ", "token recognition error at: "} {
		if rest, ok := strings.CutPrefix(message, begin); ok {
			return rest + " cannot stand here"
		}
	}
	return message
}

// place gives the offset of a complaint in bytes.
func (c *exprCompiler) place(e *cel.Error) int {
	line, column := 1, e.Location.Column()
	rest := c.src
	for line < e.Location.Line() {
		_, after, ok := strings.Cut(rest, "\n")
		if !ok {
			return len(c.src)
		}
		rest = after
		line++
	}
	return min(len(c.src)-len(rest)+byteOffset(rest, column), len(c.src))
}

// byteOffset gives the offset in bytes of the nth character.
func byteOffset(s string, n int) int {
	offset := 0
	for ; n > 0 && offset < len(s); n-- {
		_, size := utf8.DecodeRuneInString(s[offset:])
		offset += size
	}
	return offset
}

func (c *exprCompiler) suggestField(name string, id int64, parsed *cel.Ast) string {
	var known []string
	owner := ""
	if parsed != nil {
		visit(parsed.NativeRep(), func(e ast.Expr) {
			if e.ID() != id || e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
				return
			}
			owner = e.AsSelect().Operand().AsIdent()
			i := slices.IndexFunc(c.roots, func(r root) bool { return r.name == owner })
			if i < 0 {
				return
			}
			if obj := c.objects.members[c.roots[i].celType.TypeName()]; obj != nil {
				known = obj.names
			}
		})
	}
	if owner == "" {
		return ""
	}
	if best := nearest(name, known); best != "" {
		return " in " + owner + "; did you mean " + owner + "." + best + "?"
	}
	if len(known) == 0 || len(known) > 20 {
		return " in " + owner
	}
	return " in " + owner + "; there are " + strings.Join(known, ", ")
}

// unknownName complains about a name that is not in scope.
func (c *exprCompiler) unknownName(name string) string {
	switch name {
	case "row":
		return "there is no row to speak of here"
	case "input":
		return "there is no input here"
	case "auth":
		return "there is no caller here: auth may not be used"
	case "event":
		return "there is no event here"
	case "item":
		return "there is no item here"
	}
	var known, functions []string
	for _, r := range c.roots {
		known = append(known, r.name)
	}
	if strings.Contains(c.src, name+"(") {
		for f := range baseEnv().Functions() {
			if 'a' <= f[0] && f[0] <= 'z' {
				functions = append(functions, f)
			}
		}
		slices.Sort(functions)
		return "there is no function " + name + didYouMean(name, functions)
	}
	if best := nearest(name, known); best != "" {
		return "there is no " + name + " here; did you mean " + best + "?"
	}
	return "there is no " + name + " here; there are " + strings.Join(known, ", ")
}

// misapplied complains about an operator or a function whose arguments do not fit.
func misapplied(function, arguments string) string {
	arguments = plainTypes(arguments)
	switch function {
	case "_?_:_":
		return "both branches of ?: must be of one type, after a condition, not (" + arguments + ")"
	case "@in":
		function = "in"
	case "!_":
		function = "!"
	case "-_":
		function = "-"
	}
	if m := operatorName.FindStringSubmatch(function); m != nil {
		function = m[1]
	}
	if (function == "&&" || function == "||") && strings.Contains(arguments, ",") {
		return "both sides of " + function + " must be true or false, not (" + arguments + ")"
	}
	hint := ""
	if function == "/" && strings.Contains(arguments, "decimal") {
		hint = "; decimals are not divided, because the result would have to be rounded"
	} else if strings.Contains(arguments, "decimal") {
		hint = "; make both sides decimals, such as with decimal('1.50')"
	}
	return function + " does not work on (" + arguments + ")" + hint
}

// plainTypes writes the types of CEL as the model's author knows them.
func plainTypes(s string) string {
	s = nullableWrapper.ReplaceAllString(s, "$1?")
	for _, r := range []struct{ from, to string }{
		{"google.protobuf.Timestamp", "time"}, {"timestamp", "time"},
		{"google.protobuf.Duration", "duration"},
		{"double", "float"}, {"map(string, dyn)", "auth"}, {"dyn", "claim"},
	} {
		s = strings.ReplaceAll(s, r.from, r.to)
	}
	return s
}

func celName(t *types.Type) string { return article(plainTypes(cel.FormatCELType(t))) }

// article puts a or an before a word.
func article(s string) string {
	if s == "" || strings.HasPrefix(s, "null") {
		return s
	}
	if strings.ContainsRune("aeio", rune(s[0])) {
		return "an " + s
	}
	return "a " + s
}

func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, "\n")
	s = strings.TrimPrefix(s, "Syntax error: ")
	return strings.TrimSuffix(s, ".")
}
