package bus

import "time"

// Behind is a shard that is behind the others on the embedded bus: what it has to do was moved apart, so
// that they go on.
type Behind struct {
	Shard int
	Bytes int64     // of its commands that stand apart
	Since time.Time // when the oldest of what stands there was moved
	Full  bool      // it has its share of the bound there, and takes nothing more
}

// Behind lists the shards that are behind the others on their log, in order; none in a cluster, where
// each has a log of its own. It asks nobody, and is cheap.
func (b *Bus) Behind() []Behind {
	var list []Behind
	for shard := range b.apart {
		a := &b.apart[shard]
		if n := a.bytes.Load(); n > 0 {
			list = append(list, Behind{Shard: shard, Bytes: n, Since: time.Unix(0, a.since.Load()).UTC(), Full: b.hasItsShare(shard)})
		}
	}
	return list
}

// hasItsShare tells whether as much of a shard stands apart as may.
func (b *Bus) hasItsShare(shard int) bool {
	return b.apart[shard].bytes.Load() >= b.config.BacklogBytes/apartShares
}
