package observe

import (
	"cmp"

	"github.com/prometheus/client_golang/prometheus"
)

// EndpointFigures is how one of those who are told of events is: a webhook by its host, a Go
// function, the bus, or writes that follow. A node counts what waits and what is dead in the shards that it
// works on; a Snapshot has the figures of all nodes together.
type EndpointFigures struct {
	Name     string  `json:"name"`
	Waiting  int     `json:"waiting"`          // events that it has not been told of
	Oldest   float64 `json:"oldest"`           // since the oldest of these happened, in seconds; 0 where there is none
	Attempts uint64  `json:"attempts"`         // since the nodes started
	Failures uint64  `json:"failures"`         // of these
	Dead     int     `json:"dead"`             // dead letters
	Failed   string  `json:"failed,omitempty"` // why the last attempt of a node failed; "" where it did not
}

// Endpoints tells where to ask for those who are told of events: without it there are no figures of
// them.
func (r *Recorder) Endpoints(endpoints func() []EndpointFigures) { r.endpoints.Store(&endpoints) }

// endpointFigures gives the figures of endpoints by this node; nil where there are none.
func (r *Recorder) endpointFigures() []EndpointFigures {
	ask := r.endpoints.Load()
	if ask == nil {
		return nil
	}
	return together((*ask)())
}

// together adds up the figures of one name.
func together(list []EndpointFigures) []EndpointFigures {
	var out []EndpointFigures
	at := map[string]int{}
	for _, f := range list {
		i, known := at[f.Name]
		if !known {
			at[f.Name] = len(out)
			out = append(out, f)
			continue
		}
		x := &out[i]
		x.Waiting, x.Dead = x.Waiting+f.Waiting, x.Dead+f.Dead
		x.Attempts, x.Failures = x.Attempts+f.Attempts, x.Failures+f.Failures
		x.Oldest, x.Failed = max(x.Oldest, f.Oldest), cmp.Or(x.Failed, f.Failed)
	}
	return out
}

type endpointDescs struct{ waiting, oldest, attempts, failures, dead *prometheus.Desc }

func newEndpointDescs() endpointDescs {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc("partita_"+name, help, []string{"endpoint"}, nil)
	}
	return endpointDescs{
		waiting:  desc("events_waiting", "Events that an endpoint has not been told of, in the shards of this node."),
		oldest:   desc("events_waiting_age_seconds", "Since the oldest of them happened."),
		attempts: desc("event_attempts_total", "Attempts to tell an endpoint of an event."),
		failures: desc("event_failures_total", "Attempts that failed."),
		dead:     desc("dead_letters", "Events that were given up and wait to be replayed or dropped, in the shards of this node."),
	}
}

func (d *endpointDescs) describe(ch chan<- *prometheus.Desc) {
	for _, x := range []*prometheus.Desc{d.waiting, d.oldest, d.attempts, d.failures, d.dead} {
		ch <- x
	}
}

func (d *endpointDescs) collect(ch chan<- prometheus.Metric, list []EndpointFigures) {
	for _, f := range list {
		gauge := func(x *prometheus.Desc, v float64) {
			ch <- prometheus.MustNewConstMetric(x, prometheus.GaugeValue, v, f.Name)
		}
		gauge(d.waiting, float64(f.Waiting))
		gauge(d.oldest, f.Oldest)
		gauge(d.dead, float64(f.Dead))
		ch <- counter(d.attempts, f.Attempts, f.Name)
		ch <- counter(d.failures, f.Failures, f.Name)
	}
}
