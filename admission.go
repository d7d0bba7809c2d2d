package partita

import (
	"context"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/observe"
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
	door := admit.DoorConfig{Model: n.model, Reads: n.admission.reads, Writes: n.admission.writes, Heavy: n.admission.heavy, Refused: n.refused}
	if n.trouble != nil {
		door.Shut = n.trouble.Shut
	}
	n.admission.door = admit.NewDoor(door)
	n.recorder.Admission(func() observe.Admission {
		x := &n.admission
		return observe.Admission{Door: x.door.Figures(), Reads: x.reads.Figures(), Writes: x.writes.Figures(), Heavy: x.heavy.Top(10), Limits: x.limits.Figures()}
	})
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

// Refusals are said at once, and that they are over when there were none for this long.
const (
	watchLoadEvery = time.Second
	calmFor        = 5
)

// watchLoad says, until ctx ends, when requests are refused, or get old answers, since there is more to do than can be done.
func (n *node) watchLoad(ctx context.Context) {
	ticker := time.NewTicker(watchLoadEvery)
	defer ticker.Stop()
	x := &n.admission
	n.work.Go(func() { x.door.Watch(ctx) })
	var before [model.Critical + 1]uint64
	var worst model.Priority
	calm := calmFor
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		now := x.shed()
		total, top := uint64(0), model.Bulk
		for p := range now {
			if now[p] > before[p] {
				total += now[p] - before[p]
				top = model.Priority(p)
			}
		}
		before = now
		if total == 0 {
			if calm++; calm == calmFor {
				n.board.Set(health.Load, health.OK, "nobody had to be refused, or given an old answer, for some seconds")
			}
			continue
		}
		if calm >= calmFor {
			worst = model.Bulk
		}
		calm, worst = 0, max(worst, top)
		n.board.Set(health.Load, health.Degraded, "more comes than can be done: some requests are refused, or get old answers", n.shedding(worst)...)
	}
}

// shed counts those who were refused at the gates, or let in for an old answer only, by priority.
func (x *admission) shed() (sum [model.Critical + 1]uint64) {
	for _, f := range []admit.Figures{x.door.Figures().Figures, x.reads.Figures(), x.writes.Figures()} {
		for i, c := range f.Classes { // critical ones first
			sum[int(model.Critical)-i] += c.Refused + c.Shed
		}
	}
	return sum
}

// shedding says what it means that requests up to a priority are refused.
func (n *node) shedding(worst model.Priority) []health.Effect {
	e := health.Effect{How: health.Shed, Means: "some requests are answered 503 with Retry-After, or with an old answer where the read allows one"}
	for _, r := range n.model.Reads {
		if r.Priority <= worst && !r.Internal && !r.Allow.None {
			e.Reads = append(e.Reads, r.Name)
		}
	}
	for _, w := range n.model.Writes {
		if w.Priority <= worst && !w.Allow.None {
			e.Writes = append(e.Writes, w.Name)
		}
	}
	return []health.Effect{e}
}
