package model

// ruleUse is how a declared rule fared where it is used.
type ruleUse struct {
	node   *node
	tried  int
	errors []ruleError
}

// ruleError is a rule that could not be bound to a pattern.
type ruleError struct {
	at   spot
	what string // the pattern
	env  *Env
	err  *ExprError
}

// allow reads a pattern's own list, or takes the default one, and binds its rules to what a request
// to the pattern carries. own is nil where the pattern has no list.
func (k *compiler) allow(own *node, has bool, at spot, what string, family *Family, env *Env) Allow {
	a := k.m.Access
	var declared Allow
	switch {
	case own != nil:
		declared = k.allowed(k.allowNames(own, what+": allow"), what+": allow")
		at = own.spot
	case has || k.broken["access"]:
		return Allow{}
	case a == nil:
		return Allow{Public: true}
	case k.nodes["default allow"] == nil:
		return Allow{None: true} // what no line allows is refused
	default:
		declared = a.Default
	}
	out := Allow{Public: declared.Public, Anyone: declared.Anyone, None: declared.None}
	for _, r := range declared.Rules {
		spot := at
		for _, x := range k.list(own, "") {
			if x.kind == scalarNode && x.text == r.Name {
				spot = x.spot
			}
		}
		if b := k.bind(r, spot, what, family, env); b != nil {
			out.Rules = append(out.Rules, b)
		}
	}
	return out
}

// bind compiles a rule against what a request to a pattern carries.
func (k *compiler) bind(r *Rule, at spot, what string, family *Family, base *Env) *Rule {
	if family == k.unknown {
		return nil
	}
	use := k.uses[r]
	use.tried++
	env := *base
	env.Auth, env.Loads = true, nil
	roots := exprRoots(r.Text)
	bound := &Rule{Name: r.Name, Text: r.Text}
	for _, l := range k.m.Access.Loads {
		if !roots[l.Name] {
			continue
		}
		if l.Entity.Family == k.unknown {
			use.tried--
			return nil
		}
		if l.Entity.Family != family {
			k.refuse(at, "%s uses the rule %q, which looks at a row of %q in partition %q, but the request is in %q",
				what, r.Name, l.Entity.Name, l.Entity.Family.Name, family.Name).
				why("a rule is decided within the request's own partition").
				fix("give the pattern its own `allow` with rules that it can decide")
			return nil
		}
		env.Loads = append(env.Loads, l)
		bound.Loads = append(bound.Loads, l)
	}
	x, err := k.tryExpr(r.Text, &env)
	if err != nil {
		use.errors = append(use.errors, ruleError{at: at, what: what, env: &env, err: err})
		return nil
	}
	bound.Expr = x
	return bound
}

// finishRules complains about rules that could not be bound: once at the rule where it is wrong by
// itself, otherwise at each pattern that cannot decide it.
func (k *compiler) finishRules() {
	if k.m.Access == nil {
		return
	}
	all := k.everyParam()
	for _, l := range k.m.Access.Loads {
		if fieldNamed(all, l.Name) != nil {
			k.refuse(k.place["load "+l.Name], "load %q has the name of a field that requests carry", l.Name).
				why("a rule could not tell the two apart").fix("give the load another name, such as %s_row", l.Name)
		}
	}
	for _, r := range k.m.Access.Rules {
		use := k.uses[r]
		what := quoted("rule", r.Name)
		env := &Env{Params: all, Loads: k.m.Access.Loads, Auth: true}
		x, err := k.tryExpr(r.Text, env)
		if err != nil && use.tried == 0 && (k.unknown != nil || k.anyBroken("read ") || k.anyBroken("write ") || k.anyBroken("partition ")) {
			continue // what it speaks of may be in what was refused
		}
		if err != nil && (use.tried == 0 || len(use.errors) == use.tried) {
			k.refuseExpr(use.node, env, what, err)
			continue
		}
		if err == nil {
			if k.neverFalse(use.node, x, what) {
				continue
			}
			if v, fixed := x.Constant(); fixed && !v.Bool() {
				k.refuseNever(use.node.spot, what, r.Text)
				continue
			}
		}
		k.checkExpr(use.node, env, what)
		for _, e := range use.errors {
			if !k.mentionsBroken(r.Text, e.env) {
				k.refuseBinding(r, e)
			}
		}
	}
}

func (k *compiler) refuseBinding(r *Rule, e ruleError) {
	known := map[string]bool{"auth": true, "now": true, "input": e.env.Input != nil}
	for _, p := range e.env.Params {
		known[p.Name] = true
	}
	for _, l := range e.env.Loads {
		known[l.Name] = true
	}
	for _, word := range sortedKeys(exprRoots(r.Text)) {
		if !known[word] {
			k.refuse(e.at, "%s uses the rule %q, which speaks of %q, but a request to it does not carry that", e.what, r.Name, word).
				why("a rule may speak of the partition, the key and what the request must give").
				fix("give the pattern its own `allow`, or let it be given %s", word)
			return
		}
	}
	k.refuse(e.at, "%s cannot decide the rule %q: %s", e.what, r.Name, e.err.Message).fix("give the pattern its own `allow`")
}

// everyParam is what any request carries, each name once.
func (k *compiler) everyParam() (out []*Input) {
	seen := map[string]bool{}
	add := func(list []*Input) {
		for _, p := range list {
			if !seen[p.Name] && p.Items == nil {
				seen[p.Name] = true
				out = append(out, &Input{Field: p.Field, Index: len(out)})
			}
		}
	}
	for _, r := range k.m.Reads {
		add(r.Params)
	}
	for _, w := range k.m.Writes {
		add(k.writes[w].params)
	}
	for _, f := range k.m.Families {
		add([]*Input{{Field: f.By}})
	}
	return out
}
