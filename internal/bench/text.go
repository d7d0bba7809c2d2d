package bench

import (
	"fmt"
	"sort"
	"strings"
)

// Text gives the report for a terminal.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, %d node(s), %d cores; partitions drawn by Zipf %.2f of %d, seed %d\n", r.Service, r.Store, r.Nodes, r.Machine.Cores, r.Zipf, r.Partitions, r.Seed)
	fmt.Fprintf(&b, "\nThe knee is at %.0f requests a second, of which %.0f were answered in time", r.Knee.Rate, r.Knee.Goodput)
	if r.Knee.Broke != "" {
		fmt.Fprintf(&b, "; above it %s", r.Knee.Broke)
	}
	b.WriteString(".\n")
	for _, l := range r.Levels {
		fmt.Fprintf(&b, "\nAt %.0f %% of it, %.0f/s (the service took %.0f %% of the processors, the load %.0f %%):\n", 100*l.Of, l.Rate, 100*l.CPU.Service, 100*l.CPU.Load)
		fmt.Fprintf(&b, "%10s %9s %9s %9s %9s   %s\n", "per second", "p50 ms", "p95 ms", "p99 ms", "max ms", "pattern and what was not good")
		for _, f := range l.Patterns {
			fmt.Fprintf(&b, "%10.1f %9.1f %9.1f %9.1f %9.1f   %s%s\n", f.Rate, f.P50, f.P95, f.P99, f.Max, f.Pattern, others(f.Classes))
		}
	}
	b.WriteString("\nOne by one, without anything else:\n")
	fmt.Fprintf(&b, "%10s %9s %9s   %s\n", "p50 ms", "p99 ms", "CPU ms", "pattern")
	for _, c := range r.Alone {
		fmt.Fprintf(&b, "%10.1f %9.1f %9.3f   %s\n", c.P50, c.P99, c.CPU, c.Pattern)
	}
	if len(r.Entities) > 0 {
		b.WriteString("\nRows in the store, with indexes and change log:\n")
		for _, e := range r.Entities {
			fmt.Fprintf(&b, "  %s: %.0f bytes each\n", e.Name, e.BytesPerRow)
		}
	}
	for _, l := range r.Left {
		fmt.Fprintf(&b, "\nLeft out: %s: %s", l.Pattern, l.Why)
	}
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "\nNote: %s", n)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// others lists what became of the requests that were not answered well.
func others(classes map[string]uint64) string {
	var list []string
	for name, n := range classes {
		if name != "good" {
			list = append(list, fmt.Sprintf("%d %s", n, name))
		}
	}
	if len(list) == 0 {
		return ""
	}
	sort.Strings(list)
	return " (" + strings.Join(list, ", ") + ")"
}
