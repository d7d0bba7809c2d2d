package observe

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// State is how a part of the service, or the whole of it, is.
type State string

// The states, from good to bad.
const (
	OK       State = "ok"
	Degraded State = "degraded" // some of what it promises does not hold; the rest does
	Down     State = "down"     // it does not serve
)

// Component is one part of the service and how it is.
type Component struct {
	Name  string    `json:"component"`
	State State     `json:"state"`
	Since time.Time `json:"since"` // when it came into this state
	Cause string    `json:"cause,omitempty"`
}

// Health collects what the parts of a service say about themselves. The zero Health is ready for
// use. It is safe for concurrent use.
type Health struct {
	mu    sync.Mutex
	parts map[string]Component
}

// Set says how a part is. Since changes only with the state. cause is a sentence for people without
// anything secret in it; it is dropped for OK.
func (h *Health) Set(component string, s State, cause string) {
	h.set(component, s, cause, time.Now())
}

func (h *Health) set(component string, s State, cause string, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	c, ok := h.parts[component]
	if !ok || c.State != s {
		c = Component{Name: component, State: s, Since: now.UTC()}
	}
	c.Cause = cause
	if s == OK {
		c.Cause = ""
	}
	if h.parts == nil {
		h.parts = map[string]Component{}
	}
	h.parts[component] = c
}

// Components lists the parts by name.
func (h *Health) Components() []Component {
	h.mu.Lock()
	defer h.mu.Unlock()
	list := make([]Component, 0, len(h.parts))
	for _, c := range h.parts {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Component) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Overall is the state of the whole service.
type Overall struct {
	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"`
	// Words says it in a sentence, such as "serving, all well".
	Words string `json:"words"`
}

// overall sums the parts up: the worst of them, and how long it has not been well.
func overall(parts []Component, started time.Time) Overall {
	o := Overall{State: OK, Since: started.UTC(), Words: "serving, all well"}
	for _, want := range []State{Down, Degraded} {
		var worst []Component
		for _, c := range parts {
			if c.State == want {
				worst = append(worst, c)
			}
		}
		if len(worst) == 0 {
			continue
		}
		o.State, o.Since = want, worst[0].Since
		var names []string
		for _, c := range worst {
			names = append(names, c.Name)
			if c.Since.Before(o.Since) {
				o.Since = c.Since
			}
		}
		o.Words = string(want) + ": " + strings.Join(names, " and ")
		if len(worst) == 1 && worst[0].Cause != "" {
			o.Words += " – " + worst[0].Cause
		}
		return o
	}
	return o
}
