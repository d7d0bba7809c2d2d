package advise

import (
	"fmt"
	"strings"
	"time"
)

// headings name the kinds for people.
var headings = map[Kind]string{Cached: "CACHE", Short: "FRESH TOO SHORT", Long: "FRESH TOO LONG", Hot: "HOT PARTITION", Contends: "CONTENTION", Unused: "UNUSED INDEX"}

// width is where texts for terminals are folded.
const width = 100

// Text tells a Report to a person at a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	nodes := "one node"
	if r.Nodes != 1 {
		nodes = fmt.Sprintf("%d nodes", r.Nodes)
	}
	fmt.Fprintf(&b, "%s: %s requests in %s, on %s, up to %s\n", r.Service, count(float64(r.Requests)), length(r.Seconds), nodes, r.Time.Format(time.RFC3339))
	if len(r.Advice) == 0 {
		b.WriteString("\nNothing to advise")
		if len(r.Unseen) > 0 {
			b.WriteString(" so far")
		}
		b.WriteString(".\n")
	}
	for i, a := range r.Advice {
		b.WriteString("\n")
		fold(&b, fmt.Sprintf("%d. ", i+1), "   ", headings[a.Kind]+": "+a.Says)
		for _, e := range a.Evidence {
			fold(&b, "   - ", "     ", e)
		}
		a.change(&b)
		if a.Think != "" {
			fold(&b, "   ", "   ", "Think of: "+a.Think+".")
		}
	}
	if len(r.Unseen) > 0 {
		b.WriteString("\nNot enough seen yet of:\n")
		longest := 0
		for _, u := range r.Unseen {
			longest = max(longest, len(u.Of))
		}
		for _, u := range r.Unseen {
			fmt.Fprintf(&b, "  %-*s  %s of %s %s\n", longest, u.Of, count(float64(u.Seen)), count(float64(u.Needs)), u.What)
		}
	}
	for _, n := range r.Notes {
		b.WriteString("\n")
		fold(&b, "", "", "Note: "+n+".")
	}
	return b.String()
}

func (a *Advice) change(b *strings.Builder) {
	c := a.Change
	if c == nil {
		return
	}
	if c.Old == c.New {
		fmt.Fprintf(b, "   %s:%d\n     %s\n", c.File, c.Line, c.Old)
		return
	}
	fmt.Fprintf(b, "   %s:%d, change\n", c.File, c.Line)
	if c.Old != "" {
		fmt.Fprintf(b, "   - %s\n", c.Old)
	}
	for line := range strings.Lines(c.New) {
		fmt.Fprintf(b, "   + %s\n", strings.TrimRight(line, "\n"))
	}
}

// fold writes a text in lines of at most width characters.
func fold(b *strings.Builder, first, others, text string) {
	line, start := first, true
	for word := range strings.FieldsSeq(text) {
		if !start && len([]rune(line))+1+len([]rune(word)) > width {
			b.WriteString(line + "\n")
			line, start = others, true
		}
		if !start {
			line += " "
		}
		line, start = line+word, false
	}
	b.WriteString(line + "\n")
}
