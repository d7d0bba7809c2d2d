package observe

import "github.com/partita-dev/partita/internal/health"

// State is how a part of the service, or the whole of it, is; see package health.
type State = health.State

// The states, from good to bad.
const (
	OK       = health.OK
	Degraded = health.Degraded
	Down     = health.Down
)

// Health is where the parts of the service say how they are.
type Health = health.Board

// Component is one part of the service and how it is.
type Component = health.Component

// Overall is the state of the whole service.
type Overall = health.Overall

// bare gives parts without what their states mean: for other nodes, which know that themselves.
func bare(parts []Component) []Component {
	list := make([]Component, len(parts))
	for i, c := range parts {
		c.Effects = nil
		list[i] = c
	}
	return list
}
