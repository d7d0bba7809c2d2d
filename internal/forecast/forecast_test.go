package forecast_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/internal/forecast"
	"github.com/partita-dev/partita/model"
)

var update = flag.Bool("update", false, "write what is seen as what is wanted")

func example(t *testing.T, name string) *model.Model {
	t.Helper()
	path := filepath.Join("../../examples", name, name+".yaml")
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse(path, source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func plan(t *testing.T, c forecast.Config) *forecast.Forecast {
	t.Helper()
	f, err := forecast.Make(c)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// What people read, as they read it.
func TestPlansOfTheExamples(t *testing.T) {
	for _, name := range []string{"shop", "chat"} {
		for _, growth := range []float64{1, 100, 10_000} {
			for _, postgres := range []bool{false, true} {
				store := map[bool]string{false: "sqlite", true: "postgres"}[postgres]
				t.Run(fmt.Sprint(name, growth, store), func(t *testing.T) {
					got := plan(t, forecast.Config{Model: example(t, name), Growth: growth, Postgres: postgres}).Text()
					path := fmt.Sprintf("testdata/%s-%g-%s.txt", name, growth, store)
					if *update {
						if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
							t.Fatal(err)
						}
					}
					want, err := os.ReadFile(path)
					if err != nil {
						t.Fatal(err)
					}
					if got != string(want) {
						t.Errorf("%s is not what is seen; look at it, then run with -update:\n%s", path, got)
					}
				})
			}
		}
	}
}

// Patterns count that callers may ask for, be there others that only the service itself does.
func TestPatternsWithoutRatesAreCounted(t *testing.T) {
	const source = `
service: till
partitions: {till: {by: till_id, type: string(20), expect: 100}}
entities:
  sale: {in: till, key: n, expect: 100, fields: {n: {type: int, default: next}, sum: int}}
  shut: {in: till, expect: 1, fields: {sum: int}}
reads:
  sales: {list: sale RATE}
  shut:  {get: shut, allow: none}
writes:
  sell: {insert: sale, input: [sum], emit: sold}
  book: {upsert: shut, set: {sum: 1}, allow: none, expect: 50/s}
events:
  sold: {data: [sale.n], then: {write: book, with: {till_id: = event.till_id}}}
access: {allow: anyone}
`
	for rate, want := range map[string]string{
		"":               "no pattern has an `expect`",
		", expect: 20/s": "1 of 2 patterns have an `expect`",
	} {
		m, err := model.Parse("till.yaml", []byte(strings.Replace(source, " RATE", rate, 1)), nil)
		if err != nil {
			t.Fatal(err)
		}
		f := plan(t, forecast.Config{Model: m})
		var said []string
		for _, a := range f.Assumed {
			if strings.HasPrefix(a.What, "rates") {
				said = append(said, a.Why)
			}
		}
		if len(said) != 1 || !strings.HasPrefix(said[0], want) {
			t.Errorf("it says %q, want %q", said, want)
		}
		all := 0.0
		for _, r := range f.Reads {
			all += r.Rate.Value
		}
		for _, w := range f.Writes {
			all += w.Rate.Value
		}
		if want := map[string]float64{"": 100, ", expect: 20/s": 20.2}[rate]; math.Abs(all-want) > 1e-6 {
			t.Errorf("%g requests a second, want %g", all, want)
		}
	}
}

// The shop's day of sales is one partition, however many customers there are; the chat's posts fan out
// to the inboxes of all members.
func TestReasonsHold(t *testing.T) {
	shop := plan(t, forecast.Config{Model: example(t, "shop"), Growth: 100, Postgres: true})
	found := false
	for _, b := range shop.Breaks {
		if strings.Contains(b.What, "view sales") {
			found = true
			if !b.Over || b.Growth.Value > 20 || !strings.Contains(b.Then, "day and a region") {
				t.Errorf("%+v", b)
			}
		}
	}
	if !found {
		t.Error("nothing says that all orders of a day meet in one partition of the view")
	}
	chat := plan(t, forecast.Config{Model: example(t, "chat")})
	for _, w := range chat.Writes {
		if w.Name == "touch_inbox" && (w.Follows.Value != 40_000 || w.Follows.From != forecast.Declared) {
			t.Errorf("2,000 posts a second to rooms of 20 members touch %+v inboxes", w.Follows)
		}
	}
	if first := chat.Breaks[0]; first.Growth.Value >= 1 {
		t.Errorf("SQLite takes %+v", first)
	}
}

// More of everything needs no less of anything.
// What a view is by tells how many partitions it has: those of its source, of another family, the words
// of an enum, the days of a week.
func TestViewsHaveAsManyPartitionsAsValues(t *testing.T) {
	m, err := model.Parse("", []byte(`
service: telemetry
partitions:
  device: {by: device_id, type: uuid, expect: 1k}
  fleet:  {by: fleet_no, type: int, expect: 50}
entities:
  fleet: {in: fleet, fields: {name: string(20)}}
  device: {in: device, fields: {fleet_no: int, model: string(20)}}
  sample:
    in: device
    key: at
    expect: 100
    fields: {at: {type: time, default: now}, channel: {enum: [heat, power, light]}, place: string(20), value: float}
writes:
  record: {insert: sample, input: [channel, place, value]}
views:
  per_device: {from: sample, by: device_id, key: channel, fold: {n: count}}
  in_fleet:   {from: device, by: fleet_no}
  per_week:   {from: sample, by: {week_day: = weekday(row.at)}, key: channel, fold: {n: count}}
  per_channel: {from: sample, by: channel, fold: {n: count}}
  per_value:  {from: sample, by: {label: "= row.place + 'x'"}, fold: {n: count}}
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	f := plan(t, forecast.Config{Model: m})
	for name, want := range map[string][2]float64{
		"per_device": {1000, 3000}, "in_fleet": {50, 1000}, "per_week": {7, 21}, "per_channel": {3, 3}, "per_value": {100_000, 100_000},
	} {
		family := f.Families[slices.IndexFunc(f.Families, func(x forecast.Family) bool { return x.Name == name })]
		entity := f.Entities[slices.IndexFunc(f.Entities, func(x forecast.Entity) bool { return x.Name == name })]
		if family.Partitions.Value != want[0] || entity.Rows.Value != want[1] {
			t.Errorf("%s: %g partitions with %g rows in all, want %g with %g", name, family.Partitions.Value, entity.Rows.Value, want[0], want[1])
		}
	}
	week := f.Hottest[slices.IndexFunc(f.Hottest, func(x forecast.Hot) bool { return x.Family == "per_week" })]
	if week.Share.Value != 1 {
		t.Errorf("today's partition gets %g of the changes", week.Share.Value)
	}
}

func TestGrowthNeedsMore(t *testing.T) {
	m := example(t, "shop")
	var last *forecast.Forecast
	for _, growth := range []float64{0.1, 1, 10, 1000, 1e6} {
		f := plan(t, forecast.Config{Model: m, Growth: growth})
		if last != nil {
			if f.Bytes.Value < last.Bytes.Value || f.Nodes.Service.Value < last.Nodes.Service.Value || f.Log.Rate.Value < last.Log.Rate.Value {
				t.Errorf("at %g×: %v bytes, %v nodes, %v commits", growth, f.Bytes.Value, f.Nodes.Service.Value, f.Log.Rate.Value)
			}
			for i := range f.Breaks {
				if math.Abs(math.Log(f.Breaks[i].Growth.Value/last.Breaks[i].Growth.Value)) > 1e-9 {
					t.Errorf("%s breaks at %g× seen from %g×, and at %g× seen before", f.Breaks[i].What, f.Breaks[i].Growth.Value, growth, last.Breaks[i].Growth.Value)
				}
			}
		}
		last = f
	}
}

func TestHitRates(t *testing.T) {
	source := `
service: s
partitions: {p: {by: id, type: uuid, expect: 1k}}
entities: {e: {in: p, fields: {a: int}}}
reads:
  often: {get: e, fresh: 10s, expect: 100k/s}
  never: {get: e, expect: 100k/s}
writes: {put: {upsert: e, input: [a], expect: 1/s}}
`
	m, err := model.Parse("s.yaml", []byte(source), func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	f := plan(t, forecast.Config{Model: m})
	if h := f.Reads[0].Hits.Value; h < 0.99 {
		t.Errorf("100 reads a second of each row are answered by a cache in %g of the cases", h)
	}
	if f.Reads[1].Hits.Value != 0 || f.Reads[1].Store.Value != 100_000 {
		t.Errorf("%+v", f.Reads[1])
	}
	small := plan(t, forecast.Config{Model: m, Cache: 20_000})
	if h := small.Reads[0].Hits.Value; h > 0.8 || h < 0.3 {
		t.Errorf("a cache for about a tenth of the rows answers %g", h)
	}
}

// The law is found again in what follows it, and what bends away from it is not hidden.
func TestScalingLaw(t *testing.T) {
	law := func(n float64) float64 { return 900 * n / (1 + 0.03*(n-1) + 0.0004*n*(n-1)) }
	report := func(upTo float64) *bench.Report {
		r := &bench.Report{Format: bench.Format, Service: "shop", Store: "sqlite 3", Nodes: 1, Machine: bench.Machine{Cores: 2}, Zipf: 0.99, Knee: bench.Knee{Goodput: law(upTo)}}
		for n := 0.5; n <= upTo; n *= 1.4 {
			noise := 1 + 0.02*math.Sin(n*7)
			r.Steps = append(r.Steps, bench.Step{InFlight: n, Goodput: law(n) * noise, Followed: true})
		}
		return r
	}
	f := plan(t, forecast.Config{Model: example(t, "shop"), Measured: report(24)})
	s := f.Scaling
	if s == nil || !s.Held {
		t.Fatalf("%+v", s)
	}
	if ahead := law(1.5 * s.Upto); math.Abs(s.Ahead.Value/ahead-1) > 0.15 {
		t.Errorf("%g answers a second at 1.5 times the concurrency, and the law gives %g", s.Ahead.Value, ahead)
	}
	if s.Check > 0.15 {
		t.Errorf("the check is off by %g", s.Check)
	}
	if f.Nodes.Service.From != forecast.Assumed && f.Nodes.Service.From != forecast.Measured {
		t.Errorf("nodes are %v", f.Nodes.Service.From)
	}
	if few := plan(t, forecast.Config{Model: example(t, "shop"), Measured: &bench.Report{Format: bench.Format, Service: "shop"}}); few.Scaling != nil {
		t.Errorf("a law was found in nothing: %+v", few.Scaling)
	}
}

func TestMeasurementsMustFit(t *testing.T) {
	for want, r := range map[string]*bench.Report{
		"measure this model":                {Format: bench.Format, Service: "other"},
		"reads " + fmt.Sprint(bench.Format): {Format: bench.Format + 1, Service: "shop"},
	} {
		if _, err := forecast.Make(forecast.Config{Model: example(t, "shop"), Measured: r}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestPageAndJSON(t *testing.T) {
	c := forecast.Config{Model: example(t, "shop"), Growth: 100}
	page := plan(t, c).Page()
	for _, want := range []string{"<svg", "one partition of the view sales", "shop at 100×", "What breaks"} {
		if !strings.Contains(string(page), want) {
			t.Errorf("the page does not show %q", want)
		}
	}
	if strings.Contains(string(page), "http://") || strings.Contains(string(page), "https://") || strings.Contains(string(page), "NaN") {
		t.Error("the page needs something else, or a number is none")
	}
	if _, err := json.Marshal(plan(t, c)); err != nil {
		t.Error(err)
	}
}
