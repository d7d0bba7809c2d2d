package drill

import (
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/load"
)

// turned is a scene by turns, in which each stretch has one p99: calm ones those of calm, the others those of hot. Between
// the stretches everybody waits for a second.
func turned(calm, hot []time.Duration) *scene {
	s := &scene{env: &env{Config: Config{Time: 5 * time.Second}, report: &Report{Cores: 1}}, drill: &drill{turns: len(hot)}, begin: 5 * time.Second}
	s.result.Took = time.Second
	at := map[time.Duration]time.Duration{}
	for _, x := range s.stretches() {
		list := &calm
		if x.trouble {
			list = &hot
		}
		for due := x.from; due < x.to; due += 100 * time.Millisecond {
			at[due] = (*list)[0]
		}
		*list = (*list)[1:]
	}
	for due := s.begin / 2; due < s.begin+time.Duration(s.drill.turns)*s.round(); due += 100 * time.Millisecond {
		took, known := at[due]
		if !known && due > s.begin {
			took = time.Second
		}
		s.result.Notes = append(s.result.Notes, load.Note{At: due, Sent: due, Done: due + took})
	}
	return s
}

func TestNeighboursAreComparedByTurns(t *testing.T) {
	ms := func(list ...time.Duration) []time.Duration {
		for i := range list {
			list[i] *= time.Millisecond
		}
		return list
	}
	for name, c := range map[string]struct {
		calm, hot []time.Duration
		want      Verdict
	}{
		"all alike":                       {ms(40, 40, 40, 40, 40, 40), ms(40, 40, 40, 40, 40), Kept},
		"half as much again":              {ms(40, 40, 40, 40, 40, 40), ms(58, 58, 58, 58, 58), Kept},
		"one bad stretch on either side":  {ms(40, 40, 400, 40, 40, 40), ms(40, 40, 40, 400, 40), Kept},
		"twice as much":                   {ms(40, 40, 40, 40, 40, 40), ms(80, 80, 80, 80, 80), Broken},
		"twice as much, and one bad calm": {ms(40, 40, 40, 400, 40, 40), ms(80, 80, 80, 80, 80), Broken},
		"twice as much, as calms too are": {ms(40, 40, 90, 40, 40, 90), ms(80, 80, 80, 80, 80), NotRun},
		"what nobody notices":             {ms(1, 1, 1, 1, 1, 1), ms(18, 18, 18, 18, 18), Kept},
	} {
		s := turned(c.calm, c.hot)
		p := s.neighbours()
		if p.Verdict != c.want || (s.unsure != "") != (c.want == NotRun) {
			t.Errorf("%s: %s, %s %v, unsure: %q", name, p.Verdict, p.Figure, p.Details, s.unsure)
		}
	}
}

func TestWhatIsUnsureIsNotKept(t *testing.T) {
	o := Outcome{Why: "noise", Promises: []Promise{{Verdict: NotRun}}, Timeline: &Timeline{}}
	r := Report{Drills: []Outcome{o}}
	if o.Verdict() != NotRun || r.Kept() || !strings.Contains(o.unsure(), "noise") {
		t.Error(o.Verdict(), r.Kept(), o.unsure())
	}
}
