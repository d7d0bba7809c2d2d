package store

import (
	"context"
	"crypto/rand"
	"log/slog"
	"time"

	"github.com/partita-dev/partita/model"
)

// SweepWrite is the name under which expiry stands in the changes.
const SweepWrite = "keep"

// SweepConfig says how a Sweeper works. Store and Model are required.
type SweepConfig struct {
	Store Store
	Model *model.Model

	Changes  time.Duration    // how long changes are kept; default 7 days
	Outcomes time.Duration    // how long outcomes of idempotency keys are kept; at least Changes
	Batch    int              // most rows that one commit expires, and partitions listed at once; default 100
	Pause    time.Duration    // between two partitions; default 20 ms
	Round    time.Duration    // from the end of one round over all partitions to the next; default 1 minute
	Now      func() time.Time // default time.Now
	Logger   *slog.Logger     // default slog.Default()
}

// Sweeper walks over all partitions, slowly, round after round: it expires the rows whose Keep is
// over, through ordinary commits, and prunes changes and outcomes that are old enough. It is not
// safe for concurrent use. Several nodes may sweep one store: they do the same work twice, no more.
type Sweeper struct {
	config   SweepConfig
	family   int           // into Model.Families
	after    model.Value   // the last partition listed in it
	waiting  []model.Value // partitions listed and not yet swept
	complete bool          // waiting is the last of the family
}

// Swept is what one step did.
type Swept struct {
	Partition Partition // its Value is null where there was nothing to sweep
	Expired   int       // rows
	Pruned    int       // changes and outcomes
	Round     bool      // with this step every partition has been visited; the next one begins anew
}

// NewSweeper returns a sweeper that begins with the first partition.
func NewSweeper(c SweepConfig) *Sweeper {
	if c.Changes <= 0 {
		c.Changes = 7 * 24 * time.Hour
	}
	// What follows a change is repeated under its key for as long as the change is there.
	c.Outcomes = max(c.Outcomes, c.Changes)
	if c.Batch <= 0 {
		c.Batch = 100
	}
	if c.Pause <= 0 {
		c.Pause = 20 * time.Millisecond
	}
	if c.Round <= 0 {
		c.Round = time.Minute
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return &Sweeper{config: c}
}

// Run sweeps until ctx ends or the store is broken. Errors are logged, and the walk goes on with the
// next partition.
func (s *Sweeper) Run(ctx context.Context) {
	for {
		swept, err := s.Step(ctx)
		if ctx.Err() != nil {
			return
		}
		pause := s.config.Pause
		if swept.Round {
			pause = s.config.Round
		}
		if err != nil {
			s.config.Logger.Warn("sweeping a partition failed", "family", familyName(swept.Partition), "error", err)
			pause = max(pause, time.Second)
		}
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		case <-s.config.Store.Broken():
			timer.Stop()
			return
		}
	}
}

func familyName(p Partition) string {
	if p.Family == nil {
		return ""
	}
	return p.Family.Name
}

// Step sweeps one partition.
func (s *Sweeper) Step(ctx context.Context) (swept Swept, err error) {
	p, found, err := s.next(ctx)
	if err != nil {
		return swept, err
	}
	if found {
		swept.Partition = p
		swept.Expired, swept.Pruned, err = s.sweep(ctx, p)
	}
	swept.Round = s.rewind()
	return swept, err
}

// next gives the partition to be swept, from the first family that still has one.
func (s *Sweeper) next(ctx context.Context) (p Partition, found bool, err error) {
	families := s.config.Model.Families
	for ; s.family < len(families); s.leave() {
		f := families[s.family]
		if len(s.waiting) == 0 && !s.complete {
			s.waiting, err = s.config.Store.Partitions(ctx, f, s.after, s.config.Batch)
			if err != nil {
				return Partition{Family: f}, false, err
			}
			s.complete = len(s.waiting) < s.config.Batch
		}
		if len(s.waiting) > 0 {
			s.after, s.waiting = s.waiting[0], s.waiting[1:]
			return Partition{Family: f, Value: s.after}, true, nil
		}
	}
	return Partition{}, false, nil
}

func (s *Sweeper) leave() {
	s.family++
	s.after, s.waiting, s.complete = model.Null, nil, false
}

// rewind begins anew when nothing is left to visit.
func (s *Sweeper) rewind() bool {
	last := s.family == len(s.config.Model.Families)-1 && s.complete && len(s.waiting) == 0
	if s.family < len(s.config.Model.Families) && !last {
		return false
	}
	s.leave()
	s.family = 0
	return true
}

func (s *Sweeper) sweep(ctx context.Context, p Partition) (expired, pruned int, err error) {
	now := s.config.Now()
	for _, e := range s.config.Model.Entities {
		if e.Family != p.Family || e.Keep == nil {
			continue
		}
		for {
			n, err := s.expire(ctx, p, e, now)
			expired += n
			if err != nil {
				return expired, 0, err
			}
			if n < s.config.Batch {
				break
			}
		}
	}
	pruned, err = s.config.Store.Prune(ctx, p, now.Add(-s.config.Changes), now.Add(-s.config.Outcomes))
	return expired, pruned, err
}

// expire deletes some rows whose time is over, in one commit.
func (s *Sweeper) expire(ctx context.Context, p Partition, e *model.Entity, now time.Time) (n int, err error) {
	w := &Write{Partition: p, Name: SweepWrite, Revision: s.config.Model.Revision, Now: now}
	rand.Read(w.ID[:])
	w.Apply = func(tx Tx) ([]byte, error) {
		rows, err := tx.Expired(e, now, s.config.Batch)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if err := tx.Delete(e, row, true); err != nil {
				return nil, err
			}
		}
		n = len(rows)
		return nil, nil
	}
	s.config.Store.Commit(ctx, w)
	if w.Result.Err != nil {
		return 0, w.Result.Err
	}
	return n, nil
}
