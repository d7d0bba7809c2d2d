package health

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// maxEpisodes bounds the history.
const maxEpisodes = 100

// Board collects what the parts of a service say about themselves. It says once, in the log, that a part
// is not well, and once that it is again. The zero Board is ready for use and logs nothing. It is
// safe for concurrent use.
type Board struct {
	mu      sync.Mutex
	logger  *slog.Logger
	parts   map[string]*part
	past    []Episode // oldest first
	entered map[string]map[State]uint64

	modes atomic.Pointer[modes] // nil: all is well
}

// part is a Component, and the episode that it is in.
type part struct {
	Component
	episode Episode // while State is not OK
}

// Log sets where the Board says what changes.
func (b *Board) Log(l *slog.Logger) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.logger = l
}

// Set says how a part is. Since changes only with the state. cause is a sentence for people without
// anything secret in it; for OK it says what ended the trouble. effects are what the state means.
func (b *Board) Set(component string, s State, cause string, effects ...Effect) {
	b.SetAt(time.Now(), component, s, cause, effects...)
}

// SetAt is Set at a moment that the caller gives.
func (b *Board) SetAt(now time.Time, component string, s State, cause string, effects ...Effect) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.parts == nil {
		b.parts, b.entered = map[string]*part{}, map[string]map[State]uint64{}
	}
	p := b.parts[component]
	if p == nil {
		p = &part{Component: Component{Name: component, State: OK, Since: now.UTC()}}
		b.parts[component] = p
		b.entered[component] = map[State]uint64{}
	}
	was := p.State
	if s == OK {
		if was != OK {
			b.end(p, now, cause)
			p.Component = Component{Name: component, State: OK, Since: now.UTC()}
			b.remode()
		}
		return
	}
	if was != s {
		p.State, p.Since = s, now.UTC()
		b.entered[component][s]++
	}
	changed := was != s || p.Cause != cause || !slices.EqualFunc(p.Effects, effects, Effect.equal)
	p.Cause, p.Effects = cause, effects
	e := &p.episode
	if was == OK {
		*e = Episode{Component: component, State: s, Since: now.UTC()}
	}
	if was == OK || s.rank() > e.State.rank() {
		e.State, e.Cause, e.Effects = s, cause, effects
	}
	if changed {
		b.remode()
	}
	if was != s {
		b.say(slog.LevelWarn, component+" is "+string(s)+": "+cause, "component", component, "state", string(s), "since", p.Since, "affects", affected(effects))
	}
}

// end closes the episode that a part is in.
func (b *Board) end(p *part, now time.Time, ended string) {
	if ended == "" {
		ended = "it is well again"
	}
	e := p.episode
	e.Until, e.Ended = now.UTC(), ended
	p.episode = Episode{}
	if len(b.past) == maxEpisodes {
		b.past = slices.Delete(b.past, 0, 1)
	}
	b.past = append(b.past, e)
	b.say(slog.LevelInfo, e.Component+" is ok again: "+ended, "component", e.Component, "state", string(OK), "since", e.Since,
		"lasted", e.Until.Sub(e.Since).Round(time.Millisecond).String(), "cause", e.Cause)
}

func (b *Board) say(level slog.Level, text string, attributes ...any) {
	if b.logger != nil {
		b.logger.Log(context.Background(), level, text, attributes...)
	}
}

// affected names the patterns of effects, for the log.
func affected(effects []Effect) string {
	var list []string
	for _, e := range effects {
		list = append(list, e.How+" "+strings.Join(slices.Concat(e.Reads, e.Writes), ","))
	}
	return strings.Join(list, "; ")
}

// Components lists the parts by name.
func (b *Board) Components() []Component {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := make([]Component, 0, len(b.parts))
	for _, p := range b.parts {
		list = append(list, p.Component)
	}
	slices.SortFunc(list, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Get gives one part; false where it has never said anything.
func (b *Board) Get(component string) (Component, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.parts[component]
	if p == nil {
		return Component{}, false
	}
	return p.Component, true
}

// Past lists the episodes that are over, the latest first.
func (b *Board) Past() []Episode {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.Clone(b.past)
	slices.Reverse(list)
	return list
}

// Entry is how often a part came into a state that is not OK.
type Entry struct {
	Component string
	State     State
	Times     uint64
}

// Entered counts, for each part, how often it came into each of the states that are not OK.
func (b *Board) Entered() []Entry {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Entry
	for name, by := range b.entered {
		for _, s := range []State{Degraded, Down} {
			list = append(list, Entry{name, s, by[s]})
		}
	}
	return list
}
