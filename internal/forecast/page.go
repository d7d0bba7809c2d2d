package forecast

import (
	"html"

	"github.com/partita-dev/partita/internal/htmlpage"
)

// page writes a forecast's tables.
type page struct{ htmlpage.Page }

// rows writes a table: its heading, if it has one, then each row.
func (p *page) rows(heading []string, rows ...[]string) {
	p.Put(`<div class="wide"><table>`)
	if heading != nil {
		p.row("", "th", heading)
	}
	for _, r := range rows {
		p.row("", "td", r)
	}
	p.Put(`</table></div>`)
}

func (p *page) row(class, cell string, texts []string) {
	p.WriteString("<tr" + class + ">")
	for _, t := range texts {
		p.WriteString("<" + cell + ">" + html.EscapeString(t))
	}
	p.WriteString("</tr>\n")
}

// write makes the page of a forecast.
func write(f *Forecast, plots []plot) string {
	p := &page{}
	title := f.Service + " at " + factor(f.Growth) + "×"
	p.Put(pageHead, "Plan: "+title)
	p.Put(`<h1>%s of what the model expects</h1>`, title)
	p.Put(`<p>On %s. Plain numbers are declared by the model, * are measured, ~ are assumed or worked out of something assumed.</p>`, f.Store)
	p.Put(`<h2>What breaks, in this order</h2>`)
	p.Put(`<div class="wide"><table>`)
	p.row("", "th", []string{"What", "At", "Needs now", "Has", "Why", "Then"})
	for _, b := range f.Breaks {
		class := ""
		if b.Over {
			class = ` class="over"`
		}
		p.row(class, "td", []string{b.What, mark(b.Growth, func(x float64) string { return factor(x) + "×" }), b.Demand, b.Limit, b.Why, b.Then})
	}
	p.Put(`</table></div>`)
	p.Put(`<h2>As it grows</h2><div class="plots">`)
	for _, x := range plots {
		p.Put(`<figure><figcaption>%s<span>%s</span></figcaption>`, x.Title, x.About)
		p.WriteString(x.Picture + "</figure>\n")
	}
	p.Put(`</div><h2>Nodes</h2>`)
	p.rows(nil, []string{"Requests", mark(f.Nodes.Requests, perSecond)},
		[]string{"Nodes of Partita", mark(f.Nodes.Service, unit("%.0f")) + ", with " + plural(f.Nodes.Each, "core") + " each"},
		[]string{"Store", f.Nodes.Store}, []string{"Bus", f.Nodes.Bus}, []string{"Shared cache", f.Nodes.Shared})
	p.details(f)
	p.Put(`<h2>Assumed</h2>`)
	var assumed [][]string
	for _, a := range f.Assumed {
		assumed = append(assumed, []string{a.What, a.Value, a.Why})
	}
	p.rows(nil, assumed...)
	p.Put(`</html>`)
	return p.String()
}

// details writes the tables of data, reads, writes and hot partitions.
func (p *page) details(f *Forecast) {
	var tables, reads, writes, hot [][]string
	for _, e := range f.Entities {
		tables = append(tables, []string{e.Name, mark(e.Rows, amount), mark(e.Row, unit("%.0f")), mark(e.Bytes, size)})
	}
	tables = append(tables, []string{"change log", mark(f.Log.Kept, amount), mark(f.Log.Change, unit("%.0f")), mark(f.Log.Bytes, size)},
		[]string{"store", "", "", mark(f.Bytes, size)})
	for _, r := range f.Reads {
		reads = append(reads, []string{r.Name, mark(r.Rate, perSecond), mark(r.Hits, share), mark(r.Store, perSecond), mark(r.CPU, unit("%.3g ms"))})
	}
	for _, w := range f.Writes {
		follows := ""
		if w.Because != "" {
			follows = mark(w.Follows, perSecond) + " " + w.Because
		}
		writes = append(writes, []string{w.Name, mark(w.Rate, perSecond), follows, mark(w.CPU, unit("%.3g ms")), mark(w.Bytes, unit("%.0f"))})
	}
	for _, h := range f.Hottest {
		hot = append(hot, []string{h.Family, mark(h.Share, share), mark(h.Reads, perSecond), mark(h.Commits, perSecond), h.Why})
	}
	p.Put(`<h2>Data</h2>`)
	p.rows([]string{"Table", "Rows", "Bytes of one", "In all"}, tables...)
	p.Put(`<h2>Reads</h2>`)
	p.rows([]string{"Read", "Asked", "From a cache", "Reach the store", "Each costs"}, reads...)
	p.Put(`<h2>Writes</h2>`)
	p.rows([]string{"Write", "Asked", "Follow events", "Each costs", "Bytes of a change"}, writes...)
	p.Put(`<h2>Hottest partitions</h2>`)
	p.rows([]string{"Partition", "Share", "Reads", "Commits", "Why"}, hot...)
}
