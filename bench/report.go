package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// report collects figures and renders them as Markdown.
type report struct {
	options options
	facts   []fact
	rows    map[string][]*row // by group
	sample  sample

	overloads []overloadTable
}

type fact struct{ name, target, value string }

type row struct {
	name   string
	rounds []result
	share  []float64 // of the load's process in the processor time of both
}

// ratio is one promise: what must be at least how many times what.
type ratio struct {
	group, name, against string
	least                float64
}

var ratios = []ratio{
	{"cached", "Partita, cached", "bare net/http", 0.85},
	{"token", "Partita, cached, token and rule", "bare net/http", 0.75},
	{"cached", "hand-written cache", "bare net/http", 0},
	{"uncached", "Partita, fresh 0", "hand-written net/http + SQLite", 0.75},
	{"uncached", "Partita, fresh 0", "PocketBase", 4},
	{"uncached", "Partita, fresh 0", "PocketBase, no request log", 0},
	{"write", "Partita", "hand-written, a transaction each", 2.5},
	{"write", "Partita", "hand-written, group commit", 0.55},
	{"write", "Partita", "PocketBase (synchronous=NORMAL)", 3.5},
	{"write", "Partita", "PocketBase, no request log", 1.4},
	{"write", "Partita, one partition", "Partita", 0},
	{"accept", acceptedRow, synchronousRow, 1.5},
	{"postgres read", "Partita, fresh 0", "hand-written pgx + net/http", 0.95},
	{"postgres write", "Partita", "hand-written, plain INSERT", 1.3},
	{"postgres write", "Partita", "hand-written, version and outbox", 2},
	{"river", onRow, riverRow, 1.5},
}

func newReport(o options) *report { return &report{options: o, rows: map[string][]*row{}} }

func (r *report) fact(name, target, format string, args ...any) {
	f := fact{name, target, fmt.Sprintf(format, args...)}
	fmt.Printf("%-60s %s\n", f.name, f.value)
	r.facts = append(r.facts, f)
}

func (r *report) row(group, name string) *row {
	for _, w := range r.rows[group] {
		if w.name == name {
			return w
		}
	}
	w := &row{name: name}
	r.rows[group] = append(r.rows[group], w)
	return w
}

func (r *report) add(group, name string, res result, share float64) {
	w := r.row(group, name)
	w.rounds = append(w.rounds, res)
	w.share = append(w.share, share)
}

// total gives how many answers all rounds of a contender had, about.
func (r *report) total(group, name string, round time.Duration) (n float64) {
	for _, res := range r.row(group, name).rounds {
		n += res.Rate * round.Seconds()
	}
	return n
}

func median[T int | float64 | time.Duration](xs []T) T {
	if len(xs) == 0 {
		return 0
	}
	xs = slices.Sorted(slices.Values(xs))
	return xs[len(xs)/2]
}

func pick[T any](rounds []result, f func(result) T) []T {
	out := make([]T, len(rounds))
	for i, r := range rounds {
		out[i] = f(r)
	}
	return out
}

// text renders the report.
func (r *report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Results\n\n%s, %s, %d cores, Linux %s, %s.\n", time.Now().UTC().Format("2006-01-02 15:04 UTC"), processor(), runtime.NumCPU(), kernel(), runtime.Version())
	fmt.Fprintf(&b, "Made by `make bench`: %d connections, closed loop, random keys over 200,000 orders, the load in a process of its own on\nthe same cores, %d rounds of %s, every server in turn in each round; medians. Compared: %s.\n\n",
		r.options.conns, r.options.rounds, r.options.round, strings.Join(versions(), ", "))
	b.WriteString("| what | against | at least | measured (lowest–highest round) | |\n|---|---|---|---|---|\n")
	for _, q := range ratios {
		a, c := r.row(q.group, q.name).rounds, r.row(q.group, q.against).rounds
		if len(a) == 0 || len(a) != len(c) {
			continue
		}
		each := make([]float64, len(a))
		for i := range a {
			each[i] = a[i].Rate / c[i].Rate
		}
		verdict, least := "", "–"
		if q.least > 0 {
			least, verdict = fmt.Sprintf("%.2f", q.least), "met"
			if median(each) < q.least {
				verdict = "**missed**"
			}
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %.2f (%.2f–%.2f) | %s |\n", q.name, q.against, least, median(each), slices.Min(each), slices.Max(each), verdict)
	}
	for _, group := range []string{"cached", "token", "uncached", "write", "accept", "postgres read", "postgres write", "river"} {
		if len(r.rows[group]) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\n| %s | per second | p50 | p99 | the load's share of CPU |\n|---|---|---|---|---|\n", group)
		for _, w := range r.rows[group] {
			if len(w.rounds) == 0 {
				continue
			}
			fmt.Fprintf(&b, "| %s | %.0f | %s | %s | %.0f %% |\n", w.name, median(pick(w.rounds, func(x result) float64 { return x.Rate })),
				median(pick(w.rounds, func(x result) time.Duration { return x.P50 })).Round(10*time.Microsecond),
				median(pick(w.rounds, func(x result) time.Duration { return x.P99 })).Round(10*time.Microsecond), 100*median(w.share))
		}
	}
	b.WriteString(r.overloadText())
	b.WriteString("\n| figure | target | measured |\n|---|---|---|\n")
	for _, f := range r.facts {
		fmt.Fprintf(&b, "| %s | %s | %s |\n", f.name, f.target, f.value)
	}
	if n := len(r.sample.Body); n > 0 {
		fmt.Fprintf(&b, "\nThe cached answer has %d headers and %d bytes of body; the bare server sends the same.\n", len(r.sample.Header), n)
	}
	return b.String()
}

func processor() string {
	b, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(b)) {
		if k, v, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(k) == "model name" {
			return strings.TrimSpace(v)
		}
	}
	return runtime.GOARCH
}

func kernel() string {
	out, _ := exec.Command("uname", "-r").Output()
	return strings.TrimSpace(string(out))
}

func versions() (out []string) {
	info, _ := debug.ReadBuildInfo()
	for _, m := range info.Deps {
		switch m.Path {
		case "github.com/pocketbase/pocketbase", "github.com/ncruces/go-sqlite3", "github.com/maypok86/otter/v2", "github.com/riverqueue/river":
			out = append(out, m.Path[strings.LastIndex(m.Path, "/ncruces")+1:]+" "+m.Version)
		}
	}
	return out
}
