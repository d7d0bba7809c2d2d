// Package boards writes what Prometheus and Grafana need to watch a model's service: rules that alert,
// and a dashboard.
package boards

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

// pattern is a read or a write, as its metrics name it.
type pattern struct {
	kind, name string // kind is read or write
	priority   model.Priority
	objective  model.Objective
}

// patterns gives all that callers can use, reads first.
func patterns(m *model.Model) []pattern {
	var list []pattern
	for _, r := range m.Reads {
		if !r.Internal && !r.Allow.None {
			list = append(list, pattern{"read", r.Name, r.Priority, r.Objective})
		}
	}
	for _, w := range m.Writes {
		list = append(list, pattern{"write", w.Name, w.Priority, w.Objective})
	}
	return list
}

// faults are the types of error that are the service's own doing; the others are the caller's.
const faults = "internal|unavailable|overloaded|deadline|behind"

// selector picks the series of one service on all its nodes.
const selector = `job=~"$job"`

// promise is one objective of a pattern: a share of its requests that must do well.
type promise struct {
	pattern
	what   string // success or latency
	target float64
	limit  time.Duration // of latency
}

// promises gives what the model promises of its patterns.
func promises(m *model.Model) []promise {
	var list []promise
	for _, p := range patterns(m) {
		if o := p.objective; o.Success > 0 {
			list = append(list, promise{p, "success", o.Success, 0})
		}
		if o := p.objective; o.Latency > 0 {
			list = append(list, promise{p, "latency", o.Quantile, o.Latency})
		}
	}
	return list
}

// words says what is promised, for a person.
func (p promise) words() string {
	if p.what == "success" {
		return percent(p.target) + " of " + p.name + " succeed"
	}
	return percent(p.target) + " of " + p.name + " are answered within " + p.limit.String()
}

// bad gives the expression of the share of requests that broke the promise, over a window.
func (p promise) bad(job, window string) string {
	all := fmt.Sprintf(`sum(rate(partita_%[1]s_duration_seconds_count{job=%[4]q, %[1]s=%[2]q}[%[3]s]))`, p.kind, p.name, window, job)
	if p.what == "success" {
		return fmt.Sprintf(`(sum(rate(partita_%[1]s_errors_total{job=%[6]q, %[1]s=%[2]q, error_type=~%[3]q}[%[4]s])) or vector(0)) / %[5]s`,
			p.kind, p.name, faults, window, all, job)
	}
	return fmt.Sprintf(`1 - sum(rate(partita_%[1]s_duration_seconds_bucket{job=%[6]q, %[1]s=%[2]q, le=%[3]q}[%[4]s])) / %[5]s`,
		p.kind, p.name, bound(observe.PromisedBound(p.limit)), window, all, job)
}

// bound writes a bucket's bound as the exposition does.
func bound(seconds float64) string {
	text := strconv.FormatFloat(seconds, 'g', -1, 64)
	if !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

func percent(share float64) string {
	return strconv.FormatFloat(share*100, 'f', -1, 64) + " %"
}
