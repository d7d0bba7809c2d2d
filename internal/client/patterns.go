package client

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// shown gives the type of a read's rows.
func (g *generator) shown(r *model.Read) string {
	if len(r.Fields) == len(r.Of.Fields) {
		return g.types["row "+r.Of.Name]
	}
	name := g.name("shown "+r.Name, camel(r.Name)+"Row", "Row")
	g.later = append(g.later, func() { g.row(name, "is what "+r.Name+" shows of a row of "+r.Of.Name+".", r.Of.Name, r.Fields) })
	return name
}

// read writes the method of a read; of a list also one that gives a single page.
func (g *generator) read(r *model.Read, name string) {
	row, family := g.shown(r), r.Of.Family
	given := r.Params // what is always given
	if r.List {
		given = r.Params[:1+len(r.By)]
	}
	var params []string
	for _, in := range given {
		params = append(params, variable(in.Name)+" "+g.goType(in.Field, r.Of.Name))
	}
	where := fmt.Sprintf("place(%q, text(%s))", family.Name, variable(given[0].Name))
	path := pathOf("/v1/"+r.Name, given[:1])
	g.url = true
	if !r.List {
		g.line("// %s reads one %s. %s", name, r.Of.Name, freshness(r))
		g.line("func (c *Client) %s(ctx context.Context, %s, options ...Option) (%s, error) {", name, strings.Join(params, ", "), row)
		g.line("return get[%s](ctx, c, c.read(%s, %s, options))\n}\n", row, pathOf("/v1/"+r.Name, given), where)
		return
	}
	q, query := "", "nil"
	if len(given) > 1 {
		pairs := make([]string, len(r.By))
		for i, in := range given[1:] {
			pairs[i] = fmt.Sprintf("%q: {text(%s)}", in.Name, variable(in.Name))
		}
		query = "url.Values{" + strings.Join(pairs, ", ") + "}"
	}
	if len(r.Params) > len(given) || r.Range != nil {
		narrow := g.name("query "+r.Name, camel(r.Name)+"Query", "Of")
		g.later = append(g.later, func() { g.query(narrow, r) })
		if query == "nil" {
			query = "url.Values{}"
		}
		q, query = "q "+narrow+", ", "q.values("+query+")"
	}
	list := fmt.Sprintf("c.list(%s, %s, %s, options)", path, where, query)
	g.line("// %s reads the rows of %s one after the other, page by page. %s", name, r.Of.Name, freshness(r))
	g.line("func (c *Client) %s(ctx context.Context, %s, %soptions ...Option) iter.Seq2[%s, error] {", name, strings.Join(params, ", "), q, row)
	g.line("return all[%s](ctx, c, %s)\n}\n", row, list)
	g.line("// %sPage reads one page of %s.", name, name)
	g.line("func (c *Client) %sPage(ctx context.Context, %s, %sat Cursor, options ...Option) (Page[%s], error) {", name, strings.Join(params, ", "), q, row)
	g.line("return get[Page[%s]](ctx, c, %s(at))\n}\n", row, list)
}

// query writes the type of what a list may be narrowed to.
func (g *generator) query(name string, r *model.Read) {
	g.line("// %s narrows %s. The zero value takes all.", name, r.Name)
	g.line("type %s struct {", name)
	members, puts := members{}, []string{}
	put := func(f *model.Field, parameter, words string) {
		member := members.name(strings.ReplaceAll(parameter, ".", "_"))
		g.line("%s Opt[%s] // %s", member, g.goType(f, r.Of.Name), words)
		puts = append(puts, fmt.Sprintf("put(values, %q, q.%s)", parameter, member))
	}
	for _, in := range r.Params[1+len(r.By):] {
		words := "only rows with this value"
		if in.Type.Null {
			words += "; Null: only those without one"
		}
		put(in.Field, in.Name, words)
	}
	if r.Range != nil {
		put(r.Range, r.Range.Name+".from", "only rows from this value on")
		put(r.Range, r.Range.Name+".to", "only rows below this value")
	}
	g.line("}\n\nfunc (q *%s) values(values url.Values) url.Values {\n%s\nreturn values\n}\n", name, strings.Join(puts, "\n"))
}

// write writes the methods of a write: the one that waits for it, and the one that has it accepted.
func (g *generator) write(w *model.Write, methods map[string]bool) {
	base := method(methods, camel(w.Name), "Write")
	in := g.name("input "+w.Name, camel(w.Name)+"Input", "Of")
	g.later = append(g.later, func() { g.input(in, "is what "+w.Name+" takes.", owner(w), w.Inputs) })
	answer := g.answer(w)
	call := fmt.Sprintf("c.write(%q, place(%q, text(in.%s)), &in, options)", w.Name, w.Family.Name, members{}.name(w.Inputs[0].Name))
	if w.Async != model.AsyncAlways {
		g.line("// %s makes the write %s and gives what was committed.", base, w.Name)
		if answer == "struct{}" {
			g.line("func (c *Client) %s(ctx context.Context, in %s, options ...Option) error {\nreturn tell(ctx, c, %s)\n}\n", base, in, call)
		} else {
			g.line("func (c *Client) %s(ctx context.Context, in %s, options ...Option) (%s, error) {\nreturn get[%s](ctx, c, %s)\n}\n", base, in, answer, answer, call)
		}
	}
	if w.Async != model.Sync {
		name := base
		if w.Async == model.AsyncOffered {
			name = method(methods, base+"Later", "Write")
		}
		g.line("// %s has the write %s accepted, durably; the service carries it out later, once, in the order of its partition.", name, w.Name)
		g.line("func (c *Client) %s(ctx context.Context, in %s, options ...Option) (*Operation[%s], error) {\nreturn accept[%s](ctx, c, %s)\n}\n", name, in, answer, answer, call)
	}
}

// feed writes the method of a feed.
func (g *generator) feed(f *model.Feed, name string) {
	change := g.name("change "+f.Name, camel(f.Name)+"Change", "Of")
	row := g.name("changed "+f.Name, camel(f.Name)+"ChangedRow", "Of")
	family := f.Of[0].Family
	p := variable(family.By.Name)
	g.url, g.time = true, true
	g.line("// %s follows the changes of one %s behind the version after, or, with Now, from what happens next. It", name, family.Name)
	g.line("// comes again where the connection breaks and misses nothing; it ends with ctx, or with an error that")
	g.line("// coming again does not help.")
	g.line("func (c *Client) %s(ctx context.Context, %s %s, after int64) iter.Seq2[%s, error] {", name, p, g.goType(family.By, family.Name), change)
	g.line("return follow[%s](ctx, c, \"/v1/feeds/%s/\"+url.PathEscape(text(%s)), after)\n}\n", change, f.Name, p)
	g.line("// %s is one commit, as the feed %s shows it.", change, f.Name)
	g.line("type %s struct {\nVersion int64 `json:\"version\"`\nTime time.Time `json:\"time\"`\nChanges []%s `json:\"changes\"`\n}\n", change, row)
	g.json = true
	g.line("// %s is one row that changed: exactly one of the rows is set. Of a row that is gone only partition and key are known.", row)
	g.line("type %s struct {\nOp string // insert, update, delete or expire", row)
	for _, e := range f.Of {
		g.line("%s *%s", memberOf(e), g.types["row "+e.Name])
	}
	g.line("}\n")
	g.line("// UnmarshalJSON reads the row by the entity that it is of.")
	g.line("func (r *%s) UnmarshalJSON(data []byte) error {", row)
	g.line("var raw struct {\nEntity string `json:\"entity\"`\nOp string `json:\"op\"`\nRow json.RawMessage `json:\"row\"`\n}")
	g.line("if err := json.Unmarshal(data, &raw); err != nil {\nreturn err\n}\nr.Op = raw.Op\nswitch raw.Entity {")
	for _, e := range f.Of {
		g.line("case %q:\nreturn json.Unmarshal(raw.Row, &r.%s)", e.Name, memberOf(e))
	}
	g.line("}\nreturn nil\n}\n")
}

func memberOf(e *model.Entity) string {
	if name := camel(e.Name); name != "Op" {
		return name
	}
	return "OpRow"
}
