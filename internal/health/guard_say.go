package health

import (
	"errors"
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

const (
	// calm is how long no call must have run out of time before the store is said to be quick again.
	calm = 10 * time.Second
	// roomAgain is how much more room there must be before a full disk is said to have some.
	roomAgain = 16 << 20
	// fullFor is how long a disk whose room is not known is said to be full after it last said so.
	fullFor = time.Minute
)

// say tells the Board how the store is.
func (g *Guard) say() {
	g.changing.Lock()
	defer g.changing.Unlock()
	s, board := &g.config.Setup, g.config.Board
	select {
	case <-g.Store.Broken():
		board.Set(Store, Down, "its disk failed, and it must not be used any more; the service stops and has to be started again")
		return
	default:
	}
	now := time.Now()
	_, unread := g.reads.Away()
	_, unwritten := g.writes.Away()
	late := g.late.Load()
	switch {
	case unread != nil || unwritten != nil:
		g.slowed = time.Time{} // what runs out of time now says nothing new
	case late != g.counted:
		g.slowed = now
	}
	g.counted = late
	if (unread == nil) != (unwritten == nil) { // what takes one of them takes both, as a rule
		g.reads.suspect()
		g.writes.suspect()
	}
	switch {
	case unread != nil && unwritten != nil:
		board.Set(Store, Down, words(unread), slices.Concat(s.NoReads(), s.NoWrites())...)
	case unwritten != nil:
		board.Set(Store, Degraded, "it takes no writes: "+words(unwritten), s.NoWrites()...)
	case unread != nil:
		board.Set(Store, Degraded, "it answers no reads: "+words(unread), s.NoReads()...)
	case g.isFull(now):
		var none gathering
		for _, w := range s.Model.Writes {
			none.write(w, Refused, "refused until there is room")
		}
		board.Set(Store, Degraded, "its disk is full; writes are refused, reads go on", none...)
	case now.Sub(g.slowed) < calm && !g.slowed.IsZero():
		board.Set(Store, Degraded, "it is too slow; requests run out of time")
	default:
		board.Set(Store, OK, g.ended())
	}
}

// ended says what ended a trouble.
func (g *Guard) ended() string {
	c, _ := g.config.Board.Get(Store)
	switch {
	case c.State == Down:
		return "it answers again"
	case c.Cause == "its disk is full; writes are refused, reads go on":
		return "there is room on its disk again"
	case c.Cause == "it is too slow; requests run out of time":
		return "no request ran out of time for " + span(calm)
	}
	return "it answers again"
}

// isFull tells whether the disk is still full, as far as that can be known without a write.
func (g *Guard) isFull(now time.Time) bool {
	at := g.full.Load()
	if at == 0 {
		return false
	}
	room := g.config.Room()
	if room < 0 || g.room < 0 {
		if now.Sub(time.Unix(0, at)) < fullFor {
			return true
		}
	} else if room < g.room+roomAgain {
		return true
	}
	g.full.CompareAndSwap(at, 0)
	return false
}

// words says why the store is away.
func words(err error) string {
	if trouble, ok := errors.AsType[store.Trouble](err); ok {
		return trouble.Error()
	}
	if fault.CodeOf(err) == fault.Deadline {
		return "it does not answer"
	}
	return "it cannot be reached"
}
