package forecast

import (
	"fmt"
	"math"
)

// Nodes says how many of what.
type Nodes struct {
	Requests Number `json:"requests_per_second"`
	Cores    Number `json:"cores"` // busy, over all nodes
	Each     int    `json:"cores_of_a_node"`
	Service  Number `json:"service"` // nodes of Partita
	Store    string `json:"store"`
	Bus      string `json:"bus"`
	Shared   string `json:"shared_cache"`
}

// busyShare is how busy nodes may be in ordinary times: room for one that dies, and for a bad hour.
const busyShare = 0.6

// What one server of each kind takes where nothing was measured.
const (
	sqliteCommits = 10_000.0 // per second, many partitions, each group synced
	pgCommits     = 15_000.0
	sqliteReads   = 40_000.0
	pgReads       = 30_000.0
	onePartition  = 8_000.0  // commits a second of one partition, one after the other in groups
	oneView       = 10_000.0 // changes a second into one partition of a view
	sqliteBytes   = 200 << 30
	pgBytes       = 4 << 40
)

// commits and reads give what one store takes.
func (p *planner) storeTakes() (commits, reads, bytes float64) {
	if p.Postgres {
		return pgCommits, pgReads, pgBytes
	}
	return sqliteCommits, sqliteReads, sqliteBytes
}

func (p *planner) nodes() {
	n := &p.out.Nodes
	n.Each = p.Cores
	for i := range p.out.Reads {
		r := &p.out.Reads[i]
		hit, miss := cachedCost, r.CPU.Value
		if r.CPU.From == Measured { // what was measured had its hits and misses already
			hit = miss
		}
		n.Requests = by(n.Requests.Value+r.Rate.Value, n.Requests, r.Rate)
		n.Cores = by(n.Cores.Value+r.Rate.Value*(r.Hits.Value*hit+(1-r.Hits.Value)*miss)/1000, n.Cores, r.Rate, r.CPU)
	}
	for i := range p.out.Writes {
		w := &p.out.Writes[i]
		n.Requests = by(n.Requests.Value+w.Rate.Value, n.Requests, w.Rate)
		n.Cores = by(n.Cores.Value+(w.Rate.Value*w.CPU.Value+w.Follows.Value*followedCost)/1000, n.Cores, w.Rate, w.CPU)
	}
	n.Service = by(math.Max(1, math.Ceil(n.Cores.Value/(float64(p.Cores)*busyShare))), n.Cores)
	if m := p.Measured; m != nil && m.Knee.Goodput > 0 {
		each := m.Knee.Goodput / float64(max(1, m.Nodes))
		n.Service = by(math.Max(1, math.Ceil(n.Requests.Value/(each*busyShare))), n.Requests, Number{From: Measured})
	}
	fits := func(commits, bytes float64) float64 {
		return math.Ceil(max(p.out.Log.Rate.Value/(commits*busyShare), p.out.Bytes.Value/bytes))
	}
	if !p.Postgres && n.Service.Value <= 1 && fits(sqliteCommits, sqliteBytes) <= 1 {
		n.Store, n.Bus, n.Shared = "SQLite in the node", "in the node", "none"
		return
	}
	switch stores := fits(pgCommits, pgBytes); {
	case stores <= 1:
		n.Store = "one PostgreSQL, and a standby"
	default:
		n.Store = fmt.Sprintf("PostgreSQL spread over %s servers by partition (Citus or the like), each with a standby", grouped(stores))
	}
	n.Service.Value = max(n.Service.Value, 2) // so that one may die
	n.Bus = "three NATS servers"
	n.Shared = "Redis or Valkey, where many nodes ask for the same"
}
