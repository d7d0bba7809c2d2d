package model

import (
	"regexp"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
)

// selected gives the field of the model that `root.name` reads, and whether it may be null.
func (c *exprCompiler) selected(e ast.Expr) (*Field, bool) {
	if e.Kind() != ast.SelectKind || e.AsSelect().Operand().Kind() != ast.IdentKind {
		return nil, false
	}
	name := e.AsSelect().Operand().AsIdent()
	i := slices.IndexFunc(c.roots, func(r root) bool { return r.name == name })
	if i < 0 {
		return nil, false
	}
	obj := c.objects.members[c.roots[i].celType.TypeName()]
	if obj == nil {
		return nil, false
	}
	member := e.AsSelect().FieldName()
	return obj.model[member], obj.nullOK[member]
}

// fieldAt gives the field that a part of an expression reads, nil if it is none.
func (c *exprCompiler) fieldAt(e ast.Expr) *Field {
	if e.Kind() == ast.IdentKind {
		if i := slices.IndexFunc(c.roots, func(r root) bool { return r.name == e.AsIdent() }); i >= 0 {
			return c.roots[i].field
		}
		return nil
	}
	f, _ := c.selected(e)
	return f
}

// checkParts refuses what CEL's types allow and would surprise the author.
func (c *exprCompiler) checkParts(tree *ast.AST) (err error) {
	visit(tree, func(e ast.Expr) {
		if err != nil {
			return
		}
		switch e.Kind() {
		case ast.CallKind:
			err = c.checkCall(tree, e.AsCall())
		case ast.ComprehensionKind:
			name := e.AsComprehension().IterVar()
			if slices.ContainsFunc(c.roots, func(r root) bool { return r.name == name }) {
				err = c.at(e.AsComprehension().IterRange().ID(), "%s already stands for something else; call the items of the list by another name", name, tree)
			}
		}
	})
	return err
}

// checkCall refuses to compare an enum with a text that it never holds, since a misspelt one would
// make a rule or a guard quietly false; and a pattern out of a request, since it could be made to
// cost anything.
func (c *exprCompiler) checkCall(tree *ast.AST, call ast.CallExpr) error {
	args := call.Args()
	switch call.FunctionName() {
	case operators.Equals, operators.NotEquals:
		if err := c.checkEnum(tree, args[0], args[1]); err != nil {
			return err
		}
		return c.checkEnum(tree, args[1], args[0])
	case operators.In:
		if args[1].Kind() != ast.ListKind {
			return nil
		}
		for _, element := range args[1].AsList().Elements() {
			if err := c.checkEnum(tree, args[0], element); err != nil {
				return err
			}
		}
	case overloads.Matches:
		pattern := args[len(args)-1]
		text, ok := types.String(""), false
		if pattern.Kind() == ast.LiteralKind {
			text, ok = pattern.AsLiteral().(types.String)
		}
		if !ok {
			return c.at(firstPart(pattern), "the pattern of matches must be written out here, as one from outside could cost anything", tree)
		}
		if _, err := regexp.Compile(string(text)); err != nil {
			return c.at(pattern.ID(), "this is not a pattern in the syntax of RE2", tree)
		}
	}
	return nil
}

func (c *exprCompiler) checkEnum(tree *ast.AST, at, literal ast.Expr) error {
	if literal.Kind() != ast.LiteralKind {
		return nil
	}
	text, ok := literal.AsLiteral().(types.String)
	f := c.fieldAt(at)
	if !ok || f == nil || f.Type.Kind != KindEnum || slices.Contains(f.Type.Enum, string(text)) {
		return nil
	}
	return c.at(literal.ID(), "%s is never %q%s", f.Name, string(text), didYouMean(string(text), f.Type.Enum), tree)
}
