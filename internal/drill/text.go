package drill

import (
	"fmt"
	"strings"
)

// Text gives the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, %d node(s), %d cores; the service follows %.0f requests a second; seed %d\n\n", r.Service, r.Store, r.Nodes, r.Cores, r.Knee, r.Seed)
	count := map[Verdict]int{}
	for i := range r.Drills {
		o := &r.Drills[i]
		count[o.Verdict()]++
		b.WriteString(o.text())
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "Left out: %s\n", l)
	}
	fmt.Fprintf(&b, "\n%d drills kept every promise, %d broke one, %d were not run.\n", count[Kept], count[Broken], count[NotRun])
	return b.String()
}

var marks = map[Verdict]string{Kept: "✓", Broken: "✗", NotRun: "–"}

func (o *Outcome) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: %s", marks[o.Verdict()], o.Name, o.What)
	if o.Seed != 0 {
		fmt.Fprintf(&b, " (seed %d)", o.Seed)
	}
	if o.Why != "" {
		fmt.Fprintf(&b, "\n    not run: %s", o.Why)
	}
	b.WriteString("\n")
	for _, why := range o.Earlier {
		fmt.Fprintf(&b, "    once more, since %s\n", why)
	}
	for _, p := range o.Promises {
		fmt.Fprintf(&b, "    %s %s: %s\n", marks[p.Verdict], p.Name, p.Figure)
		if p.Verdict == Broken {
			fmt.Fprintf(&b, "        promised: %s\n", p.Bound)
		}
		for _, d := range p.Details {
			fmt.Fprintf(&b, "        %s\n", d)
		}
	}
	return b.String()
}
