// Package forecast works out what a model's service needs at a given size: rows and bytes, requests and
// what they cost, caches, the hottest partitions, nodes, and what breaks first as it grows. It knows the
// model and, where there is one, the report of a measurement; it runs nothing.
package forecast

import (
	"fmt"
	"math"
	"slices"

	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/model"
)

// Origin says where a number comes from.
type Origin uint8

// The origins, the surest first. What is worked out of several numbers is as unsure as the least sure.
const (
	Declared Origin = iota // by the model
	Measured               // by `partita bench`
	Assumed                // see Assumptions
)

// String gives the origin's word.
func (o Origin) String() string { return [...]string{"declared", "measured", "assumed"}[o] }

// MarshalText implements encoding.TextMarshaler.
func (o Origin) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// Number is a figure and where it comes from.
type Number struct {
	Value float64 `json:"value"`
	From  Origin  `json:"from"`
}

// by gives f's value for the numbers, as unsure as the least sure of them.
func by(value float64, of ...Number) Number {
	n := Number{Value: value}
	for _, x := range of {
		n.From = max(n.From, x.From)
	}
	return n
}

// Config says what is forecast.
type Config struct {
	Model    *model.Model
	Growth   float64       // how many times the partitions and rates that the model expects; default 1
	Measured *bench.Report // nil: nothing was measured
	Cores    int           // of a node; default those of the measured machine, else 4
	Cache    float64       // bytes of a node's cache; default 64 MiB
	Keep     float64       // seconds that changes are kept; default 7 days
	Zipf     float64       // exponent of the popularity of partitions; default that of the measurement, else 0.99
	Postgres bool          // the store is PostgreSQL; default: as measured, else SQLite
}

// Forecast is what a service of that size needs.
type Forecast struct {
	Service  string  `json:"service"`
	Revision string  `json:"model_revision"`
	Growth   float64 `json:"growth"`
	Store    string  `json:"store"`

	Families []Family  `json:"partitions"`
	Entities []Entity  `json:"entities"`
	Log      Log       `json:"change_log"`
	Bytes    Number    `json:"bytes"` // of the store in all
	Reads    []Read    `json:"reads"`
	Writes   []Write   `json:"writes"`
	Cache    Cache     `json:"cache"`
	Hottest  []Hot     `json:"hottest"`
	Backlog  *Backlog  `json:"backlog,omitempty"`
	Nodes    Nodes     `json:"nodes"`
	Scaling  *Scaling  `json:"scaling,omitempty"`
	Breaks   []Break   `json:"breaks"` // what breaks as it grows, the first first
	Assumed  []Premise `json:"assumptions"`
	Notes    []string  `json:"notes,omitempty"`

	config Config // with its defaults
}

// Premise is one thing that nobody declared or measured.
type Premise struct {
	What  string `json:"what"`
	Value string `json:"value"`
	Why   string `json:"why"`
}

// planner works a forecast out.
type planner struct {
	Config
	out *Forecast
}

// Make works out the forecast.
func Make(c Config) (*Forecast, error) {
	if err := c.fill(); err != nil {
		return nil, err
	}
	f := at(c)
	f.Breaks, f.Scaling, f.config = breaks(c, f), scaling(c.Measured), c
	(&planner{Config: c, out: f}).premises()
	return f, nil
}

// at is the forecast of one size: without what breaks at others, and what was taken for granted.
func at(c Config) *Forecast {
	store := "SQLite"
	if c.Postgres {
		store = "PostgreSQL"
	}
	p := &planner{Config: c, out: &Forecast{Service: c.Model.Service, Revision: c.Model.Revision, Growth: c.Growth, Store: store}}
	p.families()
	p.load()
	p.data()
	p.caching()
	p.hottest()
	p.backlog()
	p.nodes()
	return p.out
}

func (c *Config) fill() error {
	if m := c.Measured; m != nil {
		if m.Format != bench.Format {
			return fmt.Errorf("the measurement is of format %d, and this release reads %d: measure again with `partita bench --out`", m.Format, bench.Format)
		}
		if m.Service != c.Model.Service {
			return fmt.Errorf("the measurement is of the service %s, the model is %s: measure this model with `partita bench --out`", m.Service, c.Model.Service)
		}
		c.Cores = either(c.Cores, m.Machine.Cores)
		c.Zipf = either(c.Zipf, m.Zipf)
		c.Postgres = c.Postgres || len(m.Store) >= 8 && m.Store[:8] == "postgres"
	}
	c.Growth = either(c.Growth, 1)
	c.Cores = either(c.Cores, 4)
	c.Cache = either(c.Cache, 64<<20)
	c.Keep = either(c.Keep, 7*24*3600)
	c.Zipf = either(c.Zipf, 0.99)
	if c.Growth < 1e-9 || c.Growth > 1e9 || math.IsNaN(c.Growth) {
		return fmt.Errorf("a growth of %g makes no forecast; give one such as 100x", c.Growth)
	}
	return nil
}

func either[T comparable](value, other T) T {
	var none T
	if value == none {
		return other
	}
	return value
}

// Family is one kind of partition.
type Family struct {
	Name       string `json:"name"`
	Partitions Number `json:"partitions"`
	Rows       Number `json:"rows_in_each"`
	Bytes      Number `json:"bytes_in_each"`
}

// families counts partitions. Growth makes more of them; each stays as large as it is.
func (p *planner) families() {
	for _, f := range p.Model.Families {
		n := Number{f.Expect * p.Growth, Declared}
		if f.View != nil {
			n = p.viewPartitions(f.View)
		} else if f.Expect == 0 {
			n = Number{1000 * p.Growth, Assumed}
		}
		p.out.Families = append(p.out.Families, Family{Name: f.Name, Partitions: n})
	}
}

// partitions gives the number of a family's partitions.
func (p *planner) partitions(f *model.Family) Number {
	i := slices.IndexFunc(p.out.Families, func(x Family) bool { return x.Name == f.Name })
	return p.out.Families[i].Partitions
}

// rowsOf gives all rows of an entity.
func (p *planner) rowsOf(e *model.Entity) Number {
	if v := e.View; v != nil {
		rows := p.rowsOf(v.From)
		if len(v.Folds) > 0 {
			return p.foldRows(v)
		}
		return rows
	}
	partitions := p.partitions(e.Family)
	each := Number{e.Expect, Declared}
	switch {
	case len(e.Key) == 0:
		each = Number{1, Declared}
	case e.Expect == 0:
		each = Number{1, Assumed}
	}
	return by(partitions.Value*each.Value, partitions, each)
}
