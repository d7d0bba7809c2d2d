package observe

import (
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"

	"github.com/partita-dev/partita/model"
)

// Metrics answers scrapes by Prometheus. Native histograms are sent to those that ask for
// protobuf; the text form has classic buckets, one per power of two, and is as exact at its bounds.
func (r *Recorder) Metrics() http.Handler {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newExporter(r),
	)
	return promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true, Registry: registry})
}

// side names the metrics of reads or of writes.
type side struct {
	duration, store, errors *prometheus.Desc
}

func newSide(kind, store string) side {
	label := []string{kind}
	return side{
		duration: prometheus.NewDesc("partita_"+kind+"_duration_seconds",
			"Time from the arrival of a "+kind+" to its answer, errors included.", label, nil),
		store: prometheus.NewDesc("partita_"+kind+"_store_duration_seconds", store, label, nil),
		errors: prometheus.NewDesc("partita_"+kind+"_errors_total",
			"Requests to a "+kind+" that were answered with an error, by its type.", []string{kind, "error_type"}, nil),
	}
}

// exporter turns a Recorder's cells into Prometheus' metrics at each scrape.
type exporter struct {
	r             *Recorder
	read, write   side
	answers, done *prometheus.Desc
	age           *prometheus.Desc
	business      []businessDesc
	info, state   *prometheus.Desc
	entered       *prometheus.Desc
	settling      *prometheus.Desc
	shared        *prometheus.Desc
	gauges        []gauge
	endpoints     endpointDescs
	admission     admissionDescs
}

type businessDesc struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
}

func newExporter(r *Recorder) *exporter {
	e := &exporter{
		r:     r,
		read:  newSide("read", "Time that a read waited for the store, where it asked it."),
		write: newSide("write", "Time from handing a write to the store to its outcome: queue, group and sync."),
		answers: prometheus.NewDesc("partita_read_answers_total",
			"Answers to reads, by how the cache took part: hit, miss, joined, refreshed, stale, shared or bypass.", []string{"read", "cache"}, nil),
		done: prometheus.NewDesc("partita_write_outcomes_total",
			"Outcomes of writes: done now, or replayed by their idempotency key.", []string{"write", "outcome"}, nil),
		age: prometheus.NewDesc("partita_read_age_seconds",
			"Age of answers from the cache: those within fresh, and stale ones.", []string{"read", "within"}, nil),
		info: prometheus.NewDesc("partita_info",
			"What runs here; the value is always 1.", []string{"service", "version", "revision"}, nil),
		state: prometheus.NewDesc("partita_component_state",
			"How a part of the service is: 0 ok, 1 degraded, 2 down.", []string{"component"}, nil),
		entered: prometheus.NewDesc("partita_component_entered_total",
			"How often a part of the service came into a state that is not ok.", []string{"component", "state"}, nil),
		settling: prometheus.NewDesc("partita_accepted_duration_seconds",
			"Time from accepting a write for later until it was carried out, or failed for good.", nil, nil),
		shared: prometheus.NewDesc("partita_shared_cache_call_duration_seconds",
			"Time that a call of the shared cache took, failed ones included.", nil, nil),
		gauges:    gauges(r),
		endpoints: newEndpointDescs(),
		admission: newAdmissionDescs(),
	}
	for _, b := range r.business {
		name, kind, help := "partita_business_"+b.metric.Name, prometheus.GaugeValue, "Sum since the start, as the model defines it."
		if b.metric.Sum == nil {
			name = strings.TrimSuffix(name, "_total") + "_total"
			kind, help = prometheus.CounterValue, "Count since the start, as the model defines it."
		}
		e.business = append(e.business, businessDesc{prometheus.NewDesc(name, help, b.labels, nil), kind})
	}
	return e
}

// Describe implements prometheus.Collector.
func (e *exporter) Describe(ch chan<- *prometheus.Desc) {
	for _, s := range []side{e.read, e.write} {
		ch <- s.duration
		ch <- s.store
		ch <- s.errors
	}
	for _, d := range []*prometheus.Desc{e.answers, e.done, e.age, e.info, e.state, e.entered, e.settling, e.shared} {
		ch <- d
	}
	for _, b := range e.business {
		ch <- b.desc
	}
	for _, g := range e.gauges {
		ch <- g.desc
	}
	e.endpoints.describe(ch)
	e.admission.describe(ch)
}

// Collect implements prometheus.Collector.
func (e *exporter) Collect(ch chan<- prometheus.Metric) {
	r := e.r
	ch <- prometheus.MustNewConstMetric(e.info, prometheus.GaugeValue, 1, r.cfg.Model.Service, r.cfg.Version, r.cfg.Model.Revision)
	for _, c := range r.health.Components() {
		ch <- prometheus.MustNewConstMetric(e.state, prometheus.GaugeValue, float64(slices.Index([]State{OK, Degraded, Down}, c.State)), c.Name)
	}
	for _, x := range r.health.Entered() {
		ch <- counter(e.entered, x.Times, x.Component, string(x.State))
	}
	if r.cfg.Shared != nil {
		ch <- r.sharedHistogram(e.shared)
	}
	e.admission.collect(ch, r.admissionFigures())
	row := make([]uint64, cellCount)
	for i, p := range r.reads {
		if rd := r.cfg.Model.Reads[i]; !rd.Internal {
			p.sum(row)
			e.collectRead(ch, rd, row)
		}
	}
	for i, p := range r.writes {
		name := r.cfg.Model.Writes[i].Name
		p.sum(row)
		e.write.collect(ch, r.started, name, row, r.cfg.Model.Writes[i].Objective.Latency)
		ch <- counter(e.done, row[cellOutcome+writeDone], name, "done")
		ch <- counter(e.done, row[cellOutcome+writeReplayed], name, "replayed")
	}
	if r.accepts.Load() != nil {
		r.accepted.sum(row)
		ch <- newHistogram(e.settling, latencies, r.started, row[cellLatency:], row[sumLatency], 0)
	}
	for i, b := range r.business {
		for _, s := range b.all() {
			ch <- prometheus.MustNewConstMetric(e.business[i].desc, e.business[i].kind, s.total.load(), s.labels...)
		}
		if len(b.labels) == 0 && len(*b.series.Load()) == 0 { // a series that starts at 0 has a rate
			ch <- prometheus.MustNewConstMetric(e.business[i].desc, e.business[i].kind, 0)
		}
	}
	e.collectGauges(ch)
	e.endpoints.collect(ch, r.endpointFigures())
}

func (e *exporter) collectRead(ch chan<- prometheus.Metric, rd *model.Read, row []uint64) {
	name := rd.Name
	e.read.collect(ch, e.r.started, name, row, rd.Objective.Latency)
	for o, word := range outcomeNames {
		ch <- counter(e.answers, row[cellOutcome+o], name, word)
	}
	ch <- newHistogram(e.age, ages, e.r.started, row[cellAge:], row[sumAge], 0, name, "fresh")
	ch <- newHistogram(e.age, ages, e.r.started, row[cellStale:], row[sumStale], 0, name, "stale")
}

func (s side) collect(ch chan<- prometheus.Metric, started time.Time, name string, row []uint64, objective time.Duration) {
	ch <- newHistogram(s.duration, latencies, started, row[cellLatency:], row[sumLatency], objective, name)
	ch <- newHistogram(s.store, latencies, started, row[cellStore:], row[sumStore], 0, name)
	for i := range codeCount + 1 {
		if n := row[cellCode+i]; n > 0 {
			ch <- counter(s.errors, n, name, codeName(i))
		}
	}
}

func counter(d *prometheus.Desc, n uint64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n), labels...)
}

// histogram is a native histogram that has classic buckets too.
type histogram struct {
	prometheus.Metric
	classic []*dto.Bucket
}

// Write implements prometheus.Metric.
func (h histogram) Write(m *dto.Metric) error {
	if err := h.Metric.Write(m); err != nil {
		return err
	}
	m.Histogram.Bucket = h.classic
	return nil
}

// newHistogram exports what was counted. An objective, where it is not 0, gets a classic bucket that
// ends there: so that alerts can count what was slower.
func newHistogram(d *prometheus.Desc, l layout, started time.Time, row []uint64, nanos uint64, objective time.Duration, labels ...string) prometheus.Metric {
	counts := row[:bucketCount]
	promised := -1
	if objective > 0 {
		promised = l.index(objective)
	}
	native := map[int]int64{}
	var total uint64
	var classic []*dto.Bucket
	for i, n := range counts {
		if n > 0 {
			native[l.native(i)] = int64(n)
			total += n
		}
		if i == promised || (i+1)%perOctave == 0 && l.classic((i+1)/perOctave) {
			classic = append(classic, &dto.Bucket{
				UpperBound: new(l.lower(i + 1)), CumulativeCount: new(total),
			})
		}
	}
	m := prometheus.MustNewConstNativeHistogram(d, total, float64(nanos)/1e9, native, nil, 0, schema, 0, started, labels...)
	return histogram{m, classic}
}

// PromisedBound gives the bound in seconds of the classic bucket that a pattern's duration has for its
// objective: at most 4.4 % above it.
func PromisedBound(objective time.Duration) float64 {
	return latencies.lower(latencies.index(objective) + 1)
}

// classic tells at which octaves a classic bucket ends: each from 122 µs to 16 s for latencies,
// every second one for ages.
func (l layout) classic(octave int) bool {
	exponent := int(l) + octave
	if l == ages {
		return exponent%2 == 0
	}
	return exponent >= -13 && exponent <= 4
}
