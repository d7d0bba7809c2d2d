package load

import (
	"math/rand/v2"
	"slices"

	"github.com/partita-dev/partita/model"
)

// Pattern is one read or write of a Mix.
type Pattern struct {
	// Name is the pattern's; with " (accepted)" where the write is asked for with respond-async.
	Name     string
	Share    float64 // of all requests; all Shares of a Mix add up to 1
	Declared bool    // by the model's `expect`; otherwise it is assumed
	Read     *model.Read
	Write    *model.Write
	Accept   bool // Prefer: respond-async
}

// Priority gives the pattern's priority.
func (p *Pattern) Priority() model.Priority {
	if p.Read != nil {
		return p.Read.Priority
	}
	return p.Write.Priority
}

// Objective gives what the model promises of the pattern.
func (p *Pattern) Objective() model.Objective {
	if p.Read != nil {
		return p.Read.Objective
	}
	return p.Write.Objective
}

// Family gives the family whose partitions are drawn for the pattern.
func (p *Pattern) Family() *model.Family {
	if p.Read != nil {
		return source(p.Read).Family
	}
	return p.Write.Family
}

// token tells whether requests of the pattern need one, and of whom.
func (p *Pattern) open() bool {
	if p.Read != nil {
		return p.Read.Allow.Public
	}
	return p.Write.Allow.Public
}

// Mix says how often each pattern is asked for.
type Mix struct{ Patterns []Pattern }

// assumed is the share, of all that the model expects, of a pattern for which it expects nothing.
const assumed = 0.01

// NewMix makes the proportions of a model: by `expect` where it is declared, one hundredth of the
// declared sum for each other pattern; where nothing is declared at all, all alike. Half of what a
// write may have accepted for later is asked for so, where accepts says that the service can.
func NewMix(m *model.Model, accepts bool) Mix {
	var mix Mix
	var declared float64
	for _, r := range m.Reads {
		if !r.Internal && !r.Allow.None {
			mix.Patterns = append(mix.Patterns, Pattern{Name: r.Name, Read: r, Share: r.Expect, Declared: r.Expect > 0})
			declared += r.Expect
		}
	}
	for _, w := range m.Writes {
		if w.Allow.None {
			continue
		}
		p := Pattern{Name: w.Name, Write: w, Share: w.Expect, Declared: w.Expect > 0}
		declared += w.Expect
		if accepts && w.Async == model.AsyncOffered {
			p.Share /= 2
			mix.Patterns = append(mix.Patterns, p)
		}
		if accepts && w.Async != model.Sync {
			p.Name, p.Accept = w.Name+" (accepted)", true
		}
		mix.Patterns = append(mix.Patterns, p)
	}
	if declared == 0 {
		declared = 1
	}
	for i := range mix.Patterns {
		if p := &mix.Patterns[i]; !p.Declared {
			p.Share = assumed * declared
		}
	}
	return mix.scaled()
}

// scaled makes the shares add up to 1.
func (m Mix) scaled() Mix {
	var sum float64
	for _, p := range m.Patterns {
		sum += p.Share
	}
	for i := range m.Patterns {
		m.Patterns[i].Share /= sum
	}
	return m
}

// Of gives the part of the mix that keep lets through, in the same proportions.
func (m Mix) Of(keep func(*Pattern) bool) Mix {
	var out Mix
	for _, p := range m.Patterns {
		if keep(&p) {
			out.Patterns = append(out.Patterns, p)
		}
	}
	return out.scaled()
}

// Pattern gives the pattern of that name; nil if the mix has none.
func (m *Mix) Pattern(name string) *Pattern {
	i := slices.IndexFunc(m.Patterns, func(p Pattern) bool { return p.Name == name })
	if i < 0 {
		return nil
	}
	return &m.Patterns[i]
}

// chooser draws patterns by their shares.
type chooser struct{ upTo []float64 }

func newChooser(patterns []Pattern) *chooser {
	c := &chooser{}
	var sum float64
	for _, p := range patterns {
		sum += p.Share
		c.upTo = append(c.upTo, sum)
	}
	return c
}

func (c *chooser) draw(r *rand.Rand) int {
	i, _ := slices.BinarySearch(c.upTo, r.Float64()*c.upTo[len(c.upTo)-1])
	return min(i, len(c.upTo)-1)
}
