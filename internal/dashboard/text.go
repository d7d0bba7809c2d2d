package dashboard

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/observe"
)

// StatusText tells a Snapshot to a person at a terminal.
func StatusText(s observe.Snapshot) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", s.Service, s.State.Words)
	if s.State.State != observe.OK {
		fmt.Fprintf(&b, ", since %s", s.State.Since.Format(time.RFC3339))
	}
	fmt.Fprintf(&b, "\nup %s, version %s, model %s\n", lengthText(s.Uptime), s.Version, s.Revision)
	conditionText(&b, s)
	nodeText(&b, s)
	fmt.Fprintf(&b, "\n%s: %.1f requests/s, %.2f %% failed, %.2f %% refused, p50 %s, p95 %s, p99 %s\n\n", windowText(s.Window),
		s.Total.Rate, 100*s.Total.Failed, 100*s.Total.Refused, latencyText(s.Total.P50), latencyText(s.Total.P95), latencyText(s.Total.P99))
	patternText(&b, s)
	for _, m := range s.Business {
		fmt.Fprintf(&b, "%s: %.10g since start, %.10g in the window\n", m.Name, m.Total, m.Window)
	}
	if len(s.Business) > 0 {
		b.WriteByte('\n')
	}
	if c := s.Cache; c != nil {
		fmt.Fprintf(&b, "cache: %s of %s, %d answers, %d partitions\n", bytesText(c.Bytes), bytesText(c.Bound), c.Entries, c.Partitions)
	}
	if c := s.Shared; c != nil {
		fmt.Fprintf(&b, "shared cache: %d hits, %d misses, %d of its answers not taken, %d put, %d calls failed, %d spared, p50 %s, p99 %s\n",
			c.Hits, c.Misses, c.Unfit, c.Puts, c.Errors, c.Skipped, latencyText(c.P50), latencyText(c.P99))
	}
	if st := s.Store; st != nil {
		fmt.Fprintf(&b, "store: %s %s, %s, queue %d of %d, %.1f writes per group\n", st.Kind, st.Version, bytesText(st.Bytes), st.QueueLength, st.QueueBound, st.GroupSize)
	}
	for _, v := range s.Views {
		switch v.State {
		case "ready":
			fmt.Fprintf(&b, "view %s: %s behind\n", v.Name, latencyText(v.Lag))
		default:
			fmt.Fprintf(&b, "view %s: %s, %.0f %% done\n", v.Name, v.State, 100*v.Built)
		}
	}
	for _, e := range s.Endpoints {
		fmt.Fprintf(&b, "%s: %d events waiting, %d dead letters, %d of %d attempts failed%s\n", e.Name, e.Waiting, e.Dead, e.Failures, e.Attempts, after("; the last one: ", e.Failed))
	}
	if a := s.Accepted; a != nil {
		waiting := "not known"
		if a.Known {
			waiting = fmt.Sprintf("%s, the oldest since %s", bytesText(int64(a.Bytes)), lengthText(a.Age))
		}
		fmt.Fprintf(&b, "accepted writes: %.1f/s, settled %d, of them failed %d, until settled p50 %s, p99 %s; waiting: %s\n",
			a.Rate, a.Settled, a.Failed, latencyText(a.P50), latencyText(a.P99), waiting)
	}
	p := s.Process
	fmt.Fprintf(&b, "process: %.2f of %d processors, %s resident, %s heap, %d goroutines\n", p.CPU, p.CPUs, bytesText(p.RSS), bytesText(p.Heap), p.Goroutines)
	return b.String()
}

// pastShown is how many of the troubles that are over are told.
const pastShown = 5

// conditionText tells what is not well, what that means for whom, and what was not well before.
func conditionText(b *strings.Builder, s observe.Snapshot) {
	for _, c := range s.Components {
		if c.State == observe.OK {
			continue
		}
		fmt.Fprintf(b, "  %s is %s since %s, for %s: %s\n", c.Name, c.State, c.Since.Format(time.RFC3339), lengthText(s.Time.Sub(c.Since).Seconds()), c.Cause)
		for _, e := range c.Effects {
			fmt.Fprintf(b, "    %s: %s\n", strings.Join(slices.Concat(e.Reads, e.Writes), ", "), e.Means)
		}
	}
	for _, e := range s.History[:min(len(s.History), pastShown)] {
		fmt.Fprintf(b, "  before: %s was %s at %s for %s: %s; %s\n", e.Component, e.State, e.Since.Format(time.RFC3339), lengthText(e.Until.Sub(e.Since).Seconds()), e.Cause, e.Ended)
	}
}

// after gives text behind a word; "" for no text.
func after(word, text string) string {
	if text == "" {
		return ""
	}
	return word + text
}

// nodeText is a line for each node, where there are several.
func nodeText(b *strings.Builder, s observe.Snapshot) {
	if len(s.Nodes) < 2 {
		return
	}
	width, there := len("node"), 0
	for _, n := range s.Nodes {
		width = max(width, len(n.Name))
		if !n.Gone && !n.Left {
			there++
		}
	}
	fmt.Fprintf(b, "\n%d nodes, figures of %d of them together; cache, store, accepted writes and process are those of %s\n", there, s.Merged, s.Node)
	const row = "%-*s  %10s %9s %9s %-12s %-10s %s\n"
	fmt.Fprintf(b, row, width, "node", "rate", "p99", "up", "model", "version", "state")
	for _, n := range s.Nodes {
		rate, p99, up, state := "-", "-", "-", n.State.Words
		if n.Total != nil {
			rate, p99 = fmt.Sprintf("%.1f/s", n.Total.Rate), latencyText(n.Total.P99)
		}
		switch {
		case n.Left:
			state = "stopped at " + n.Since.Format(time.RFC3339)
		case n.Gone:
			state = "not heard of since " + n.Since.Format(time.RFC3339)
		default:
			up = lengthText(s.Time.Sub(n.Started).Seconds())
		}
		fmt.Fprintf(b, row, width, n.Name, rate, p99, up, n.Revision[:min(12, len(n.Revision))], n.Version, state)
	}
}

// patternText is a line for each pattern that was asked for anything, and one for the others.
func patternText(b *strings.Builder, s observe.Snapshot) {
	const row = "%-*s  %10s %9s %9s %9s %8s  %s\n"
	width := len("pattern")
	var idle []string
	for _, p := range slices.Concat(s.Reads, s.Writes) {
		if p.Requests > 0 {
			width = max(width, len(p.Name))
		} else {
			idle = append(idle, p.Name)
		}
	}
	if len(idle) < len(s.Reads)+len(s.Writes) {
		fmt.Fprintf(b, row, width, "pattern", "rate", "p50", "p95", "p99", "hits", "errors")
	}
	for _, p := range slices.Concat(s.Reads, s.Writes) {
		if p.Requests > 0 {
			fmt.Fprintf(b, row, width, p.Name, fmt.Sprintf("%.1f/s", p.Rate),
				latencyText(p.P50), latencyText(p.P95), latencyText(p.P99), hitsText(p.Cache), errorsText(p.Errors))
		}
	}
	if len(idle) > 0 {
		fmt.Fprintf(b, "no requests: %s\n", strings.Join(idle, ", "))
	}
	b.WriteByte('\n')
}

func hitsText(c *observe.Outcomes) string {
	if c == nil {
		return "-"
	}
	asked := c.Hit + c.Miss + c.Joined + c.Refreshed + c.Stale
	if asked == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(c.Hit+c.Refreshed)/float64(asked))
}

func errorsText(errors []observe.ErrorCount) string {
	if len(errors) == 0 {
		return "-"
	}
	var list []string
	for _, e := range errors {
		list = append(list, fmt.Sprintf("%s %d", e.Code, e.Count))
	}
	return strings.Join(list, ", ")
}

func windowText(w observe.Window) string {
	if w == observe.SinceStart {
		return "since start"
	}
	return "last " + string(w)
}

func latencyText(seconds float64) string {
	switch {
	case seconds == 0:
		return "-"
	case seconds < 1e-3:
		return fmt.Sprintf("%.0f µs", seconds*1e6)
	case seconds < 1:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	}
	return fmt.Sprintf("%.3g s", seconds)
}

func lengthText(seconds float64) string {
	return time.Duration(seconds * float64(time.Second)).Round(time.Second).String()
}

func bytesText(n int64) string {
	if n < 0 {
		return "unknown"
	}
	units := []string{"B", "KiB", "MiB", "GiB", "TiB"}
	v, i := float64(n), 0
	for v >= 1024 && i < len(units)-1 {
		v, i = v/1024, i+1
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}
