package runtime

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// mostSeen bounds how many partitions a client remembers its writes to. One that is dropped may, for
// as long as its reads may be old, be read as it was before.
const mostSeen = 4096

// versions remembers the version that the client's own last write made of each partition, so that its
// reads are never older: whichever node answers. The zero value remembers none.
type versions struct {
	mu sync.Mutex
	of map[string]string // Partita-Version by family/value
}

func (v *versions) note(partition, version string) {
	if partition == "" || version == "" {
		return
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.of == nil {
		v.of = map[string]string{}
	}
	if old, ok := v.of[partition]; ok && !newer(version, old) {
		return
	} else if !ok && len(v.of) >= mostSeen {
		for any := range v.of {
			delete(v.of, any)
			break
		}
	}
	v.of[partition] = version
}

func (v *versions) get(partition string) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.of[partition]
}

func (v *versions) forget(partition string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.of, partition)
}

// newer compares two versions of one partition. Of different incarnations of the data the one that
// came last counts.
func newer(a, b string) bool {
	pa, va := cutVersion(a)
	pb, vb := cutVersion(b)
	return pa != pb || va > vb
}

func cutVersion(text string) (place string, version uint64) {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '/' {
			version, _ = strconv.ParseUint(text[i+1:], 10, 64)
			return text[:i], version
		}
	}
	return text, 0
}

// Meta is what the headers of an answer say.
type Meta struct {
	ETag        string        // for IfMatch
	Version     string        // for MinVersion
	Location    string        // of a row that was made
	CacheStatus string        // what the caches did (RFC 9211)
	Age         time.Duration // how old the answer was when it was given
	Replayed    bool          // the kept outcome of an earlier request with this idempotency key
}

func metaOf(h http.Header) Meta {
	age, _ := strconv.Atoi(h.Get("Age"))
	return Meta{ETag: h.Get("ETag"), Version: h.Get("Partita-Version"), Location: h.Get("Location"), CacheStatus: h.Get("Cache-Status"),
		Age: time.Duration(age) * time.Second, Replayed: h.Get("Idempotency-Replayed") == "true"}
}
