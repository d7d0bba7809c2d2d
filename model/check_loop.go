package model

import "strings"

// checkLoops complains about events that cause themselves without a condition anywhere on the way:
// they would never come to an end.
func (k *compiler) checkLoops() {
	follows := func(e *Event) (out []*Event) {
		if e.Then == nil {
			return nil
		}
		for _, w := range []*Write{e.Then.Write, e.Then.Done, e.Then.Refused} {
			if w == nil || w.guarded() {
				continue
			}
			for _, emit := range w.Emit {
				if emit.If == nil {
					out = append(out, emit.Event)
				}
			}
		}
		return out
	}
	told := map[*Event]bool{}
	for _, start := range k.m.Events {
		if told[start] {
			continue
		}
		if way := loop(start, follows); way != nil {
			names := make([]string, len(way))
			for i, e := range way {
				told[e] = true
				names[i] = e.Name
			}
			k.refuse(k.place["event "+start.Name], "event %q causes itself: %s → %s", start.Name, strings.Join(names, " → "), start.Name).
				why("each round would cause the next, without end").
				fix("give a write on the way a `when`, or its emit an `if`")
		}
	}
}

// guarded tells whether a write can refuse by itself to go on.
func (w *Write) guarded() bool {
	for _, s := range w.Steps {
		if s.When != nil || s.Op == OpDelete || s.Op == OpInsert && len(s.Key) > 0 && s.Key[0].Input != nil {
			return true
		}
	}
	return w.Code
}

// loop gives a way from start back to it, nil if there is none.
func loop(start *Event, follows func(*Event) []*Event) []*Event {
	seen := map[*Event]bool{}
	var walk func(e *Event, way []*Event) []*Event
	walk = func(e *Event, way []*Event) []*Event {
		way = append(way, e)
		for _, next := range follows(e) {
			if next == start {
				return way
			}
			if !seen[next] {
				seen[next] = true
				if found := walk(next, way); found != nil {
					return found
				}
			}
		}
		return nil
	}
	return walk(start, nil)
}
