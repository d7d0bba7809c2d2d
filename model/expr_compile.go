package model

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/types"
)

// root is one name that an expression may begin with, and where its value is found.
type root struct {
	name    string
	kind    rootKind
	index   int // of the argument, step or load
	celType *types.Type
	field   *Field // of an argument
	null    bool   // an argument that may be null
}

type rootKind uint8

const (
	rootParam rootKind = iota
	rootInput
	rootItem
	rootEvent
	rootRow
	rootStep
	rootLoad
	rootAuth
	rootNow
)

// exprCompiler compiles one expression.
type exprCompiler struct {
	env     *Env
	src     string
	roots   []root
	objects *objects
}

func compileExpr(env *Env, src string) (*program, []string, error) {
	if env == nil {
		env = &Env{}
	}
	if !utf8.ValidString(src) || strings.IndexByte(src, 0) >= 0 {
		return nil, nil, &ExprError{Message: "the expression is not text in UTF-8"}
	}
	if utf8.RuneCountInString(src) > maxExprSource {
		return nil, nil, &ExprError{Message: fmt.Sprintf("the expression is longer than %d characters", maxExprSource)}
	}
	if strings.TrimSpace(src) == "" {
		return nil, nil, &ExprError{Message: "the expression is empty"}
	}
	c := &exprCompiler{env: env, src: src, objects: newObjects()}
	c.declare()
	return c.compile()
}

// declare lists the roots. Of two with one name the first counts.
func (c *exprCompiler) declare() {
	add := func(r root) {
		if r.name != "" && !slices.ContainsFunc(c.roots, func(o root) bool { return o.name == r.name }) {
			c.roots = append(c.roots, r)
		}
	}
	add(root{name: "now", kind: rootNow, celType: types.TimestampType})
	if c.env.Auth {
		add(root{name: "auth", kind: rootAuth, celType: types.NewMapType(types.StringType, types.DynType)})
	}
	if c.env.Input != nil {
		add(root{name: "input", kind: rootInput, celType: c.objects.args("input", c.env.Input, true)})
	}
	if c.env.Item != nil {
		add(root{name: "item", kind: rootItem, celType: c.objects.args("item", c.env.Item, false)})
	}
	if c.env.Event != nil {
		add(root{name: "event", kind: rootEvent, celType: c.objects.args("event", c.env.Event, false)})
	}
	if c.env.Row != nil {
		add(root{name: "row", kind: rootRow, celType: c.objects.row(c.env.Row)})
	}
	for i, e := range c.env.Steps {
		add(root{name: e.Name, kind: rootStep, index: i, celType: c.objects.row(e)})
	}
	for i, l := range c.env.Loads {
		add(root{name: l.Name, kind: rootLoad, index: i, celType: c.objects.row(l.Entity)})
	}
	for _, in := range c.env.Params {
		if in.Items != nil {
			continue // lists are reached by input.name
		}
		null := in.Type.Null || !in.Required
		add(root{name: in.Name, kind: rootParam, index: in.Index, celType: celType(&in.Type, null), field: in.Field, null: null})
	}
}

func (c *exprCompiler) compile() (*program, []string, error) {
	options := []cel.EnvOption{cel.CustomTypeAdapter(c.objects), cel.CustomTypeProvider(c.objects)}
	for _, r := range c.roots {
		options = append(options, cel.Variable(r.name, r.celType))
	}
	env, err := baseEnv().Extend(options...)
	if err != nil {
		return nil, nil, &ExprError{Message: "the names in scope clash: " + err.Error()}
	}
	parsed, issues := env.Parse(c.src)
	if issues.Err() != nil {
		return nil, nil, c.complaint(issues, nil)
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, nil, c.complaint(issues, parsed)
	}
	tree := checked.NativeRep()
	if err := c.checkParts(tree); err != nil {
		return nil, nil, err
	}
	if err := c.checkResult(tree, checked.OutputType()); err != nil {
		return nil, nil, err
	}
	lists, err := c.checkCost(env, checked)
	if err != nil {
		return nil, nil, err
	}
	return c.plan(env, checked, lists)
}

// plan makes the program of a checked expression. lists tells whether it goes through lists.
func (c *exprCompiler) plan(env *cel.Env, checked *cel.Ast, lists bool) (*program, []string, error) {
	options := []cel.ProgramOption{cel.EvalOptions(cel.OptOptimize)}
	if lists {
		options = append(options, cel.CostLimit(maxExprCost))
	}
	run, err := env.Program(checked, options...)
	if err != nil {
		return nil, nil, c.at(0, "%s", firstSentence(err.Error()))
	}
	p := &program{run: run}
	if c.env.Want != nil {
		want := *c.env.Want
		p.want = &want
	}
	uses := []string{}
	visit(checked.NativeRep(), func(e ast.Expr) {
		if e.Kind() != ast.IdentKind {
			return
		}
		name := strings.TrimPrefix(e.AsIdent(), ".")
		i := slices.IndexFunc(c.roots, func(r root) bool { return r.name == name })
		if i >= 0 && !slices.Contains(uses, name) {
			uses = append(uses, name)
			p.roots = append(p.roots, c.roots[i])
		}
	})
	if err := c.fix(p, env, checked); err != nil {
		return nil, nil, err
	}
	return p, uses, nil
}

// fix finds out whether the expression has one value whatever it is evaluated against, by
// evaluating it with everything unknown.
func (c *exprCompiler) fix(p *program, env *cel.Env, checked *cel.Ast) error {
	if len(p.roots) == 0 {
		v, err := p.eval(&Scope{})
		if err != nil {
			return c.at(0, "the expression never has a value: %s", reasonOf(err))
		}
		if p.want != nil {
			if wrong := p.want.holds(v); wrong.bad() {
				return c.at(0, "the value %s", wrong.text)
			}
		}
		p.constant, p.fixed = v, true
		return nil
	}
	if c.env.Want != nil || !mayBeFixed(checked.NativeRep()) {
		return nil
	}
	run, err := env.Program(checked, cel.EvalOptions(cel.OptPartialEval))
	if err != nil {
		return c.at(0, "%s", firstSentence(err.Error()))
	}
	unknown := make([]*cel.AttributePatternType, len(p.roots))
	for i, r := range p.roots {
		unknown[i] = cel.AttributePattern(r.name)
	}
	vars, err := cel.PartialVars(map[string]any{}, unknown...)
	if err != nil {
		return c.at(0, "%s", firstSentence(err.Error()))
	}
	out, _, err := run.Eval(vars)
	if b, ok := out.(types.Bool); err == nil && ok {
		p.constant, p.fixed = Bool(bool(b)), true
	}
	return nil
}

// mayBeFixed tells whether a part of the expression is constant, so that it could decide the whole.
func mayBeFixed(tree *ast.AST) bool {
	found := false
	visit(tree, func(e ast.Expr) {
		boolean := e.Kind() == ast.LiteralKind && e.AsLiteral().Type() == types.BoolType
		found = found || boolean || e.Kind() == ast.CallKind && len(e.AsCall().Args()) > 0 && isConstant(e)
	})
	return found
}

// isConstant tells whether an expression consists of literals only.
func isConstant(e ast.Expr) bool {
	switch e.Kind() {
	case ast.LiteralKind:
		return true
	case ast.CallKind:
		return !e.AsCall().IsMemberFunction() && !slices.ContainsFunc(e.AsCall().Args(), variable)
	case ast.ListKind:
		return !slices.ContainsFunc(e.AsList().Elements(), variable)
	}
	return false
}

func variable(e ast.Expr) bool { return !isConstant(e) }

// checkCost refuses an expression that may cost too much, and tells whether it goes through lists:
// then its cost depends on what it is given, and is counted at each evaluation. Everything else
// takes each part of the source once at most, so it needs no counting.
func (c *exprCompiler) checkCost(env *cel.Env, checked *cel.Ast) (lists bool, err error) {
	visit(checked.NativeRep(), func(e ast.Expr) { lists = lists || e.Kind() == ast.ComprehensionKind })
	estimate, err := env.EstimateCost(checked, sizes{c})
	if err != nil {
		return lists, c.at(0, "the cost of the expression cannot be bounded")
	}
	if estimate.Max > maxExprCost {
		return lists, c.at(0, "the expression may cost too much: up to %s steps, and %d are allowed; go through fewer or shorter lists", steps(estimate.Max), maxExprCost)
	}
	return lists, nil
}

func steps(n uint64) string {
	if n == ^uint64(0) {
		return "any number of"
	}
	return fmt.Sprint(n)
}

// sizes tells CEL how large what an expression is given can be.
type sizes struct{ *exprCompiler }

// EstimateCallCost leaves the cost of functions to CEL.
func (s sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
}

// Sizes that are taken where the model declares none: claims are bounded by the size of a token.
const (
	assumedText  = 4096
	assumedItems = 256
)

// EstimateSize gives the size of a field or an argument.
func (s sizes) EstimateSize(node cost.AstNode) *cost.SizeEstimate {
	most := uint64(assumedText)
	if t := node.Type(); t != nil && (t.Kind() == types.ListKind || t.Kind() == types.MapKind || t.Kind() == types.DynKind) {
		most = assumedItems
	}
	path := node.Path()
	switch f, in := s.named(path); {
	case in != nil && in.Max > 0:
		most = uint64(in.Max)
	case f != nil && f.Type.Size > 0:
		most = uint64(f.Type.Size)
	}
	return &cost.SizeEstimate{Min: 0, Max: most}
}

// named finds the field or the list that a path of names leads to.
func (s sizes) named(path []string) (*Field, *Input) {
	if len(path) == 0 {
		return nil, nil
	}
	i := slices.IndexFunc(s.roots, func(r root) bool { return r.name == path[0] })
	if i < 0 {
		return nil, nil
	}
	if len(path) == 1 {
		return s.roots[i].field, nil
	}
	if s.roots[i].kind == rootInput && len(path) == 2 {
		for _, in := range s.env.Input {
			if in.Name == path[1] && in.Items != nil {
				return nil, in
			}
		}
	}
	if obj := s.objects.members[s.roots[i].celType.TypeName()]; obj != nil && len(path) == 2 {
		return obj.model[path[1]], nil
	}
	return nil, nil
}

// visit calls f for every part of an expression.
func visit(tree *ast.AST, f func(ast.Expr)) {
	ast.PreOrderVisit(tree.Expr(), ast.NewExprVisitor(f))
}
