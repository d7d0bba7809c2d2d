package load

import (
	"time"

	"github.com/partita-dev/partita/internal/observe"
)

// Phase is a stretch of load: one or more streams at once.
type Phase struct {
	Streams []Stream
	For     time.Duration
	Seed    uint64
	Slice   time.Duration // of the timeline; 0: 100 ms
	// Keep leaves the connections open for the next phase, as those of callers who come again.
	Keep bool
}

// Stream is requests that arrive at random, at a rate, whatever becomes of those before (a Poisson
// process). Each stream has connections of its own, so that it does not wait for another, unless it is Shared.
type Stream struct {
	Name string
	// Rate of arrivals, per second.
	Rate float64
	// From and To say when in the phase requests arrive. To 0: until its end.
	From, To time.Duration
	// Every and On make it come and go: requests arrive in the first On of each Every since From. Every 0: all the time.
	Every, On time.Duration
	// Patterns are names of the mix's patterns, in the mix's proportions; nil: all.
	Patterns []string
	// Partition is the rank of the one partition that is asked for; below 0 all of them are, by their
	// popularity.
	Partition int
	// Skip is how many of the most popular partitions are not asked for, as another stream does that.
	Skip int
	// Connections bounds how many requests are under way. What finds none free waits, and that counts:
	// to a service that is overloaded the load is no overload beyond that.
	Connections int
	// Strangers do not know of each other, so that they do not wait for each other either: what finds no
	// connection free is counted as Unsent at once.
	Strangers bool
	// Ready is how many of them are there before anything arrives, as those of callers who have been
	// there for a while.
	Ready int
	// Shared are requests of the same callers as those of the first stream: they take their connections, and
	// what is said of connections here does not count.
	Shared bool
	// Patience is when a caller gives up: also what found no connection until then is counted.
	Patience time.Duration
	// Within is what counts as an answer in time where the pattern declares no objective.
	Within time.Duration
	// Log says of which requests a Note is kept.
	Log Log
	// Tries is how often a caller asks in all when refused or left without an answer, after a pause of
	// 50 to 150 ms, whatever Retry-After says. 0 or 1: once.
	Tries int
}

// Log says of which requests a Note is kept, for those who check promises.
type Log int

// What is kept of a stream.
const (
	LogNone   Log = iota
	LogWrites     // writes that were not surely refused
	LogAll        // everything
)

// Class is what became of a request.
type Class int

// The classes. The first three are answers.
const (
	Good       Class = iota // answered as asked, or "not found", in time
	Late                    // likewise, too late
	Refused                 // the model says no: a guard, a bound, a clash
	Quota                   // 429
	Shed                    // 503, overloaded
	Away                    // 503 of any other kind
	Timed                   // 504: the service gave up
	Failed                  // another 5xx, or a broken connection
	Unanswered              // the caller gave up
	Unsent                  // the caller gave up before there was a connection
	Wrong                   // the request was not a fair one: no pattern, no right, no sense
	classes
)

var classNames = [classes]string{"good", "late", "refused by the model", "quota", "shed", "unavailable", "timed out by the service", "failed", "unanswered", "unsent", "not a fair request"}

func (c Class) String() string { return classNames[c] }

// Counts are requests by class.
type Counts [classes]uint64

// All gives how many there were.
func (c *Counts) All() (n uint64) {
	for _, x := range c {
		n += x
	}
	return n
}

// Answered gives how many were answered in time, with a refusal by the model or without.
func (c *Counts) Answered() uint64 { return c[Good] + c[Refused] }

// Add adds other counts.
func (c *Counts) Add(o *Counts) {
	for i, n := range o {
		c[i] += n
	}
}

// Result is what a Phase came to.
type Result struct {
	Began   time.Time // by the wall clock
	Took    time.Duration
	Streams []StreamResult
	Notes   []Note
	CPU     time.Duration // that the load's process used
	Behind  time.Duration // by how much at least the tenth part of the arrivals was late, as the generator was
}

// Append adds what a later phase of the same streams came to, as if it had been one phase. slice is that of
// both timelines.
func (r *Result) Append(later *Result, slice time.Duration) {
	off := later.Began.Sub(r.Began)
	for i := range later.Streams {
		to, from := &r.Streams[i], &later.Streams[i]
		for at := int((off + slice/2) / slice); len(to.Slices) < at; {
			to.Slices = append(to.Slices, Slice{})
		}
		to.Slices = append(to.Slices, from.Slices...)
		for j := range from.Patterns {
			p := &to.Patterns[j]
			p.Counts.Add(&from.Patterns[j].Counts)
			p.Latency.Merge(&from.Patterns[j].Latency)
			p.Longest = max(p.Longest, from.Patterns[j].Longest)
		}
	}
	for _, n := range later.Notes {
		n.At, n.Sent, n.Done = n.At+off, n.Sent+off, n.Done+off
		r.Notes = append(r.Notes, n)
	}
	r.Took = off + later.Took
	r.CPU += later.CPU
	r.Behind = max(r.Behind, later.Behind)
}

// StreamResult is what one Stream came to.
type StreamResult struct {
	Name     string
	Patterns []PatternResult
	Slices   []Slice
}

// PatternResult is what the requests of one pattern came to.
type PatternResult struct {
	Name    string
	Counts  Counts
	Latency observe.Histogram // of what was answered, from the intended start
	Longest time.Duration     // that a caller waited for whatever came
}

// Slice is one step of the timeline, by the intended start of requests.
type Slice struct {
	Counts Counts
	Stale  uint64 // of the good
	Worst  time.Duration
}

// Sum adds up the patterns of a stream.
func (r *StreamResult) Sum() (out PatternResult) {
	for i := range r.Patterns {
		p := &r.Patterns[i]
		out.Counts.Add(&p.Counts)
		out.Latency.Merge(&p.Latency)
		out.Longest = max(out.Longest, p.Longest)
	}
	return out
}

// Note is one request and its answer, for those who check promises.
type Note struct {
	Pattern    int // in the Mix
	Stream     int
	Class      Class
	Draw       Draw
	At         time.Duration // the intended start, since Began
	Sent, Done time.Duration // of the last try
	Status     int           // 0: no answer
	Version    uint64
	Stale      bool
	Operation  string // of an accepted write
	Key        string // of a write
}
