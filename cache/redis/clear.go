package redis

import (
	"context"
	"errors"
	"time"

	"github.com/redis/rueidis"
)

// clearTimeout bounds one step of Clear.
const clearTimeout = 5 * time.Second

// Clear deletes all keys that begin with a prefix, on every member of a cluster, and says how many went.
// The prefix must not have characters that a pattern gives a meaning to. It fails where the server is away:
// what is in it then ends by its time.
func (t *Tier) Clear(ctx context.Context, prefix string) (total int, err error) {
	client := t.client.Load()
	if client == nil {
		return 0, errAway
	}
	for _, member := range (*client).Nodes() {
		for cursor := uint64(0); ; {
			n, next, err := clearSome(ctx, member, prefix, cursor)
			total += n
			if err != nil {
				return total, errors.New(t.cause(err)) // without secrets
			}
			if cursor = next; cursor == 0 {
				break
			}
		}
	}
	return total, nil
}

// clearSome deletes those keys that one step of a walk finds.
func clearSome(ctx context.Context, c rueidis.Client, prefix string, cursor uint64) (n int, next uint64, err error) {
	const step = 1000
	ctx, cancel := context.WithTimeout(ctx, clearTimeout)
	defer cancel()
	found, err := c.Do(ctx, c.B().Scan().Cursor(cursor).Match(prefix+"*").Count(step).Build()).AsScanEntry()
	if err != nil {
		return 0, 0, err
	}
	for _, key := range found.Elements { // one at a time: those of a cluster lie in many slots
		gone, err := c.Do(ctx, c.B().Unlink().Key(key).Build()).AsInt64()
		if rueidis.IsRedisNil(err) {
			err = nil
		}
		if _, moved := rueidis.IsRedisErr(err); err != nil && moved {
			continue // a replica's, or another member's: it is deleted there
		}
		if err != nil {
			return n, 0, err
		}
		n += int(gone)
	}
	return n, found.Cursor, nil
}
