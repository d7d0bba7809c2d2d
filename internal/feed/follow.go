package feed

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Log is where changes are read from.
type Log interface {
	Changes(ctx context.Context, p store.Partition, after uint64, limit int) ([]*store.Change, error)
	Head(ctx context.Context, p store.Partition) (uint64, error)
}

// Follower brings one reader everything that happens in a partition.
type Follower struct {
	Log   Log
	Hub   *Hub
	Feed  *model.Feed
	Place store.Partition
	// Check is asked every Beat, and after a change of a row that a rule may look at, whether the
	// reader still may see the feed. An error ends it, one that may pass only if it does not within a minute.
	Check func(ctx context.Context) error
	Looks map[*model.Entity]bool
	// Beat is how long nothing may happen before the log is asked and Alive is called.
	Beat time.Duration
	// Stop, when it is closed, ends the feed with ErrStop. nil: never.
	Stop <-chan struct{}
	// Send passes one change on; data is shared and must not be changed. Alive says that nothing
	// happened. An error of either ends the feed.
	Send  func(version uint64, data []byte) error
	Alive func(version uint64) error
}

// ErrStop tells that the node stops, and the feed with it.
var ErrStop = errors.New("the node stops")

// page is how many changes are read from the log at once.
const page = 100

// patience is how long a feed goes on although nobody can say whether its reader still may see it, or what
// happens cannot be read, since the service is in trouble. To end all feeds then would make more of it.
const patience = time.Minute

// Run follows from behind a version until ctx ends or something fails that does not pass by itself, and
// says why. Versions in which the feed has nothing to show are passed over.
func (f *Follower) Run(ctx context.Context, after uint64) error {
	tap := f.Hub.Follow(f.Place)
	defer tap.Close()
	last, err := f.catchUp(ctx, after) // the tap is open already: nothing falls in between
	if err != nil {
		return err
	}
	sound := time.Now() // when all was well last
	beat := time.NewTimer(about(f.Beat))
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-f.Stop:
			return ErrStop
		case n := <-tap.notes:
			if tap.missed.Swap(false) {
				last, err = f.catchUp(ctx, last)
			} else {
				last, err = f.hear(ctx, last, n)
			}
		case <-beat.C:
			if last, err = f.beat(ctx, last); err == nil {
				sound = time.Now()
				beat.Reset(about(f.Beat))
			}
		}
		switch {
		case err == nil:
		case ctx.Err() != nil || !fault.Transient(err) || time.Since(sound) > f.Beat+patience:
			return err
		default: // what was not passed on is, as soon as that goes
			beat.Reset(about(f.Beat / 5))
		}
	}
}

// about spreads what many do at intervals.
func about(d time.Duration) time.Duration { return d - d/10 + rand.N(d/5+1) }

// hear takes in a change as it happens.
func (f *Follower) hear(ctx context.Context, last uint64, n *Note) (uint64, error) {
	switch v := n.Change.Version; {
	case v <= last:
		return last, nil
	case v > last+1 || n.Change.Foreign:
		return f.catchUp(ctx, last)
	}
	if err := f.pass(ctx, n.Change, n.Encode(f.Feed)); err != nil {
		return last, err
	}
	return n.Change.Version, nil
}

// beat looks whether all is well although nothing happened.
func (f *Follower) beat(ctx context.Context, last uint64) (uint64, error) {
	if err := f.Check(ctx); err != nil {
		return last, err
	}
	last, err := f.catchUp(ctx, last)
	if err == nil {
		err = f.Alive(last)
	}
	return last, err
}

func (f *Follower) catchUp(ctx context.Context, last uint64) (uint64, error) {
	for {
		changes, err := f.Log.Changes(ctx, f.Place, last, page)
		if err == nil {
			err = store.Complete(ctx, f.Log, changes)
		}
		if err != nil {
			return last, err
		}
		for _, c := range changes {
			if err := f.pass(ctx, c, Encode(f.Feed, c)); err != nil {
				return last, err
			}
			last = c.Version
		}
		if len(changes) < page {
			return last, nil
		}
	}
}

func (f *Follower) pass(ctx context.Context, c *store.Change, data []byte) error {
	for i := range c.Rows {
		if f.Looks[c.Rows[i].Entity] {
			if err := f.Check(ctx); err != nil {
				return err
			}
			break
		}
	}
	if data == nil {
		return nil
	}
	return f.Send(c.Version, data)
}

// Page reads changes that already happened: those of the feed behind a version, from at most a page
// of versions, and the version to go on from.
func Page(ctx context.Context, log Log, f *model.Feed, p store.Partition, after uint64) (items [][]byte, next uint64, more bool, err error) {
	changes, err := log.Changes(ctx, p, after, page)
	if err == nil {
		err = store.Complete(ctx, log, changes)
	}
	if err != nil {
		return nil, after, false, err
	}
	next = after
	for _, c := range changes {
		if data := Encode(f, c); data != nil {
			items = append(items, data)
		}
		next = c.Version
	}
	return items, next, len(changes) == page, nil
}
