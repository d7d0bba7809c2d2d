package partita

import (
	"context"

	"github.com/partita-dev/partita/internal/admit"
)

// admission is what decides what is begun when there is more to do than can be done.
type admission struct {
	heavy         *admit.Heavy
	reads, writes *admit.Gate
}

// A group of writes is this large where many wait: a limit to begin with.
const firstWrites = 128

// admitting makes the gates before the store.
func (n *node) admitting(ctx context.Context) {
	first := 32
	if s, err := n.store.Stats(ctx); err == nil && s.Readers > 0 {
		first = 4 * s.Readers
	}
	n.admission.heavy = admit.NewHeavy()
	n.admission.reads = admit.NewGate(admit.GateConfig{Initial: first, Heavy: n.admission.heavy})
	n.admission.writes = admit.NewGate(admit.GateConfig{Initial: firstWrites, Heavy: n.admission.heavy})
}
