package boards

import (
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// series writes a metric of the service's nodes; more are further selectors.
func series(name string, more ...string) string {
	return name + "{" + strings.Join(append([]string{selector}, more...), ", ") + "}"
}

func rate(name string, more ...string) string {
	return "rate(" + series(name, more...) + "[$__rate_interval])"
}

// quantile is a percentile over all nodes: of merged buckets, never a mean of percentiles.
func quantile(q, by, name string) string {
	return fmt.Sprintf("histogram_quantile(%s, sum by (%s) (%s))", q, by, rate(name+"_bucket"))
}

func overview(l *layout) {
	l.row("At a glance")
	l.states()
	l.graph("Requests", "reqps", "Over all nodes.",
		"reads", "sum("+rate("partita_read_duration_seconds_count")+")",
		"writes", "sum("+rate("partita_write_duration_seconds_count")+")")
	l.graph("Failed by the service", "percentunit", "Share of the requests whose error is the service's own: "+strings.ReplaceAll(faults, "|", ", ")+".",
		"reads", share("read"), "writes", share("write"))
}

// share is the part of requests that failed by the service's own doing.
func share(kind string) string {
	return "(sum(" + rate("partita_"+kind+"_errors_total", `error_type=~"`+faults+`"`) + ") or vector(0)) / sum(" +
		rate("partita_"+kind+"_duration_seconds_count") + ")"
}

func perPattern(l *layout, kind string) {
	l.row(strings.ToUpper(kind[:1]) + kind[1:] + "s")
	metric, legend := "partita_"+kind+"_duration_seconds", "{{"+kind+"}}"
	l.graph("Rate", "reqps", "", legend, "sum by ("+kind+") ("+rate(metric+"_count")+")")
	l.graph("p99", "s", "Of merged histograms, not a mean over nodes.", legend, quantile("0.99", kind+", le", metric))
	l.graph("p50", "s", "", legend, quantile("0.5", kind+", le", metric))
	l.graph("Errors by type", "reqps", "Also those that are the caller's own.", legend+" {{error_type}}",
		"sum by ("+kind+", error_type) ("+rate("partita_"+kind+"_errors_total")+")")
	l.graph("Store, p99", "s", "Time in the store, of the requests that asked it.", legend, quantile("0.99", kind+", le", "partita_"+kind+"_store_duration_seconds"))
	if kind == "read" {
		l.graph("Cache", "percentunit", "How the answers came about.", "{{cache}}",
			"sum by (cache) ("+rate("partita_read_answers_total")+") / ignoring(cache) group_left sum("+rate("partita_read_answers_total")+")")
		return
	}
	l.graph("Outcomes", "reqps", "Done now, or replayed by their idempotency key.", "{{outcome}}", "sum by (outcome) ("+rate("partita_write_outcomes_total")+")")
}

func asynchronous(l *layout, m *model.Model) {
	if !accepts(m) && len(m.Events) == 0 && len(m.Views) == 0 {
		return
	}
	l.row("In the background")
	if accepts(m) {
		l.graph("Accepted writes", "reqps", "", "accepted", "sum("+rate("partita_accepted_total")+")", "carried out", "sum("+rate("partita_accepted_settled_total")+")",
			"failed", "sum("+rate("partita_accepted_failed_total")+")")
		l.graph("Until carried out", "s", "From accepting a write to its outcome.", "p50", quantile("0.5", "le", "partita_accepted_duration_seconds"),
			"p99", quantile("0.99", "le", "partita_accepted_duration_seconds"))
		l.graph("Age of the oldest accepted write", "s", "", "age", "max("+series("partita_accepted_backlog_age_seconds")+")")
	}
	if len(m.Events) > 0 {
		l.graph("Events that wait", "short", "By endpoint.", "{{endpoint}}", "sum by (endpoint) ("+series("partita_events_waiting")+")")
		l.graph("Attempts that failed", "reqps", "", "{{endpoint}}", "sum by (endpoint) ("+rate("partita_event_failures_total")+")")
		l.graph("Dead letters", "short", "Given up; `partita replay` tries them again.", "{{endpoint}}", "sum by (endpoint) ("+series("partita_dead_letters")+")")
	}
	if len(m.Views) > 0 {
		l.graph("Views behind their sources", "s", "", "lag", "max("+series("partita_views_lag_seconds")+")")
	}
}

func business(l *layout, m *model.Model) {
	if len(m.Metrics) == 0 {
		return
	}
	l.row("Business")
	for _, x := range m.Metrics {
		name := "partita_business_" + x.Name
		if x.Sum == nil {
			name = strings.TrimSuffix(name, "_total") + "_total"
		}
		legend, by := x.Name, ""
		var labels []string
		for _, label := range x.By {
			labels = append(labels, label.Name)
		}
		if len(labels) > 0 {
			legend, by = "{{"+strings.Join(labels, "}} {{")+"}}", " by ("+strings.Join(labels, ", ")+")"
		}
		expr := "sum" + by + " (increase(" + series(name) + "[1h]))"
		if x.Sum != nil { // may fall, so it is no counter
			expr = "sum" + by + " (delta(" + series(name) + "[1h]))"
		}
		l.graph(strings.ReplaceAll(x.Name, "_", " ")+", in an hour", "short", "As the model defines it.", legend, expr)
	}
}

func machine(l *layout) {
	l.row("Nodes")
	l.graph("CPU", "short", "Cores in use.", "{{instance}}", rate("process_cpu_seconds_total"))
	l.graph("Memory", "bytes", "", "{{instance}}", series("process_resident_memory_bytes"))
	l.graph("Goroutines", "short", "", "{{instance}}", series("go_goroutines"))
	l.graph("Writes that wait for a group", "short", "", "{{instance}}", series("partita_store_queue_writes"))
	l.graph("Writes in a group", "short", "How many share one sync.", "{{instance}}",
		rate("partita_store_group_writes_total")+" / "+rate("partita_store_groups_total"))
	l.graph("Cache", "bytes", "", "{{instance}} used", series("partita_cache_bytes"), "{{instance}} bound", series("partita_cache_bound_bytes"))
	l.graph("Store", "bytes", "Size on its disk.", "store", "max("+series("partita_store_bytes")+")")
	l.graph("Disk, free", "bytes", "Of the data folder.", "{{instance}}", series("partita_disk_free_bytes"))
	l.graph("Garbage collection", "s", "Longest pause.", "{{instance}}", series("go_gc_duration_seconds", `quantile="1"`))
}
