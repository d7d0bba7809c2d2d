package load

import (
	"maps"
	"regexp"
	"strconv"

	"github.com/partita-dev/partita/model"
)

// principals says what is in callers' tokens. Each partition has a caller of its own, whose `sub` is
// the partition's value: so rules that compare them hold. Beside it a token has every claim that the
// rules compare with something fixed.
type principals struct {
	fixed  map[string]any
	equals []string // claims that are compared with something of the request: they are as `sub`
}

// What rules look like that ask for a claim. What is written otherwise needs claims that are given.
var (
	inClaim    = regexp.MustCompile(`['"]([^'"]*)['"]\s+in\s+auth\.(\w+)`)
	claimIs    = regexp.MustCompile(`auth\.(\w+)\s*==\s*['"]([^'"]*)['"]`)
	isClaim    = regexp.MustCompile(`['"]([^'"]*)['"]\s*==\s*auth\.(\w+)`)
	claimOf    = regexp.MustCompile(`auth\.(\w+)\s+in\s+\[\s*['"]([^'"]*)['"]`)
	claimIsOne = regexp.MustCompile(`auth\.(\w+)\s*==\s*([a-z]\w*)\b[^(.]?`)
	isOneClaim = regexp.MustCompile(`\b([a-z]\w*)\s*==\s*auth\.(\w+)`)
	claimLeast = regexp.MustCompile(`auth\.(\w+)\s*>=?\s*(\d+)`)
	claimTrue  = regexp.MustCompile(`auth\.(\w+)\s*(?:==\s*true)?\s*(?:$|&&|\|\||\))`)
)

func newPrincipals(m *model.Model, given map[string]any) principals {
	p := principals{fixed: map[string]any{}}
	if m.Access == nil {
		return p
	}
	for _, rule := range m.Access.Rules {
		for _, x := range inClaim.FindAllStringSubmatch(rule.Text, -1) {
			list, _ := p.fixed[x[2]].([]any)
			p.fixed[x[2]] = append(list, x[1])
		}
		for _, form := range []struct {
			re          *regexp.Regexp
			name, value int
		}{{claimIs, 1, 2}, {isClaim, 2, 1}, {claimOf, 1, 2}} {
			for _, x := range form.re.FindAllStringSubmatch(rule.Text, -1) {
				if x[form.name] != "sub" {
					p.fixed[x[form.name]] = x[form.value]
				}
			}
		}
		for _, x := range claimLeast.FindAllStringSubmatch(rule.Text, -1) {
			if n, err := strconv.ParseInt(x[2], 10, 64); err == nil {
				p.fixed[x[1]] = n + 1
			}
		}
		for _, x := range claimIsOne.FindAllStringSubmatch(rule.Text, -1) {
			if x[1] != "sub" && x[2] != "true" && x[2] != "false" {
				p.equals = append(p.equals, x[1])
			}
		}
		for _, x := range isOneClaim.FindAllStringSubmatch(rule.Text, -1) {
			if x[2] != "sub" {
				p.equals = append(p.equals, x[2])
			}
		}
		for _, x := range claimTrue.FindAllStringSubmatch(rule.Text, -1) {
			if _, known := p.fixed[x[1]]; !known && x[1] != "sub" {
				p.fixed[x[1]] = true
			}
		}
	}
	maps.Copy(p.fixed, given)
	return p
}

// of gives the claims of a partition's caller.
func (p *principals) of(sub string) map[string]any {
	claims := maps.Clone(p.fixed)
	for _, name := range p.equals {
		if _, fixed := claims[name]; !fixed {
			claims[name] = sub
		}
	}
	if _, given := claims["sub"]; !given {
		claims["sub"] = sub
	}
	return claims
}

// Caller gives the claims of the token with which the p-th partition of a family is asked.
func (w *World) Caller(f *model.Family, p int) map[string]any {
	return w.claims.of(w.subject(f, p).Text())
}

// ownSub is how a load names the caller.
var ownSub = regexp.MustCompile(`^\s*auth\.sub\s*$`)

// fixRows sees to the rows that rules load: the first row of the entity is the caller's, and has what
// the rules compare it with.
func (w *World) fixRows() {
	if w.Model.Access == nil {
		return
	}
	for _, l := range w.Model.Access.Loads {
		for i, k := range l.Key {
			f := l.Entity.Key[i]
			switch {
			case k.Expr != nil && ownSub.MatchString(k.Expr.Source):
				w.fixed[l.Entity] = append(w.fixed[l.Entity], fixed{field: f, sub: true})
			case k.Expr == nil && k.Input == nil && !k.Literal.IsNull():
				w.fixed[l.Entity] = append(w.fixed[l.Entity], fixed{field: f, value: k.Literal})
			}
		}
		compared := regexp.MustCompile(`\b` + regexp.QuoteMeta(l.Name) + `\.(\w+)\s*==\s*['"]([^'"]*)['"]`)
		for _, rule := range w.Model.Access.Rules {
			for _, x := range compared.FindAllStringSubmatch(rule.Text, -1) {
				if f := l.Entity.Field(x[1]); f != nil && f.Pos > 0 {
					w.fixed[l.Entity] = append(w.fixed[l.Entity], fixed{field: f, value: model.String(x[2])})
				}
			}
		}
	}
}
