package partita

import (
	"context"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/quota"
	"github.com/partita-dev/partita/model"
)

// admission is what decides what is begun when there is more to do than can be done.
type admission struct {
	heavy         *admit.Heavy
	reads, writes *admit.Gate
	door          *admit.Door
	limits        *quota.Limits // nil: the model has none
}

// A group of writes is this large where many wait: a limit to begin with.
const firstWrites = 128

// admitting makes the gates before the store.
func (n *node) admitting(ctx context.Context) {
	first := 32
	if s, err := n.store.Stats(ctx); err == nil && s.Readers > 0 {
		first = 4 * s.Readers
	}
	n.admission.limits = quota.New(n.model)
	n.admission.heavy = admit.NewHeavy()
	n.admission.reads = admit.NewGate(admit.GateConfig{Initial: first, Heavy: n.admission.heavy})
	n.admission.writes = admit.NewGate(admit.GateConfig{Initial: firstWrites, Heavy: n.admission.heavy})
	n.admission.door = admit.NewDoor(admit.DoorConfig{Model: n.model, Reads: n.admission.reads, Writes: n.admission.writes, Refused: n.refused})
}

// refused counts a request that was refused before anybody looked at it.
func (n *node) refused(read *model.Read, write *model.Write, waited time.Duration) {
	if read != nil {
		n.recorder.Read(read, engine.ReadSample{Code: fault.Overloaded, Total: waited})
		return
	}
	n.recorder.Write(write, engine.WriteSample{Code: fault.Overloaded, Total: waited})
}

// keepQuotas makes the limits of this node those of all, where there is a bus.
func (n *node) keepQuotas(background context.Context) error {
	limits := n.admission.limits
	if limits == nil {
		return nil
	}
	if n.bus == nil || n.bus.Embedded() {
		n.work.Go(func() { limits.Sweep(background) })
		return nil
	}
	sharing, err := quota.Share(limits, n.bus, n.store.Info().Incarnation)
	if err != nil {
		return err
	}
	n.work.Go(func() { sharing.Run(background) })
	return nil
}
