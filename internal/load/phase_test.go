package load

import (
	"testing"
	"time"
)

// What two phases of the same streams came to reads as if there had been one.
func TestALaterPhaseIsAppended(t *testing.T) {
	const slice = 100 * time.Millisecond
	phase := func(began time.Time, good uint64) Result {
		p := PatternResult{Name: "p"}
		p.Counts[Good] = good
		s := StreamResult{Name: "s", Patterns: []PatternResult{p}, Slices: make([]Slice, 10)}
		s.Slices[9].Counts[Good] = good
		return Result{Began: began, Took: time.Second, Streams: []StreamResult{s}, Notes: []Note{{At: 0, Sent: slice, Done: 2 * slice}}}
	}
	began := time.Unix(1000, 0)
	first, later := phase(began, 3), phase(began.Add(1500*time.Millisecond), 4)
	first.Append(&later, slice)
	s := first.Streams[0]
	if n := s.Sum().Counts[Good]; n != 7 {
		t.Error(n, "requests")
	}
	if len(s.Slices) != 25 || s.Slices[9].Counts[Good] != 3 || s.Slices[24].Counts[Good] != 4 {
		t.Error("the timeline:", s.Slices)
	}
	if n := first.Notes[1]; n.At != 1500*time.Millisecond || n.Sent != n.At+slice || n.Done != n.At+2*slice {
		t.Error(n)
	}
	if first.Took != 2500*time.Millisecond {
		t.Error(first.Took)
	}
}
