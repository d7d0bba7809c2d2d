package rules

import "fmt"

// An Outcome tells how an answer came about, as far as the promises differ.
type Outcome string

// The outcomes.
const (
	Hit    Outcome = "hit"    // from the cache
	Loaded Outcome = "loaded" // from the store, by the reader or another
	Help   Outcome = "stale"  // from the cache, because loading failed
)

// Given is an answer that a reader was given, with all that the promises depend on.
type Given struct {
	Terms   Terms
	Outcome Outcome
	Tag     int
	Version int // at which the answer was read
	Taken   int // the time of its snapshot

	Now       int // the time at which it was given
	Arrived   int // the time at which the reader asked
	Acked     int // the newest commit acknowledged by then, on any node
	Delivered int // the newest change to Tag whose message the node had taken in by then
}

// Breach says which promise the answer breaks, "" if none.
func (h *History) Breach(g Given) string {
	if need := h.Last(g.Tag, g.Terms.Min); g.Version < need {
		return fmt.Sprintf("minimum version %d: answered at %d, which lacks change %d", g.Terms.Min, g.Version, need)
	}
	if g.Terms.Min > h.Head() {
		return fmt.Sprintf("minimum version %d: answered, yet the store is at %d", g.Terms.Min, h.Head())
	}
	if g.Outcome == Help {
		if age := g.Now - g.Taken; age > g.Terms.Stale {
			return fmt.Sprintf("stale %d: the answer is %d old", g.Terms.Stale, age)
		}
		return ""
	}
	if g.Version < g.Delivered {
		return fmt.Sprintf("%s at version %d, which lacks change %d, whose message was delivered before", g.Outcome, g.Version, g.Delivered)
	}
	if g.Terms.Fresh == 0 {
		if g.Outcome == Hit {
			return "fresh 0 was answered from the cache"
		}
		if g.Version < g.Acked {
			return fmt.Sprintf("strong read at version %d misses version %d, acknowledged before it arrived", g.Version, g.Acked)
		}
		return ""
	}
	// Who loads for itself may wait longer than fresh; the snapshot came after its arrival then.
	if g.Taken < min(g.Arrived, g.Now-g.Terms.Fresh) {
		return fmt.Sprintf("fresh %d: the answer is %d old", g.Terms.Fresh, g.Now-g.Taken)
	}
	return ""
}

// Tags is how many tags a History knows: small, since what goes wrong goes wrong with little.
const Tags = 3

// A History is what was committed: versions 1, 2, 3 …, each touching some tags.
type History struct{ touched [][Tags]bool }

// Head gives the newest version.
func (h *History) Head() int { return len(h.touched) }

// Commit adds a version that touches the tags given by number, and returns it.
func (h *History) Commit(touched ...int) int {
	var t [Tags]bool
	for _, tag := range touched {
		t[tag] = true
	}
	h.touched = append(h.touched, t)
	return h.Head()
}

// Cut takes back every version above v, as restoring a backup does.
func (h *History) Cut(v int) { h.touched = h.touched[:v] }

// Touches tells whether a version touched a tag.
func (h *History) Touches(version, tag int) bool { return h.touched[version-1][tag] }

// Last gives the newest change of a tag up to a version, 0 if there is none.
func (h *History) Last(tag, upTo int) int {
	for v := min(upTo, h.Head()); v > 0; v-- {
		if h.touched[v-1][tag] {
			return v
		}
	}
	return 0
}
