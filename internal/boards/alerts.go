package boards

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// burn is one pair of windows: it alerts when the budget of errors goes at this many times the speed
// that would use it up in 30 days, over the long window and, so that the alert ends soon after the
// trouble, over the short one (The Site Reliability Workbook, chapter 5).
type burn struct {
	long, short string
	times       float64
	wait        string
	severity    string
	used        string // of the budget, when it alerts
}

var burns = []burn{
	{"1h", "5m", 14.4, "2m", "page", "2 % of the month's budget went within an hour"},
	{"6h", "30m", 6, "15m", "page", "5 % of the month's budget went within six hours"},
	{"3d", "6h", 1, "1h", "ticket", "at this pace the month's budget will be used up"},
}

// rule is one alert that does not come from an objective.
type rule struct {
	name, expr, wait, severity, summary, todo string
}

// Alerts gives a file of Prometheus rules for a model's service: burn-rate alerts for each objective
// that the model declares, and alerts for what is true of every service. job is the name under which
// Prometheus scrapes its nodes.
func Alerts(m *model.Model, job string) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# Alert rules of the service %s, written by `partita observe --alerts`. docs/operations.md says what to do about each.\n", m.Service)
	b.WriteString("groups:\n")
	if list := promises(m); len(list) > 0 {
		objectives(&b, m, job, list)
	} else {
		b.WriteString("  # The model declares no objective. `objective: {p99: 50ms, success: 99.9%}` on a read or write gives it burn-rate alerts.\n")
	}
	fmt.Fprintf(&b, "  - name: %s-service\n    rules:\n", m.Service)
	for _, r := range rules(m, job) {
		alert(&b, r, m.Service, "")
	}
	return []byte(b.String())
}

// objectives writes recording rules for each window, and the alerts on them.
func objectives(b *strings.Builder, m *model.Model, job string, list []promise) {
	fmt.Fprintf(b, "  - name: %s-objectives\n    rules:\n", m.Service)
	for _, p := range list {
		for _, window := range []string{"5m", "30m", "1h", "6h", "3d"} {
			fmt.Fprintf(b, "      - record: %s\n        expr: '%s'\n        labels: {service: %q, %s: %q}\n", recorded(p, window), p.bad(job, window), m.Service, p.kind, p.name)
		}
	}
	for _, p := range list {
		for _, x := range burns {
			limit := strconv.FormatFloat(x.times, 'g', -1, 64) + " * " + strconv.FormatFloat(round(1-p.target), 'g', -1, 64)
			series := func(window string) string {
				return fmt.Sprintf("%s{service=%q, %s=%q} > %s", recorded(p, window), m.Service, p.kind, p.name, limit)
			}
			alert(b, rule{
				name: map[string]string{"success": "ErrorBudgetBurns", "latency": "LatencyBudgetBurns"}[p.what],
				expr: series(x.long) + " and " + series(x.short), wait: x.wait, severity: x.severity,
				summary: "The promise that " + p.words() + " is at risk: " + x.used + ".",
				todo:    "Look at the page's pattern " + p.name + ": errors by type, store time, and what is degraded.",
			}, m.Service, p.kind+": "+strconv.Quote(p.name)+", window: "+x.long+", ")
		}
	}
}

// recorded names the recording rule of a promise.
func recorded(p promise, window string) string {
	return "partita:" + p.kind + "_" + p.what + "_bad:ratio_rate" + window
}

// round takes the noise of binary fractions off a share.
func round(share float64) float64 {
	v, err := strconv.ParseFloat(strconv.FormatFloat(share, 'g', 9, 64), 64)
	if err != nil {
		return share
	}
	return v
}

func alert(b *strings.Builder, r rule, service, labels string) {
	fmt.Fprintf(b, "      - alert: Partita%s\n        expr: '%s'\n        for: %s\n        labels: {service: %q, %sseverity: %s}\n        annotations:\n",
		r.name, r.expr, r.wait, service, labels, r.severity)
	fmt.Fprintf(b, "          summary: %q\n          todo: %q\n", r.summary, r.todo)
}

// rules are the alerts that do not depend on objectives.
func rules(m *model.Model, job string) []rule {
	of := func(name string, more ...string) string {
		return name + "{" + strings.Join(append([]string{"job=" + strconv.Quote(job)}, more...), ", ") + "}"
	}
	list := []rule{
		{"PartDown", "max by (component) (" + of("partita_component_state") + ") == 2", "1m", "page",
			"{{ $labels.component }} is down on at least one node.",
			"partita status says since when, why, and what it means for each read and write."},
		{"PartDegraded", "max by (component) (" + of("partita_component_state") + ") == 1", "15m", "ticket",
			"{{ $labels.component }} has been degraded for a quarter of an hour on at least one node.",
			"partita status says why. What the service does meanwhile stands in docs/operations.md."},
		{"NoNode", "absent(" + of("partita_info") + ")", "2m", "page",
			"No node of the service is seen.", "Look whether the processes run, and whether Prometheus reaches their admin addresses."},
		{"SeveralModels", "count(count by (revision) (" + of("partita_info") + ")) > 1", "1h", "ticket",
			"Nodes have served different models for an hour.", "Finish the change of the model, or take it back."},
		{"FaultsInside", "sum by (instance) (rate(" + of("partita_read_errors_total", `error_type="internal"`) + "[5m])) > 0 or sum by (instance) (rate(" +
			of("partita_write_errors_total", `error_type="internal"`) + "[5m])) > 0", "5m", "ticket",
			"Requests fail by a defect.", "The log has a line with the instance of each problem; report it."},
		{"WritesQueue", of("partita_store_queue_writes") + " > 0.5 * " + of("partita_store_queue_bound_writes"), "2m", "page",
			"The queue of writes is more than half full.", "The store takes less than is asked of it: look at its disk, then at the heaviest partitions and patterns."},
		{"DiskFills", "predict_linear(" + of("partita_disk_free_bytes") + "[6h], 24 * 3600) < 0", "30m", "page",
			"The disk of the data folder will be full within a day.", "Make room: writes are refused when it is full."},
	}
	if accepts(m) {
		list = append(list,
			rule{"AcceptedWritesWait", "max(" + of("partita_accepted_backlog_age_seconds") + ") > 60", "2m", "page",
				"The oldest accepted write has waited for more than a minute.", "partita status names the write that holds up a shard, if one does; else look at the store and at the shards' nodes. Callers see pending operations."},
			rule{"AcceptedWritesAside", "sum(increase(" + of("partita_accepted_aside_total") + "[15m])) > 0", "0m", "ticket",
				"An accepted write could not be carried out and was put aside.", "partita dead lists it; mend the cause, then partita replay."})
	}
	if len(m.Events) > 0 {
		list = append(list,
			rule{"EventsWait", "max by (endpoint) (" + of("partita_events_waiting_age_seconds") + ") > 300", "5m", "ticket",
				"{{ $labels.endpoint }} has not been told of events for more than five minutes.", "Look whether the receiver answers; deliveries go on by themselves."},
			rule{"DeadLetters", "sum by (endpoint) (" + of("partita_dead_letters") + ") > 0", "15m", "ticket",
				"Events for {{ $labels.endpoint }} were given up.", "partita dead shows why; mend the receiver, then partita replay."})
	}
	if len(m.Views) > 0 {
		list = append(list, rule{"ViewsLag", "max(" + of("partita_views_lag_seconds") + ") > 30", "5m", "page",
			"Views are more than half a minute behind their sources.", "Reads of views say so by Age. Look at the store, and whether a node holds the shards."})
	}
	return list
}

func accepts(m *model.Model) bool {
	for _, w := range m.Writes {
		if w.Async != model.Sync {
			return true
		}
	}
	return false
}
