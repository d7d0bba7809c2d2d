package auth

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/partita-dev/partita/model"
)

const (
	seenBytes  = 32 << 20 // estimated size of all remembered tokens
	seenShards = 16
)

// seen remembers verified tokens, and only those, until they expire or room is needed. A token is
// found by its hash and compared whole. Each shard has two generations: what was used lately, and
// what was used before; the latter goes when the former is full.
type seen struct {
	seed   maphash.Seed
	era    atomic.Uint64 // rises when the keys change: what was verified before is forgotten
	shards [seenShards]seenShard
}

type seenShard struct {
	mu         sync.RWMutex
	young, old map[uint64]*verified
	bytes      int // of young
	_          [24]byte
}

type verified struct {
	token  string
	claims *model.Claims
	until  time.Time
}

func (v *verified) size() int { return 512 + 4*len(v.token) }

func newSeen() *seen {
	s := &seen{seed: maphash.MakeSeed()}
	for i := range s.shards {
		s.shards[i].young = map[uint64]*verified{}
	}
	return s
}

// get returns the claims of a token that was verified and is still valid, or nil.
func (s *seen) get(token string, now time.Time) *model.Claims {
	hash := maphash.String(s.seed, token)
	v, fresh := s.find(hash)
	if v == nil || v.token != token {
		return nil
	}
	return s.live(hash, v, fresh, now)
}

// getBytes is get for a token that is only lent: its bytes may change afterwards.
func (s *seen) getBytes(token []byte, now time.Time) *model.Claims {
	hash := maphash.Bytes(s.seed, token)
	v, fresh := s.find(hash)
	if v == nil || v.token != string(token) { // compared without a copy
		return nil
	}
	return s.live(hash, v, fresh, now)
}

// find gives what may be the token of that hash, and whether it is of the young generation.
func (s *seen) find(hash uint64) (v *verified, fresh bool) {
	shard := &s.shards[hash%seenShards]
	shard.mu.RLock()
	defer shard.mu.RUnlock()
	if v, fresh = shard.young[hash]; !fresh {
		v = shard.old[hash]
	}
	return v, fresh
}

// live gives the claims of a token that was found, unless it has expired, and keeps it from being
// forgotten soon.
func (s *seen) live(hash uint64, v *verified, fresh bool, now time.Time) *model.Claims {
	if !now.Before(v.until) {
		return nil
	}
	if !fresh {
		shard := &s.shards[hash%seenShards]
		shard.mu.Lock()
		if shard.old[hash] == v { // still remembered: forget may have come in between
			shard.add(hash, v)
		}
		shard.mu.Unlock()
	}
	return v.claims
}

// now gives the era, to be taken before a token is verified and handed to put.
func (s *seen) now() uint64 { return s.era.Load() }

// put remembers a token that was verified with the keys of the given era.
func (s *seen) put(token string, claims *model.Claims, until time.Time, era uint64) {
	hash := maphash.String(s.seed, token)
	shard := &s.shards[hash%seenShards]
	shard.mu.Lock()
	defer shard.mu.Unlock()
	if s.era.Load() == era {
		shard.add(hash, &verified{token: strings.Clone(token), claims: claims, until: until})
	}
}

// add is called with the lock held.
func (h *seenShard) add(hash uint64, v *verified) {
	if h.bytes+v.size() > seenBytes/seenShards/2 {
		h.old, h.young, h.bytes = h.young, map[uint64]*verified{}, 0
	}
	if before := h.young[hash]; before != nil {
		h.bytes -= before.size()
	}
	h.young[hash] = v
	h.bytes += v.size()
}

// forget drops everything: the keys have changed.
func (s *seen) forget() {
	s.era.Add(1)
	for i := range s.shards {
		shard := &s.shards[i]
		shard.mu.Lock()
		shard.young, shard.old, shard.bytes = map[uint64]*verified{}, nil, 0
		shard.mu.Unlock()
	}
}
