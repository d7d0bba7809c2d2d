package dashboard

import (
	"fmt"
	"strings"
	"text/tabwriter"
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
	for _, c := range s.Components {
		if c.State != observe.OK {
			fmt.Fprintf(&b, "  %s is %s since %s: %s\n", c.Name, c.State, c.Since.Format(time.RFC3339), c.Cause)
		}
	}
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
		fmt.Fprintf(&b, "cache: %s of %s, %d answers, %.1f %% hits\n", bytesText(c.Bytes), bytesText(c.Bound), c.Entries, 100*s.Total.HitShare)
	}
	if st := s.Store; st != nil {
		fmt.Fprintf(&b, "store: %s %s, %s, queue %d of %d, %.1f writes per group\n", st.Kind, st.Version, bytesText(st.Bytes), st.QueueLength, st.QueueBound, st.GroupSize)
	}
	p := s.Process
	fmt.Fprintf(&b, "process: %.2f of %d processors, %s resident, %s heap, %d goroutines\n", p.CPU, p.CPUs, bytesText(p.RSS), bytesText(p.Heap), p.Goroutines)
	for _, line := range s.Inactive {
		fmt.Fprintf(&b, "not acting yet: %s\n", line)
	}
	return b.String()
}

func patternText(b *strings.Builder, s observe.Snapshot) {
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight)
	row := func(kind string, p observe.Pattern) {
		errors := "-"
		if len(p.Errors) > 0 {
			var list []string
			for _, e := range p.Errors {
				list = append(list, fmt.Sprintf("%s %d", e.Code, e.Count))
			}
			errors = strings.Join(list, ", ")
		}
		hits := "-"
		if c := p.Cache; c != nil {
			if asked := c.Hit + c.Miss + c.Joined + c.Refreshed + c.Stale; asked > 0 {
				hits = fmt.Sprintf("%.1f %%", 100*float64(c.Hit+c.Refreshed)/float64(asked))
			}
		}
		fmt.Fprintf(w, "%s %s\t%.1f/s\t%s\t%s\t%s\t%s\t  %s\n", kind, p.Name, p.Rate, latencyText(p.P50), latencyText(p.P95), latencyText(p.P99), hits, errors)
	}
	fmt.Fprintln(w, "pattern\trate\tp50\tp95\tp99\thits\t  errors")
	for _, p := range s.Reads {
		row("read", p)
	}
	for _, p := range s.Writes {
		row("write", p)
	}
	w.Flush()
	b.WriteByte('\n')
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
