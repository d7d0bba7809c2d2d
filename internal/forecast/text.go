package forecast

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// mark writes a number with its origin: plain as declared, * as measured, ~ as assumed.
func mark(n Number, write func(float64) string) string {
	switch n.From {
	case Measured:
		return write(n.Value) + "*"
	case Assumed:
		return "~" + write(n.Value)
	}
	return write(n.Value)
}

// table writes aligned columns.
type table struct {
	out *strings.Builder
	tab *tabwriter.Writer
}

func newTable(out *strings.Builder, heading ...string) *table {
	out.WriteString("\n")
	t := &table{out, tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)}
	t.row(heading...)
	return t
}

func (t *table) row(cells ...string) {
	fmt.Fprintln(t.tab, strings.TrimRight(strings.Join(cells, "\t"), "\t "))
}

func (t *table) end() { t.tab.Flush() } //nolint:errcheck // it writes to memory

// Text renders the forecast for people.
func (f *Forecast) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "%s at %s× of what the model expects, on %s\n", f.Service, factor(f.Growth), f.Store)
	out.WriteString("plain: declared by the model · *: measured · ~: assumed, or worked out of something assumed\n")
	f.breaksText(&out)

	t := newTable(&out, "NODES", "")
	t.row("requests", mark(f.Nodes.Requests, perSecond))
	t.row("busy cores", mark(f.Nodes.Cores, unit("%.3g")))
	t.row("nodes of Partita", mark(f.Nodes.Service, unit("%.0f")), fmt.Sprintf("with %s each, %s busy", plural(f.Nodes.Each, "core"), share(busyShare)))
	t.row("store", f.Nodes.Store)
	t.row("bus", f.Nodes.Bus)
	t.row("shared cache", f.Nodes.Shared)
	t.end()

	t = newTable(&out, "PARTITIONS", "HOW MANY", "ROWS IN EACH", "BYTES IN EACH", "HOTTEST GETS", "READS", "COMMITS")
	for _, x := range f.Families {
		cells := []string{x.Name, mark(x.Partitions, amount), mark(x.Rows, amount), mark(x.Bytes, size)}
		for _, h := range f.Hottest {
			if h.Family == x.Name {
				cells = append(cells, mark(h.Share, share), mark(h.Reads, perSecond), mark(h.Commits, perSecond))
			}
		}
		t.row(cells...)
	}
	t.end()

	t = newTable(&out, "TABLES", "ROWS", "BYTES OF ONE", "IN ALL")
	for _, e := range f.Entities {
		t.row(e.Name, mark(e.Rows, amount), mark(e.Row, unit("%.0f")), mark(e.Bytes, size))
	}
	t.row("change log", mark(f.Log.Kept, amount), mark(f.Log.Change, unit("%.0f")), mark(f.Log.Bytes, size))
	t.row("store", "", "", mark(f.Bytes, size))
	t.end()

	t = newTable(&out, "READS", "ASKED", "FROM A CACHE", "REACH THE STORE", "EACH COSTS")
	for _, r := range f.Reads {
		t.row(r.Name, mark(r.Rate, perSecond), mark(r.Hits, share), mark(r.Store, perSecond), mark(r.CPU, unit("%.3g ms")))
	}
	t.end()
	t = newTable(&out, "WRITES", "ASKED", "FOLLOW EVENTS", "EACH COSTS", "CHANGE")
	for _, w := range f.Writes {
		follows := ""
		if w.Because != "" {
			follows = mark(w.Follows, perSecond) + " " + w.Because
		}
		t.row(w.Name, mark(w.Rate, perSecond), follows, mark(w.CPU, unit("%.3g ms")), mark(w.Bytes, unit("%.0f bytes")))
	}
	t.end()
	fmt.Fprintf(&out, "\ncache: a node has %s; all that is asked for would take %s; %s of what may be cached is found there\n",
		mark(f.Cache.Bytes, size), mark(f.Cache.All, size), mark(f.Cache.Hits, share))
	if b := f.Backlog; b != nil {
		fmt.Fprintf(&out, "accepted writes: %s in %s, so the store may be away for %s\n", mark(b.Rate, perSecond), size(b.Bytes.Value), mark(b.Seconds, seconds))
	}
	f.scalingText(&out)
	t = newTable(&out, "ASSUMED", "", "")
	for _, a := range f.Assumed {
		t.row(a.What, a.Value, a.Why)
	}
	t.end()
	for _, n := range f.Notes {
		fmt.Fprintf(&out, "note: %s\n", n)
	}
	return out.String()
}

// breaksText says what breaks first.
func (f *Forecast) breaksText(out *strings.Builder) {
	if len(f.Breaks) == 0 {
		out.WriteString("\nNothing that this forecast knows of breaks.\n")
		return
	}
	t := newTable(out, "WHAT BREAKS", "AT", "NEEDS NOW", "HAS", "")
	for _, b := range f.Breaks {
		over := ""
		if b.Over {
			over = "too much at " + factor(f.Growth) + "×"
		}
		t.row(b.What, mark(b.Growth, func(x float64) string { return factor(x) + "×" }), b.Demand, b.Limit, over)
	}
	t.end()
	first := f.Breaks[0]
	fmt.Fprintf(out, "\nFirst: %s, at %s×. Why: %s.\nThen: %s.\n", first.What, factor(first.Growth.Value), first.Why, first.Then)
	for _, b := range f.Breaks[1:] {
		if b.Over {
			fmt.Fprintf(out, "Also: %s. Why: %s.\nThen: %s.\n", b.What, b.Why, b.Then)
		}
	}
}

func (f *Forecast) scalingText(out *strings.Builder) {
	s := f.Scaling
	if s == nil {
		return
	}
	fmt.Fprintf(out, "\nthroughput by the Universal Scalability Law, fitted to %d steps: one at a time %s, %s cannot be done side by side; at 1.5 times the concurrency measured %s\n",
		len(s.Points), perSecond(s.Lambda), share(s.Sigma), mark(s.Ahead, perSecond))
	if s.Held {
		fmt.Fprintf(out, "a fit without the upper third misses the highest step by %s\n", share(s.Check))
	}
}

func factor(x float64) string {
	if x >= 10 || x == float64(int(x)) {
		return grouped(x)
	}
	return fmt.Sprintf("%.2g", x)
}

// grouped writes a number with commas, to two digits that count.
func grouped(x float64) string {
	if x >= 100 {
		unit := 1.0
		for x/unit >= 100 {
			unit *= 10
		}
		x = float64(int(x/unit+0.5)) * unit
	}
	text := fmt.Sprintf("%.0f", x)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

func seconds(x float64) string {
	switch {
	case x >= 2*86400:
		return fmt.Sprintf("%.3g days", x/86400)
	case x >= 2*3600:
		return fmt.Sprintf("%.3g hours", x/3600)
	case x >= 120:
		return fmt.Sprintf("%.3g minutes", x/60)
	}
	return fmt.Sprintf("%.3g seconds", x)
}
