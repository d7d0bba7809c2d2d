package drill

import (
	_ "embed"
	"fmt"
	"html"

	"github.com/partita-dev/partita/internal/htmlpage"
)

//go:embed report.html
var pageHead string

// class names a verdict for the page's colours.
var class = map[Verdict]string{Kept: "kept", Broken: "broken", NotRun: "notrun"}

// HTML gives the report as a page that needs nothing else: pictures are in it.
func (r *Report) HTML() []byte {
	p := &htmlpage.Page{}
	p.Put(pageHead, r.Service)
	whole := Kept
	if !r.Kept() {
		whole = Broken
	}
	p.Put(`<h1>Drills of %s <span class="`+class[whole]+`">%s</span></h1>`, r.Service, marks[whole])
	p.Put(`<p class="soft">%s</p>`, fmt.Sprintf("%s, %d node(s), %d cores, Partita %s, %s, seed %d. The service follows %.0f requests a second.",
		r.Store, r.Nodes, r.Cores, r.Partita, r.Made.Format("2006-01-02 15:04 MST"), r.Seed, r.Knee))
	key(p)
	p.Put(`<table><tr><th>drill</th><th>verdict</th><th>what is done</th></tr>`)
	for i, o := range r.Drills {
		name := html.EscapeString(o.Name)
		if o.Timeline != nil {
			name = fmt.Sprintf(`<a href="#d%d">%s</a>`, i, name)
		}
		p.WriteString("<tr><td>" + name + "</td>")
		p.Put(`<td class="`+class[o.Verdict()]+`">%s %s</td><td>%s`, marks[o.Verdict()], string(o.Verdict()), o.What)
		if o.Why != "" {
			p.Put(`<br><small>not run: %s</small>`, o.Why)
		}
		p.Put(`</td></tr>`)
	}
	p.Put(`</table>`)
	for _, x := range r.Left {
		p.Put(`<p><small>Left out: %s</small></p>`, x)
	}
	for i := range r.Drills {
		if r.Drills[i].Timeline != nil {
			section(p, i, &r.Drills[i])
		}
	}
	p.Put(`</body></html>`)
	return []byte(p.String())
}

// key explains the colours.
func key(p *htmlpage.Page) {
	p.Put(`<p class="key soft">`)
	for _, k := range [][2]string{{"good", "answered in time"}, {"stale", "from the cache, beyond fresh"}, {"away", "refused, something is away"},
		{"shed", "refused, too much"}, {"lost", "late or lost"}, {"trouble", "the trouble"}} {
		p.Put(`<span style="background:var(--`+k[0]+`)"></span>%s`, k[1])
	}
	p.Put(`</p>`)
}

// section writes one drill: its picture, and what became of each promise.
func section(p *htmlpage.Page, i int, o *Outcome) {
	p.Put(fmt.Sprintf(`<section id="d%d"><h2><span class="%s">`, i, class[o.Verdict()])+`%s</span> %s</h2>`, marks[o.Verdict()], o.Name)
	p.Put(`<p>%s. <small>Made %s.</small></p>`, o.What, o.How)
	for _, why := range o.Earlier {
		p.Put(`<p><small>Once more, since %s</small></p>`, why)
	}
	p.WriteString(picture(o.Timeline))
	p.Put(`<table>`)
	for _, x := range o.Promises {
		p.Put(`<tr><td class="`+class[x.Verdict]+`">%s</td><td>%s<br><small>%s</small></td><td>%s`, marks[x.Verdict], x.Name, x.Bound, x.Figure)
		for _, d := range x.Details {
			p.Put(`<br><small>%s</small>`, d)
		}
		p.Put(`</td></tr>`)
	}
	p.Put(`</table></section>`)
}
