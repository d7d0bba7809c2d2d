package load

import (
	"math"
	"math/rand/v2"
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

func TestAStreamThatComesAndGoes(t *testing.T) {
	f := &flow{Stream: Stream{Rate: 1000, From: 100 * time.Millisecond, To: 1100 * time.Millisecond, Every: 200 * time.Millisecond, On: 50 * time.Millisecond}, rand: rand.New(rand.NewPCG(1, 2))}
	f.next = f.From
	n := 0
	for f.advance(); f.next < math.MaxInt64; f.advance() {
		if at := f.next - f.From; at < 0 || at%f.Every >= f.On || f.next >= f.To {
			t.Fatalf("one arrives at %s", f.next)
		}
		n++
	}
	if n < 150 || n > 350 { // 250 on average
		t.Errorf("%d arrive in a quarter of a second, at 1000 a second", n)
	}
}
