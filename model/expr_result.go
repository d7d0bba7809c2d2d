package model

import (
	"fmt"
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
)

// checkResult tells whether the value of the expression can be what is wanted.
func (c *exprCompiler) checkResult(tree *ast.AST, out *types.Type) error {
	want := c.env.Want
	if want == nil {
		if out.Kind() != types.BoolKind && out.Kind() != types.DynKind {
			return c.at(0, "a condition must be true or false, but this gives %s", celName(out))
		}
		if null := c.nullPart(tree.Expr()); null != nil {
			return c.at(firstPart(null), "a condition must be true or false, but this may be null; compare it, such as with == true", tree)
		}
		return nil
	}
	if !assignable(out, want) {
		hint := ""
		switch {
		case want.Kind == KindDate && out.Kind() == types.TimestampKind:
			hint = "; write date(…) around it"
		case want.Kind == KindDecimal && (out.Kind() == types.StringKind || out.Kind() == types.DoubleKind):
			hint = "; make one with decimal('…')"
		case want.Kind == KindInt && out.Kind() == types.DoubleKind:
			hint = "; write int(…) around it"
		case assignableText(want) && out.Kind() != types.ListKind && out.Kind() != types.MapKind:
			hint = "; write string(…) around it"
		}
		return c.at(0, "this gives %s, but %s is wanted%s", celName(out), article(want.String()), hint)
	}
	if null := c.nullPart(tree.Expr()); null != nil && !want.Null {
		return c.at(firstPart(null), "%s, but %s is wanted; say what counts then, such as %s", c.nullWords(null), article(want.String()), instead(null), tree)
	}
	if null := c.nullOperand(tree); null != nil {
		return c.at(firstPart(null), "%s, and then nothing can be worked out; say what counts then, such as (x != null ? x : 0)", c.nullWords(null), tree)
	}
	if claim, kind := registeredClaim(tree.Expr()); claim != "" && !assignable(kind, want) {
		return c.at(firstPart(tree.Expr()), "auth.%s is %s in every token, but %s is wanted; take another claim, or give the field that type", claim, article(kind.String()), article(want.String()), tree)
	}
	if want.Kind == KindEnum {
		return c.checkEnumResult(tree, tree.Expr())
	}
	return nil
}

// checkEnumResult refuses an assignment of a text that the enum does not hold.
func (c *exprCompiler) checkEnumResult(tree *ast.AST, e ast.Expr) error {
	switch {
	case e.Kind() == ast.LiteralKind:
		text, ok := e.AsLiteral().(types.String)
		if ok && !slices.Contains(c.env.Want.Enum, string(text)) {
			return c.at(e.ID(), "%q is not one of %s%s", string(text), strings.Join(c.env.Want.Enum, ", "),
				didYouMean(string(text), c.env.Want.Enum), tree)
		}
	case e.Kind() == ast.CallKind && e.AsCall().FunctionName() == operators.Conditional:
		for _, branch := range e.AsCall().Args()[1:] {
			if err := c.checkEnumResult(tree, branch); err != nil {
				return err
			}
		}
	}
	return nil
}

// firstPart gives the id of the part that an expression begins with, since CEL places `a.b` at its
// point.
func firstPart(e ast.Expr) int64 {
	for e.Kind() == ast.SelectKind {
		e = e.AsSelect().Operand()
	}
	return e.ID()
}

func assignableText(t *Type) bool { return t.valueKind() == StringValue }

// assignable tells whether a value of a CEL type can become one of a field's type. A claim can
// become anything: its value is looked at when it is there.
func assignable(out *types.Type, want *Type) bool {
	switch out.Kind() {
	case types.DynKind, types.NullTypeKind:
		return true
	case types.BoolKind:
		return want.Kind == KindBool
	case types.IntKind:
		return want.Kind == KindInt || want.Kind == KindFloat || want.Kind == KindDecimal
	case types.DoubleKind:
		return want.Kind == KindFloat
	case types.StringKind:
		return assignableText(want)
	case types.BytesKind:
		return want.Kind == KindBytes
	case types.TimestampKind:
		return want.Kind == KindTime
	case types.StructKind:
		switch out.TypeName() {
		case dateType.TypeName():
			return want.Kind == KindDate
		case decimalType.TypeName():
			return want.Kind == KindDecimal
		case jsonType.TypeName():
			return want.Kind == KindJSON
		}
	}
	return false
}

// nullPart gives the part of an expression that makes its value null: the literal, or a field or an
// argument that may be null. A conditional counts as checked, unless the literal stands in it.
func (c *exprCompiler) nullPart(e ast.Expr) ast.Expr {
	switch e.Kind() {
	case ast.LiteralKind:
		if e.AsLiteral() == types.NullValue {
			return e
		}
	case ast.IdentKind:
		if i := slices.IndexFunc(c.roots, func(r root) bool { return r.name == e.AsIdent() }); i >= 0 && c.roots[i].null {
			return e
		}
	case ast.SelectKind:
		if f, null := c.selected(e); f != nil && null && !e.AsSelect().IsTestOnly() {
			return e
		}
	case ast.CallKind:
		if call := e.AsCall(); call.FunctionName() == operators.Conditional {
			for _, branch := range call.Args()[1:] {
				if branch.Kind() == ast.LiteralKind || branch.Kind() == ast.CallKind {
					if null := c.nullPart(branch); null != nil {
						return null
					}
				}
			}
		}
	}
	return nil
}

// nullWords says why a part of an expression may be null.
func (c *exprCompiler) nullWords(part ast.Expr) string {
	if f, null := c.selected(part); null && !f.Type.Null && part.AsSelect().Operand().AsIdent() == "input" {
		return "this may be null, since a caller may leave it out"
	}
	return "this may be null"
}

// instead gives an expression that takes the place of one that may be null.
func instead(null ast.Expr) string {
	path := pathOf(null)
	if path == "" {
		path = "x"
	}
	text := path + " != null ? " + path + " : …"
	if strings.HasPrefix(path, "event.") {
		text += ", also where the `if` of every emit rules null out: it is not looked at here"
	}
	return text
}

// nullOperand gives a part of a calculation that may be null, though nothing in the expression looks
// whether it is.
func (c *exprCompiler) nullOperand(tree *ast.AST) (null ast.Expr) {
	looked := map[string]bool{}
	visit(tree, func(e ast.Expr) {
		switch {
		case e.Kind() == ast.SelectKind && e.AsSelect().IsTestOnly():
			looked[pathOf(e)] = true
		case e.Kind() == ast.CallKind && (e.AsCall().FunctionName() == operators.Equals || e.AsCall().FunctionName() == operators.NotEquals):
			args := e.AsCall().Args()
			for i, arg := range args {
				if other := args[1-i]; other.Kind() == ast.LiteralKind && other.AsLiteral() == types.NullValue {
					looked[pathOf(arg)] = true
				}
			}
		}
	})
	visit(tree, func(e ast.Expr) {
		if e.Kind() != ast.CallKind || !slices.Contains(calculations, e.AsCall().FunctionName()) {
			return
		}
		for _, arg := range e.AsCall().Args() {
			if arg.Kind() != ast.SelectKind && arg.Kind() != ast.IdentKind {
				continue
			}
			if part := c.nullPart(arg); part != nil && null == nil && !looked[pathOf(part)] {
				null = part
			}
		}
	})
	return null
}

var calculations = []string{operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate}

// pathOf writes a name, or a member of one, as the author did; "" for anything else.
func pathOf(e ast.Expr) string {
	switch e.Kind() {
	case ast.IdentKind:
		return e.AsIdent()
	case ast.SelectKind:
		if of := pathOf(e.AsSelect().Operand()); of != "" {
			return of + "." + e.AsSelect().FieldName()
		}
	}
	return ""
}

// registeredClaim tells which of the claims whose type every token keeps to (RFC 7519, 4.1) an
// expression is.
func registeredClaim(e ast.Expr) (claim string, kind *types.Type) {
	switch claim, _ = strings.CutPrefix(pathOf(e), "auth."); claim {
	case "sub", "iss", "jti":
		return claim, types.StringType
	case "exp", "nbf", "iat":
		return claim, types.IntType
	}
	return "", nil
}

// at makes a complaint about the part of that id; 0 is the whole expression. The tree that knows
// the places may stand behind the arguments of the format.
func (c *exprCompiler) at(id int64, format string, args ...any) *ExprError {
	e := &ExprError{}
	if n := len(args); n > 0 {
		if tree, ok := args[n-1].(*ast.AST); ok {
			args = args[:n-1]
			if r, ok := tree.SourceInfo().GetOffsetRange(id); ok {
				e.Offset = byteOffset(c.src, int(r.Start))
			}
		}
	}
	e.Message = fmt.Sprintf(format, args...)
	return e
}

// convert makes the result of an expression what is wanted. The text says why it cannot be.
func convert(v Value, want *Type) (Value, string) {
	if v.IsNull() {
		if want.Null {
			return v, ""
		}
		return v, reasonNull
	}
	switch want.Kind {
	case KindFloat:
		if v.kind == IntValue {
			return Float(float64(v.n)), ""
		}
		if f := v.Float(); v.kind == FloatValue && f-f != 0 {
			return Null, reasonTooLarge
		}
	case KindInt:
		// The numbers of a token have no type of their own.
		if v.kind == FloatValue && v.Float() == float64(int64(v.Float())) {
			return Int(int64(v.Float())), ""
		}
	case KindDecimal:
		if v.kind == IntValue {
			v = Decimal(v.n, 0)
		}
		if v.kind == DecimalValue {
			exact, ok := rescale(v, uint8(want.Scale))
			if !ok {
				return Null, fmt.Sprintf("a decimal does not fit in %d digits behind the point", want.Scale)
			}
			return exact, ""
		}
	case KindUUID:
		if v.kind == StringValue {
			u, p := parseUUID(v.s)
			if p.bad() {
				return Null, "a text is no uuid"
			}
			return u, ""
		}
	case KindTime:
		// A claim's time is a text.
		if v.kind == StringValue {
			if t, p := parseTime(v.s); !p.bad() {
				return t, ""
			}
		}
	}
	if v.kind != want.valueKind() {
		return Null, "a claim or value is not " + article(want.String())
	}
	return v, ""
}
