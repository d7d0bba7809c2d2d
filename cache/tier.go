package cache

import (
	"context"
	"time"
)

// A Tier is a second tier, which the nodes of a service share. It is asked on the path of a load,
// never for a hit. What it gives is only an offer: it may be old, written late, or by a node that
// knew less, and the cache looks at it before anybody is answered.
//
// Both methods end soon by themselves, whatever has become of the tier, and say nothing of its
// troubles: those are its own matter. They are called by many goroutines at once.
type Tier interface {
	// Fetch looks for an answer that meets w. Where there is none, one node of all is to load it: that
	// one is told so at once, the others wait a while for what it brings.
	Fetch(ctx context.Context, key string, w Want) Offer
	// Done ends what Fetch began, once for each ticket: a is what was loaded, nil if there is nothing
	// to share. It is kept for that long, counted from its Time.
	Done(ctx context.Context, key string, t Ticket, a *Answer, keep time.Duration)
}

// Want says which answers of the second tier are of use.
type Want struct {
	Version  uint64        // at least
	Age      time.Duration // at most
	Since    time.Time     // read after this moment; zero: at any time
	Patience time.Duration // how long to wait for another node's load, at most; 0: as the tier sees fit
	Look     bool          // only look: nobody is going to load it
}

// Offer is what the second tier has to say.
type Offer struct {
	Answer *Answer // nil: none; its Time is on this node's clock, and not later than its snapshot
	Asked  bool    // the tier replied
	Waited bool    // another node's load was waited for
	Ticket Ticket  // for Done; zero: there is nothing to do
}

// Ticket is what a tier remembers of a Fetch until Done. Only the tier that gave it out knows what
// it means.
type Ticket struct {
	Token string
	Time  int64
	At    time.Time
}

// A Sharer is a Loader whose answer may be shared with other nodes.
type Sharer interface {
	Loader
	Share() Share
}

// Share says how an answer is shared. Without a Key it is not.
type Share struct {
	Key          string // the same on every node, for this answer of this state of the store's history and no other
	Fresh, Stale time.Duration
}

// Visit tells what came of asking the second tier when an answer was loaded.
type Visit uint8

// The visits.
const (
	Unasked Visit = iota // it was not asked, or did not reply
	Missed               // it had none that would do
	Found
	Awaited // found after waiting for another node's load
)

// A visit is one flight's call at the second tier.
type visit struct {
	share  Share
	offer  Offer
	landed bool // the offer was taken, and the flight is over
}

// An answer that has less than a part of its time left is loaded anew rather than taken over: it
// would end before it has been of use, for all nodes at once.
const endsSoon = 8

// visit asks the second tier, if there is one and the flight may be answered from it, and lands the
// flight if the offer is good.
func (c *Cache) visit(ctx context.Context, f *flight) (v visit) {
	if !f.shared {
		return v
	}
	l, ok := f.loader.(Sharer)
	if !ok {
		return v
	}
	if v.share = l.Share(); v.share.Key == "" {
		return v
	}
	w, ok := c.wants(f, v.share)
	if !ok {
		return v
	}
	if v.offer = c.tier.Fetch(ctx, v.share.Key, w); v.offer.Answer != nil {
		v.landed = c.landOffer(f, &v)
	}
	return v
}

// leave tells the second tier what became of the load that it knows of.
func (c *Cache) leave(f *flight, v visit) {
	if v.landed || v.offer.Ticket == (Ticket{}) {
		return
	}
	a := f.answer
	if f.expired {
		a = nil
	}
	c.tier.Done(c.base, v.share.Key, v.offer.Ticket, a, max(v.share.Fresh, v.share.Stale))
}

// wants tells the second tier what this node could use. Only fits decides.
func (c *Cache) wants(f *flight, share Share) (w Want, ok bool) {
	s := c.shardOf(c.hashPartition(f.key.partition))
	s.mu.Lock()
	defer s.mu.Unlock()
	rec := f.rec
	if rec == nil || rec.dead || f.expired {
		return w, false
	}
	w.Version = max(rec.floor.Load(), f.cell.version.Load())
	if rec.through.Load() < f.least {
		w.Version = max(w.Version, f.least)
	}
	if rec.sure {
		w.Version = max(w.Version, rec.from)
	} else {
		w.Since = c.heard.last(c.hashPartition(rec.key))
	}
	w.Age = f.within(share)
	w.Age -= w.Age / endsSoon
	if end, ok := f.values.Deadline(); ok {
		w.Patience = max(time.Until(end)/patiencePart, 1)
	}
	return w, true
}

// patiencePart says which part of a request's time may be spent on waiting for another node.
const patiencePart = 4

// within gives how old an answer may be to serve all who wait.
func (f *flight) within(share Share) time.Duration {
	d := share.Fresh
	if f.fresh > 0 {
		d = min(d, f.fresh)
	}
	if f.refresh {
		d = min(d, share.Fresh/2)
	}
	return d
}

// fits tells whether an offer may be taken in: it must be current by all that this node was ever
// told of the partition. What the record was told, it knows by version. What the node was told
// before the record was here is in the answer if that was read later; and it is in every answer from
// the record's first fill on. The shard's lock is held.
func (c *Cache) fits(f *flight, a *Answer, share Share) bool {
	rec := f.rec
	switch {
	case rec == nil || rec.dead || f.expired:
		return false
	case a.Version < rec.floor.Load() || a.Version < f.cell.version.Load():
		return false
	case time.Since(a.Time) > f.within(share):
		return false
	case max(a.Version, rec.through.Load()) < f.least:
		return false
	}
	return rec.sure && a.Version >= rec.from || a.Time.After(c.heard.last(c.hashPartition(rec.key)))
}

// landOffer ends a flight with the second tier's answer, unless that does not fit.
func (c *Cache) landOffer(f *flight, v *visit) bool {
	s := c.shardOf(c.hashPartition(f.key.partition))
	s.mu.Lock()
	a := v.offer.Answer
	if !c.fits(f, a, v.share) {
		s.mu.Unlock()
		c.counts.unfit.Add(1)
		return false
	}
	if a.Visit = Found; v.offer.Waited {
		a.Visit = Awaited
	}
	c.counts.offers.Add(1)
	f.answer, f.offered = a, true
	c.finish(s, f)
	return true
}

// rescue looks for an answer that may serve as stale, when loading failed and nothing at hand will
// do. It is not taken in: nothing is known of it but its age.
func (c *Cache) rescue(f *flight, share Share) *Answer {
	if share.Key == "" || share.Stale <= 0 {
		return nil
	}
	s := c.shardOf(c.hashPartition(f.key.partition))
	s.mu.Lock()
	e, least := s.entry(f.key), f.least
	enough := f.expired || e != nil && e.helps(Terms{Stale: share.Stale, Min: least}) != nil
	s.mu.Unlock()
	if enough {
		return nil
	}
	return c.tier.Fetch(c.base, share.Key, Want{Version: least, Age: share.Stale, Look: true}).Answer
}
