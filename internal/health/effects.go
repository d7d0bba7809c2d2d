package health

import (
	"slices"
	"strconv"
	"time"

	"github.com/partita-dev/partita/model"
)

// What a part's state can mean for a pattern: Effect.How.
const (
	Refused  = "refused"  // 503 at once
	Cached   = "cached"   // answered from the cache only, within `fresh`
	Stale    = "stale"    // answered from the cache only, within `stale`
	Accepted = "accepted" // carried out later; at once it is refused
	AtOnce   = "at-once"  // carried out at once, although it could be accepted for later
	Delayed  = "delayed"  // what others did shows later than usual, or what was accepted is done later
	Reloaded = "reloaded" // each node loads it for itself
	Shed     = "shed"     // some requests are refused
)

// Setup is what a service is made of, as far as it matters to what a fault means. It is not changed once
// it is used.
type Setup struct {
	Model   *model.Model
	Accepts bool // writes are accepted for later where the model says so
	Shared  bool // other nodes have the same store
}

// gathering groups patterns for which the same holds.
type gathering []Effect

func (g *gathering) at(how, means string) *Effect {
	i := slices.IndexFunc(*g, func(e Effect) bool { return e.How == how && e.Means == means })
	if i < 0 {
		i = len(*g)
		*g = append(*g, Effect{How: how, Means: means})
	}
	return &(*g)[i]
}

func (g *gathering) read(r *model.Read, how, means string) {
	if !r.Internal && !r.Allow.None {
		e := g.at(how, means)
		e.Reads = append(e.Reads, r.Name)
	}
}

func (g *gathering) write(w *model.Write, how, means string) {
	if !w.Allow.None {
		e := g.at(how, means)
		e.Writes = append(e.Writes, w.Name)
	}
}

// NoReads says what it means that the store answers no reads.
func (s *Setup) NoReads() []Effect {
	var g gathering
	for _, r := range s.Model.Reads {
		switch {
		case r.Stale > 0:
			g.read(r, Stale, "answered from the cache, up to "+span(max(r.Stale, r.Fresh))+" old; what is not cached is refused")
		case r.Fresh > 0:
			g.read(r, Cached, "answered from the cache, up to "+span(r.Fresh)+" old, then refused")
		default:
			g.read(r, Refused, "refused at once")
		}
	}
	return g
}

// NoWrites says what it means that the store takes no writes.
func (s *Setup) NoWrites() []Effect {
	var g gathering
	for _, w := range s.Model.Writes {
		if w.Async == model.Sync || !s.Accepts {
			g.write(w, Refused, "refused at once")
			continue
		}
		means := "accepted, and carried out when the store is back"
		if w.Async == model.AsyncOffered {
			means += "; without `Prefer: respond-async` refused at once"
		}
		g.write(w, Accepted, means)
	}
	return g
}

// NoBus says what it means that the message bus is away.
func (s *Setup) NoBus() []Effect {
	var g gathering
	if s.Shared {
		for _, r := range s.Model.Reads {
			if r.Fresh > 0 {
				g.read(r, Delayed, "changes made by other nodes show after "+span(r.Fresh)+" at the latest")
			}
		}
	}
	for _, w := range s.Model.Writes {
		switch {
		case w.Async == model.Sync || !s.Accepts:
		case onlyInserts(w):
			g.write(w, AtOnce, "carried out at once instead of later")
		default:
			g.write(w, Refused, "not accepted for later until it is sure that nothing accepted before still waits")
		}
	}
	return g
}

// Stuck says what it means that one write holds up those that were accepted after it, in its part of the
// partitions. full: the part takes nothing more for later.
func (s *Setup) Stuck(full bool) []Effect {
	var g gathering
	for _, w := range s.Model.Writes {
		switch {
		case w.Async == model.Sync:
		case full:
			g.write(w, Shed, "in the partitions that are held up not accepted for later until there is room; in all others as ever")
		default:
			g.write(w, Delayed, "in the partitions that are held up accepted, and carried out later, in order; in all others as ever")
		}
	}
	return g
}

// NoSharedCache says what it means that the cache that nodes share is away.
func (s *Setup) NoSharedCache() []Effect {
	var g gathering
	for _, r := range s.Model.Reads {
		if r.Fresh > 0 {
			g.read(r, Reloaded, "each node loads it for itself")
		}
	}
	return g
}

// LateViews says what it means that views are behind.
func (s *Setup) LateViews(views ...string) []Effect {
	var g gathering
	for _, r := range s.Model.Reads {
		if v := r.Of.View; v != nil && slices.Contains(views, v.Name) {
			g.read(r, Delayed, "lacks the latest changes; `Age` tells since when")
		}
	}
	return g
}

// onlyInserts tells whether a write depends on nothing that an earlier one did to a row.
func onlyInserts(w *model.Write) bool {
	return !w.Code && !slices.ContainsFunc(w.Steps, func(s *model.Step) bool { return s.Op != model.OpInsert })
}

// span writes a length of time as people do.
func span(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d >= u.of && d%u.of == 0 {
			return strconv.FormatInt(int64(d/u.of), 10) + " " + u.name
		}
	}
	return d.String()
}
