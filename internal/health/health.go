// Package health knows how the parts of a service are: what is degraded, since when and why, what it
// means for which patterns, and what ended it. Its breakers find out by themselves when something
// that the service stands on is away, and when it is back.
package health

import (
	"slices"
	"strings"
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

// rank orders the states: 0 is good.
func (s State) rank() int {
	switch s {
	case Degraded:
		return 1
	case Down:
		return 2
	}
	return 0
}

// The parts of a service.
const (
	Store       = "store"
	Bus         = "bus"
	SharedCache = "shared cache"
	Disk        = "disk"
	Relay       = "relay"
	Views       = "views"
	Deliveries  = "deliveries"
	Accepts     = "accepted writes"
	Load        = "load"
	Program     = "program"
)

// Component is one part of the service and how it is.
type Component struct {
	Name    string    `json:"component"`
	State   State     `json:"state"`
	Since   time.Time `json:"since"` // when it came into this state
	Cause   string    `json:"cause,omitempty"`
	Effects []Effect  `json:"effects,omitempty"`
}

// Effect is what the state of a part means for some patterns.
type Effect struct {
	How    string   `json:"how"`   // a word for machines, as in the header Partita-Degraded
	Means  string   `json:"means"` // a sentence for people
	Reads  []string `json:"reads,omitempty"`
	Writes []string `json:"writes,omitempty"`
}

func (e Effect) equal(other Effect) bool {
	return e.How == other.How && e.Means == other.Means && slices.Equal(e.Reads, other.Reads) && slices.Equal(e.Writes, other.Writes)
}

// Episode is a time in which a part was not well, and that is over.
type Episode struct {
	Component string    `json:"component"`
	State     State     `json:"state"` // the worst
	Cause     string    `json:"cause,omitempty"`
	Since     time.Time `json:"since"`
	Until     time.Time `json:"until"`
	Ended     string    `json:"ended"` // what ended it
	Effects   []Effect  `json:"effects,omitempty"`
}

// Overall is the state of the whole service.
type Overall struct {
	State State     `json:"state"`
	Since time.Time `json:"since,omitzero"`
	// Words says it in a sentence, such as "serving, all well".
	Words string `json:"words"`
}

// Sum sums up the parts: the worst of them, and how long it has not been well. A part that is down takes
// the service with it only where nothing is known to be left: as long as some patterns are
// served, the service is degraded.
func Sum(parts []Component, started time.Time) Overall {
	o := Overall{State: OK, Since: started.UTC(), Words: "serving, all well"}
	var worst State
	var names []string
	cause := ""
	for _, want := range []State{Down, Degraded} {
		for _, c := range parts {
			if c.State != want {
				continue
			}
			if len(names) == 0 {
				worst, o.Since, cause = want, c.Since, c.Cause
			}
			if c.Since.Before(o.Since) {
				o.Since = c.Since
			}
			names = append(names, c.Name)
			if want == Down && c.takesAll() {
				o.State = Down
			}
		}
		if len(names) > 0 && o.State == Down {
			break
		}
	}
	if len(names) == 0 {
		return o
	}
	if o.State != Down {
		o.State = Degraded
	}
	o.Words = string(o.State) + ": " + strings.Join(names, " and ")
	if worst == Down && o.State == Degraded && len(names) == 1 {
		o.Words += " is down"
	}
	if len(names) == 1 && cause != "" {
		o.Words += " – " + cause
	}
	return o
}

// takesAll tells whether nothing is known to be left where this part is down.
func (c *Component) takesAll() bool {
	for _, e := range c.Effects {
		if e.How != Refused {
			return false
		}
	}
	return true
}
