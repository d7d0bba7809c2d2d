package observe

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/quota"
)

// Admission is what this node lets in, and what not.
type Admission struct {
	Door   admit.DoorFigures      `json:"door"`             // at the connections
	Reads  admit.Figures          `json:"reads"`            // before the store
	Writes admit.Figures          `json:"writes"`           // before the store
	Heavy  []admit.HeavyPartition `json:"heavy,omitempty"`  // the partitions that cost the most lately, the heaviest first
	Limits []quota.Figures        `json:"limits,omitempty"` // the quotas of the model
}

// Admission tells where to ask for the figures of admission: without it there are none.
func (r *Recorder) Admission(figures func() Admission) { r.admission.Store(&figures) }

func (r *Recorder) admissionFigures() *Admission {
	figures := r.admission.Load()
	if figures == nil {
		return nil
	}
	a := (*figures)()
	return &a
}

// admissionDescs names the metrics of admission.
type admissionDescs struct {
	limit, inside, waiting, overloaded, service *prometheus.Desc
	waited, wait, refused, shed                 *prometheus.Desc
	requests, connections                       *prometheus.Desc
	quotaRefused, quotaCallers                  *prometheus.Desc
}

func newAdmissionDescs() admissionDescs {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("partita_admission_"+name, help, labels, nil)
	}
	return admissionDescs{
		limit:       desc("limit", "How much a gate lets in at once, now.", "gate"),
		inside:      desc("inside", "How much is inside a gate.", "gate"),
		waiting:     desc("waiting", "How many wait at a gate.", "gate"),
		overloaded:  desc("overloaded", "Whether more comes to a gate than can be done.", "gate"),
		service:     desc("service_seconds", "Time that the store takes for one read or write, lately.", "gate"),
		waited:      desc("waited_total", "Those who had to wait at a gate.", "gate", "priority"),
		wait:        desc("wait_seconds_total", "Time that those waited at a gate who were let in.", "gate", "priority"),
		refused:     desc("refused_total", "Those who were not let in: full, they waited and there was no room; late, nobody waited for the answer any more.", "gate", "priority", "reason"),
		shed:        desc("shed_total", "Those who were let in for an old answer only, since there was no room for more.", "gate", "priority"),
		requests:    desc("requests_total", "Requests that came to the door."),
		connections: desc("connections", "Connections that are open."),
		quotaRefused: prometheus.NewDesc("partita_quota_refused_total",
			"Requests that were refused since a quota was used up.", []string{"limit"}, nil),
		quotaCallers: prometheus.NewDesc("partita_quota_callers",
			"Those who have used some of a quota lately, on any node.", []string{"limit"}, nil),
	}
}

func (d *admissionDescs) describe(ch chan<- *prometheus.Desc) {
	for _, one := range []*prometheus.Desc{d.limit, d.inside, d.waiting, d.overloaded, d.service, d.waited, d.wait, d.refused,
		d.shed, d.requests, d.connections, d.quotaRefused, d.quotaCallers} {
		ch <- one
	}
}

func (d *admissionDescs) collect(ch chan<- prometheus.Metric, a *Admission) {
	if a == nil {
		return
	}
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
		ch <- prometheus.MustNewConstMetric(desc, kind, v, labels...)
	}
	const value, count = prometheus.GaugeValue, prometheus.CounterValue
	for _, g := range []struct {
		name string
		f    *admit.Figures
	}{{"door", &a.Door.Figures}, {"reads", &a.Reads}, {"writes", &a.Writes}} {
		send(d.limit, value, float64(g.f.Limit), g.name)
		send(d.inside, value, float64(g.f.Inside), g.name)
		send(d.waiting, value, float64(g.f.Waiting), g.name)
		overloaded := 0.0
		if g.f.Overloaded {
			overloaded = 1
		}
		send(d.overloaded, value, overloaded, g.name)
		if g.name != "door" {
			send(d.service, value, g.f.Service, g.name)
		}
		for _, c := range g.f.Classes {
			send(d.waited, count, float64(c.Waited), g.name, c.Priority)
			send(d.wait, count, c.Wait, g.name, c.Priority)
			if g.name == "door" {
				send(d.shed, count, float64(c.Shed), g.name, c.Priority)
			}
		}
		for _, r := range g.f.Refusals {
			send(d.refused, count, float64(r.Count), g.name, r.Priority, r.Reason)
		}
	}
	send(d.requests, count, float64(a.Door.Requests))
	send(d.connections, value, float64(a.Door.Connections))
	for _, q := range a.Limits {
		send(d.quotaRefused, count, float64(q.Refused), q.Name)
		send(d.quotaCallers, value, float64(q.Callers), q.Name)
	}
}
