package accept

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
)

// Stuck is a shard of accepted writes that does not get on, while others may: one write is tried again
// and again, and what was accepted after it waits. Or it is behind the others, and catching up.
type Stuck struct {
	Shard     int       `json:"shard"`
	Since     time.Time `json:"since"`               // when the write failed first, or when what waits for it was first put apart
	Write     string    `json:"write,omitempty"`     // that is tried again and again; "" while the shard catches up
	Family    string    `json:"family,omitempty"`    // of its partition
	Partition string    `json:"partition,omitempty"` // that it is in
	Cause     string    `json:"cause,omitempty"`     // what it fails with, in a sentence for people
	Foreign   bool      `json:"foreign,omitempty"`   // another model accepted it, and this node's does not know it
	Apart     int64     `json:"apart_bytes"`         // of what waits and stands apart from what others have to do
	Full      bool      `json:"full,omitempty"`      // the shard has its share apart, and takes nothing more
}

// String says how the shard is, and what to do, for people.
func (s *Stuck) String() string {
	shard := fmt.Sprintf("shard %d of %d ", s.Shard, bus.Shards)
	at := fmt.Sprintf("the write %s in %s %s", s.Write, s.Family, s.Partition)
	switch {
	case s.Write == "":
		return shard + "is behind the others, and carries out what waits for it"
	case s.Foreign:
		return shard + "is stuck at " + at + ", which another model accepted and this node's does not know; give all nodes the newer model, or wait: it is refused then"
	}
	return shard + "is stuck at " + at + ", which fails again and again: " + s.Cause + " It goes on when that is mended, and nothing is lost"
}

// tries knows at which write each shard is, where that fails. The zero value is ready for use.
type tries struct {
	mu sync.Mutex
	of [bus.Shards]struct {
		key [32]byte
		Stuck
	}
}

// fail says that a shard cannot go on behind a write.
func (t *tries) fail(shard int, it *item, foreign bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, c := &t.of[shard], it.command
	if s.key != c.accepted.Key.Hash || s.Write == "" {
		s.key = c.accepted.Key.Hash
		s.Stuck = Stuck{Shard: shard, Since: time.Now().UTC(), Write: c.write, Family: c.family, Partition: c.partition, Foreign: foreign}
	}
	s.Cause = words(it.carried.Err)
}

// goOn says that a shard is not held up, or not by this node.
func (t *tries) goOn(shard int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.of[shard].Stuck = Stuck{}
}

// words gives what of a failure is for people.
func words(err error) string {
	if f, is := errors.AsType[*fault.Error](err); is && f.Message != "" {
		return f.Message
	}
	return "it fails for a reason that the log has."
}

// Stuck lists the shards that this node carries out and that do not get on: those of which something
// stands apart, and those that have tried one write for longer than Config.Patience. It asks nobody,
// and is cheap.
func (a *Acceptor) Stuck() []Stuck {
	behind := a.Bus.Behind()
	a.tries.mu.Lock()
	defer a.tries.mu.Unlock()
	var list []Stuck
	for shard := range a.tries.of {
		s := a.tries.of[shard].Stuck
		tried := s.Write != ""
		i := slices.IndexFunc(behind, func(b bus.Behind) bool { return b.Shard == shard })
		switch {
		case i >= 0:
			s.Shard, s.Apart, s.Full = shard, behind[i].Bytes, behind[i].Full
			if !tried || behind[i].Since.Before(s.Since) {
				s.Since = behind[i].Since
			}
		case !tried || time.Since(s.Since) <= a.Patience:
			continue
		}
		list = append(list, s)
	}
	return list
}
