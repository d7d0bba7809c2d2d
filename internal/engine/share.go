package engine

import (
	"crypto/sha256"
	"encoding/base64"

	"github.com/partita-dev/partita/cache"
)

// Share implements cache.Sharer: it names the answer for the tier that the nodes share.
//
// The name has the service, the store's incarnation and the hash of what the read asks and how its
// answer is encoded in clear, so that neither another service, nor a store that was restored, nor
// another model's node is taken for this one. Partition and arguments are in it as a digest: they
// may be long, and are nobody's business who looks at the tier's keys. The braces keep what stands
// beside it on the same member of a cluster.
//
// Rows that rules look at are not shared: whoever can write to the tier could grant themselves access.
func (l *loader) Share() cache.Share {
	e, q := l.e, l.q
	if q.Read.Internal || q.Read.Fresh <= 0 {
		return cache.Share{}
	}
	var room [192]byte
	b := appendPartition(room[:0], q.Read.Of.Family, q.Args.Values[0])
	b = append(b, 0xFF)
	digest := sha256.Sum256(appendGiven(b, q))

	key := make([]byte, 0, 160)
	for _, part := range []string{"partita", e.model.Service, e.incarnation, q.Read.Hash} {
		key = append(key, part...)
		key = append(key, ':')
	}
	key = append(key, '{')
	key = base64.RawURLEncoding.AppendEncode(key, digest[:])
	key = append(key, '}')
	return cache.Share{Key: string(key), Fresh: q.Read.Fresh, Stale: q.Read.Stale}
}
