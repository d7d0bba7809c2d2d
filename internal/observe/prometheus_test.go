package observe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// figures is a store of which only its figures are asked.
type figures struct {
	store.Store
	broken chan struct{}
}

func (f figures) Stats(context.Context) (store.Stats, error) {
	return store.Stats{Bytes: 1 << 20, QueueLength: 3, QueueBound: 4096, Groups: 10, GroupWrites: 45, Readers: 4, ReadersInUse: 1}, nil
}
func (f figures) Info() store.Info        { return store.Info{Kind: "sqlite", Version: "3.53"} }
func (f figures) Broken() <-chan struct{} { return f.broken }

// busy returns a Recorder that has measured something of everything.
func busy(t *testing.T) *observe.Recorder {
	m := shop()
	r := observe.New(observe.Config{
		Model: m, Version: "v1", DataDir: t.TempDir(), Store: figures{broken: make(chan struct{})},
		Cache: func() cache.Stats { return cache.Stats{Bytes: 5, Bound: 10, Entries: 2} },
	})
	t.Cleanup(func() { r.Close() })
	for i := range 1000 {
		r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Hit, Total: time.Duration(i) * time.Microsecond, Age: time.Second})
	}
	r.Read(m.Reads[0], engine.ReadSample{Outcome: cache.Stale, Total: time.Second, Age: time.Hour})
	r.Read(m.Reads[1], engine.ReadSample{Code: fault.Forbidden, Total: time.Millisecond})
	r.Write(m.Writes[0], engine.WriteSample{Total: 2 * time.Millisecond, Store: time.Millisecond})
	r.Metric(m.Metrics[0], nil, 1)
	r.Metric(m.Metrics[1], []model.Value{model.String("it")}, 1250)
	r.Health().Set("store", observe.OK, "")
	return r
}

func scrape(t *testing.T, r *observe.Recorder, accept string) (*http.Response, []byte) {
	t.Helper()
	req := httptest.NewRequest("GET", "/metrics", nil)
	req.Header.Set("Accept", accept)
	w := httptest.NewRecorder()
	r.Metrics().ServeHTTP(w, req)
	body, err := io.ReadAll(w.Result().Body)
	if err != nil || w.Code != http.StatusOK {
		t.Fatalf("scrape: status %d, %v: %s", w.Code, err, body)
	}
	return w.Result(), body
}

func TestPromtoolFindsNothingWrong(t *testing.T) {
	_, text := scrape(t, busy(t), "text/plain")
	cmd := exec.CommandContext(t.Context(), "promtool", "check", "metrics")
	cmd.Stdin = bytes.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("promtool check metrics (Debian's package prometheus has it): %v\n%s\n%s", err, out, text)
	}
}

func TestMetricsHaveTheirNamesAndLabels(t *testing.T) {
	_, text := scrape(t, busy(t), "text/plain")
	for _, line := range []string{
		`partita_read_duration_seconds_count{read="order"} 1001`,
		`partita_read_duration_seconds_bucket{read="order",le="0.0009765625"} 977`,
		`partita_read_answers_total{cache="hit",read="order"} 1000`,
		`partita_read_answers_total{cache="stale",read="order"} 1`,
		`partita_read_age_seconds_count{read="order",within="stale"} 1`,
		`partita_read_errors_total{error_type="forbidden",read="orders"} 1`,
		`partita_write_store_duration_seconds_count{write="place_order"} 1`,
		`partita_write_outcomes_total{outcome="done",write="place_order"} 1`,
		`partita_business_orders_placed_total 1`,
		`partita_business_revenue_cents{country="it"} 1250`,
		`partita_component_state{component="store"} 0`,
		`partita_info{revision="r1",service="shop",version="v1"} 1`,
		`partita_cache_bytes 5`,
		`partita_store_group_writes_total 45`,
	} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no line %s", line)
		}
	}
	for _, name := range []string{"go_goroutines ", "process_resident_memory_bytes ", "partita_disk_free_bytes "} {
		if !strings.Contains(string(text), "\n"+name) {
			t.Errorf("no metric %s", name)
		}
	}
	if strings.Contains(string(text), `"internal"`) {
		t.Error("a read that the model makes for itself is exported")
	}
}

// What was slower than the objective can be counted: a bucket ends there, to 4.4 %.
func TestObjectivesHaveABucketOfTheirOwn(t *testing.T) {
	m := shop()
	m.Reads[0].Objective = model.Objective{Quantile: 0.99, Latency: 50 * time.Millisecond}
	r := observe.New(observe.Config{Model: m})
	t.Cleanup(func() { r.Close() })
	for _, ms := range []int{1, 40, 50, 53, 100} {
		r.Read(m.Reads[0], engine.ReadSample{Total: time.Duration(ms) * time.Millisecond})
	}
	bound := observe.PromisedBound(50 * time.Millisecond)
	if bound < 0.05 || bound > 0.05*1.045 {
		t.Errorf("the bucket of 50 ms ends at %v s", bound)
	}
	_, text := scrape(t, r, "text/plain")
	want := fmt.Sprintf(`partita_read_duration_seconds_bucket{read="order",le="%v"} 3`, bound)
	if !strings.Contains(string(text), want+"\n") {
		t.Errorf("no line %s", want)
	}
}

// A native histogram is what Prometheus gets when it asks for protobuf.
func TestNativeHistograms(t *testing.T) {
	res, body := scrape(t, busy(t), "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited")
	decoder := expfmt.NewDecoder(bytes.NewReader(body), expfmt.ResponseFormat(res.Header))
	for {
		var f dto.MetricFamily
		if err := decoder.Decode(&f); errors.Is(err, io.EOF) {
			t.Fatal("no partita_read_duration_seconds")
		} else if err != nil {
			t.Fatal(err)
		}
		if f.GetName() != "partita_read_duration_seconds" {
			continue
		}
		i := slices.IndexFunc(f.Metric, func(m *dto.Metric) bool { return m.Label[0].GetValue() == "order" })
		h := f.Metric[i].Histogram
		// Index 0 of a native histogram ends at 1 s, where the one slow read lies.
		var last, index int32
		var count, sum int64
		k := 0
		for _, span := range h.PositiveSpan {
			index += span.GetOffset()
			for range span.GetLength() {
				count += h.PositiveDelta[k]
				sum += count
				last = index
				index++
				k++
			}
		}
		if h.GetSchema() != 4 || last != 0 || sum != 1001 || h.GetSampleCount() != 1001 {
			t.Errorf("schema %d, last bucket %d, %d of %d samples", h.GetSchema(), last, sum, h.GetSampleCount())
		}
		return
	}
}

func TestTwoServicesInOneProcess(t *testing.T) {
	a, b := busy(t), busy(t)
	_, first := scrape(t, a, "text/plain")
	_, second := scrape(t, b, "text/plain")
	_, again := scrape(t, a, "text/plain")
	for _, text := range [][]byte{first, second, again} {
		if !bytes.Contains(text, []byte(`partita_read_duration_seconds_count{read="order"} 1001`)) {
			t.Error("one service counts what another measured")
		}
	}
}
