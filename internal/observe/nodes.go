package observe

import (
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/health"
)

// Node is what one node of a service says about itself, and what is known of it here.
type Node struct {
	Name       string      `json:"node"`
	Boot       string      `json:"boot"`              // tells this start of the node from every other
	Address    string      `json:"address,omitempty"` // of its API
	Version    string      `json:"version"`           // of the program
	Revision   string      `json:"revision"`          // of the model
	Started    time.Time   `json:"started"`
	State      Overall     `json:"state"`
	Components []Component `json:"components"`
	Shards     int         `json:"shards"` // parts of the work behind commits that it does, of ShardsInAll
	CPU        float64     `json:"cpu"`    // processors in use
	CPUs       int         `json:"cpus"`
	RSS        int64       `json:"rss"`
	CacheBytes int64       `json:"cache_bytes"`

	This bool `json:"this,omitempty"` // the node that was asked
	// Gone: it was not heard of for a while, or Left: it stopped in good order; both since then.
	Gone  bool       `json:"gone,omitempty"`
	Left  bool       `json:"left,omitempty"`
	Since *time.Time `json:"since,omitempty"`
	// Total are its own figures of the window; nil where they are not known here, and then they are not
	// among the figures of the whole either.
	Total *Total `json:"total,omitempty"`
}

// Peer is another node and its figures of a window.
type Peer struct {
	Node
	Figures *Figures // nil: none
}

// Self tells how this node is.
func (r *Recorder) Self() Node {
	parts := r.health.Components()
	n := Node{
		Name: r.cfg.Node, Boot: r.boot, Address: r.cfg.Address, Version: r.cfg.Version, Revision: r.cfg.Model.Revision,
		Started: r.started.UTC(), State: health.Sum(parts, r.started), Components: bare(parts),
		CPUs: processors(), RSS: residentBytes(), This: true,
	}
	if r.cfg.Shards != nil {
		n.Shards = r.cfg.Shards()
	}
	if c := r.cacheFigures(); c != nil {
		n.CacheBytes = c.Bytes
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	n.CPU = r.process.cpu()
	return n
}

// addNodes puts this node and its peers into a snapshot, and their figures together.
func (s *Snapshot) addNodes(self Node, own *report, peers []Peer) {
	self.Total = own.total()
	s.Nodes = []Node{self}
	reports := []*report{own}
	for _, p := range peers {
		n := p.Node
		n.This, n.Total = false, nil
		if p.Figures != nil && p.Figures.whole != nil && p.Figures.whole.Window == s.Window && !n.Gone && !n.Left {
			n.Total = p.Figures.whole.total()
			reports = append(reports, p.Figures.whole)
			s.Endpoints = append(s.Endpoints, p.Figures.whole.Endpoints...)
		}
		s.Nodes = append(s.Nodes, n)
	}
	slices.SortFunc(s.Nodes, func(a, b Node) int { return strings.Compare(a.Name, b.Name) })
	s.Merged, s.Endpoints = len(reports), together(s.Endpoints)
	s.fill(reports)
}

// total gives the figures of one report in one line.
func (rep *report) total() *Total {
	whole, row := make([]uint64, cellCount), make([]uint64, cellCount)
	for _, p := range rep.Patterns {
		clear(row)
		unpack(row, p.Row)
		if p.Write {
			clear(row[cellOutcome : cellOutcome+outcomes])
		}
		for i, n := range row {
			whole[i] += n
		}
	}
	t := totalOf(whole, per(float64(tallyOf(whole).all), rep.Covered))
	return &t
}
