package accessplan

import (
	"strings"

	"github.com/partita-dev/partita/model"
)

// AccessPlan tells who may do what.
type AccessPlan struct {
	Service string       `json:"service"`
	Open    bool         `json:"open"` // the model has no access section: loopback only, everyone may do all
	Loads   []Load       `json:"loads,omitempty"`
	Rules   []Rule       `json:"rules"`
	Reads   []Permission `json:"reads"`
	Writes  []Permission `json:"writes"`
	Feeds   []Permission `json:"feeds,omitempty"`
}

// Load is a row that rules look at.
type Load struct {
	Name   string   `json:"name"`
	Entity string   `json:"entity"`
	Key    []string `json:"key"` // as "field = expression"
}

// Rule is one named expression.
type Rule struct {
	Name    string   `json:"name"`
	If      string   `json:"if"`
	Allowed []string `json:"allowed"` // the patterns that it opens
}

// Permission tells who may use one pattern. Any one of its rules is enough.
type Permission struct {
	Pattern string   `json:"pattern"`
	Public  bool     `json:"public,omitempty"` // without a token
	Anyone  bool     `json:"anyone,omitempty"` // any verified caller
	Nobody  bool     `json:"nobody,omitempty"` // only the service itself
	Rules   []Grant  `json:"rules,omitempty"`
	Loads   []string `json:"loads,omitempty"` // rows that each call loads for its rules
}

// Grant is a rule as it is used by one pattern.
type Grant struct {
	Name string `json:"name"`
	If   string `json:"if"`
}

// Access gives who may do what in a model.
func Access(m *model.Model) *AccessPlan {
	a := &AccessPlan{Service: m.Service, Open: m.Access == nil, Rules: []Rule{}}
	for _, r := range m.Reads {
		a.Reads = append(a.Reads, access(m, r.Name, r.Allow))
	}
	for _, w := range m.Writes {
		a.Writes = append(a.Writes, access(m, w.Name, w.Allow))
	}
	for _, f := range m.Feeds {
		a.Feeds = append(a.Feeds, access(m, f.Name, f.Allow))
	}
	if m.Access == nil {
		return a
	}
	for _, l := range m.Access.Loads {
		load := Load{Name: l.Name, Entity: l.Entity.Name}
		for _, k := range l.Key {
			load.Key = append(load.Key, k.Field.Name+" = "+sourceText(k))
		}
		a.Loads = append(a.Loads, load)
	}
	for _, r := range m.Access.Rules {
		a.Rules = append(a.Rules, Rule{Name: r.Name, If: r.Text, Allowed: a.allowedBy(r.Name)})
	}
	return a
}

func access(m *model.Model, pattern string, allow model.Allow) Permission {
	out := Permission{Pattern: pattern, Public: allow.Public || m.Access == nil, Anyone: allow.Anyone}
	for _, r := range allow.Rules {
		out.Rules = append(out.Rules, Grant{r.Name, r.Text})
	}
	for _, l := range loadsOf(allow) {
		out.Loads = append(out.Loads, l.Name)
	}
	out.Nobody = !out.Public && !out.Anyone && len(out.Rules) == 0
	return out
}

func (a *AccessPlan) allowedBy(rule string) []string {
	patterns := []string{}
	for _, group := range [][]Permission{a.Reads, a.Writes, a.Feeds} {
		for _, x := range group {
			for _, g := range x.Rules {
				if g.Name == rule {
					patterns = append(patterns, x.Pattern)
				}
			}
		}
	}
	return patterns
}

func sourceText(s model.Source) string {
	switch {
	case s.Expr != nil:
		return s.Expr.Source
	case s.Input != nil && s.Item:
		return "item." + s.Input.Name
	case s.Input != nil:
		return "input." + s.Input.Name
	}
	return string(model.AppendJSON(nil, s.Literal))
}

// Text renders it for people.
func (a *AccessPlan) Text() string {
	var out page
	if a.Open {
		out.line(a.Service + ": no access section, so everyone may do everything, and only loopback is served")
	} else {
		out.line(a.Service + ": what no line allows is refused")
	}
	if len(a.Rules) > 0 {
		out.heading("RULES", "HOLDS IF")
		for _, r := range a.Rules {
			out.row(r.Name, r.If)
		}
	}
	if len(a.Loads) > 0 {
		out.heading("LOADS", "ROW OF", "BY")
		for _, l := range a.Loads {
			by := "the partition alone"
			if len(l.Key) > 0 {
				by = strings.Join(l.Key, ", ")
			}
			out.row(l.Name, l.Entity, by)
		}
	}
	groupText(&out, "READS", a.Reads)
	groupText(&out, "WRITES", a.Writes)
	groupText(&out, "FEEDS", a.Feeds)
	return out.String()
}

func groupText(out *page, title string, list []Permission) {
	if len(list) == 0 {
		return
	}
	out.heading(title, "FOR WHOM", "BECAUSE")
	for _, x := range list {
		whom, because := x.text()
		out.row(x.Pattern, whom, because)
	}
}

func (x Permission) text() (whom, because string) {
	switch {
	case x.Public:
		return "everyone", "no token needed"
	case x.Anyone:
		return "anyone", "any verified caller"
	case x.Nobody:
		return "nobody", "only the service itself"
	}
	var ifs []string
	for _, g := range x.Rules {
		ifs = append(ifs, g.If)
	}
	because = strings.Join(ifs, "  or  ")
	return strings.Join(names(x.Rules, func(g Grant) string { return g.Name }), ", "), because
}
