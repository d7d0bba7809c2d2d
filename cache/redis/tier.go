package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/partita-dev/partita/cache"
)

// maxKey bounds a key, in bytes.
const maxKey = 512

// Fetch implements cache.Tier.
//
// Who has to wait for another node's load asks again and again, in steps that grow and differ: that
// needs no second connection and no message that may be lost, and one flight asks for all readers of
// a node.
func (t *Tier) Fetch(ctx context.Context, key string, w cache.Want) (o cache.Offer) {
	if len(key) > maxKey {
		return o
	}
	token, patience := "", t.config.Wait
	if !w.Look {
		token = t.nonce + strconv.FormatUint(t.number.Add(1), 36)
	}
	if w.Patience > 0 {
		patience = min(patience, w.Patience)
	}
	var end time.Time // of waiting; zero: not begun
	for step := firstStep; ; step = min(step*3/2, lastStep) {
		r, err := t.fetch(ctx, key, token, w)
		if err != nil {
			if !errors.Is(err, errAway) {
				o.Ticket.Token = token // the lease may be ours: the reply was lost
			}
			return o
		}
		o.Asked = true
		switch r.kind {
		case isValue:
			o.Answer = r.answer
			t.counts.hit(o.Waited)
			return o
		case isWait:
			now := time.Now()
			if end.IsZero() {
				end = now.Add(patience)
				o.Waited = true
				t.counts.waits.Add(1)
			}
			if left := end.Sub(now); left > 0 && sleep(ctx, min(left, step/2+rand.N(step))) {
				continue
			}
			t.counts.vain.Add(1)
			o.Ticket = cache.Ticket{Time: r.now, At: r.told}
			return o
		}
		t.counts.misses.Add(1)
		switch r.kind {
		case isLease:
			o.Ticket = cache.Ticket{Token: token, Time: r.now, At: r.told}
		case isAlone:
			o.Ticket = cache.Ticket{Time: r.now, At: r.told}
		}
		return o
	}
}

// The steps in which a node asks for what another loads.
const (
	firstStep = 2 * time.Millisecond
	lastStep  = 25 * time.Millisecond
)

// sleep waits and tells whether ctx still lasts.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fetched is a reply to fetch.
type fetched struct {
	kind   string
	answer *cache.Answer
	now    int64     // the server's time
	told   time.Time // when the reply was here
}

func (t *Tier) fetch(ctx context.Context, key, token string, w cache.Want) (r fetched, err error) {
	age := w.Age
	if !w.Since.IsZero() {
		age = min(age, time.Since(w.Since))
	}
	reply, err := t.exec(ctx, fetch, key,
		strconv.FormatUint(w.Version, 10), in(time.Microsecond, unpadded(age)), strconv.FormatInt(t.clock.bound(), 10),
		strconv.Itoa(t.config.MaxValue), token, in(time.Millisecond, t.config.Lease))
	if err != nil {
		return r, err
	}
	r.now, r.told = reply.now, reply.told
	if r.kind, err = reply.rest[0].ToString(); err != nil || r.kind != isValue {
		return r, t.strange(err)
	}
	if len(reply.rest) < 2 {
		return r, t.strange(errValue)
	}
	text, err := reply.rest[1].ToString()
	if err != nil {
		return r, t.strange(err)
	}
	a, born, err := decode([]byte(text))
	if err != nil {
		return r, t.strange(err)
	}
	a.Time = reply.asked.Add(-padded(time.Duration(reply.now-born) * time.Microsecond))
	r.answer = a
	return r, nil
}

// strange counts a reply that nobody but a stranger can have caused; nil is none.
func (t *Tier) strange(err error) error {
	if err != nil {
		t.counts.errors.Add(1)
	}
	return err
}

// Done implements cache.Tier.
func (t *Tier) Done(ctx context.Context, key string, ticket cache.Ticket, a *cache.Answer, keep time.Duration) {
	value, born, version := "", ticket.Time, uint64(0)
	if a != nil && ticket.Time > 0 {
		if used := ticket.At.Sub(a.Time); used > 0 { // it is older than the ticket
			born -= int64(padded(used)/time.Microsecond) + 1
		}
		version = a.Version
		b := encode(a, born, t.config.MaxValue)
		if len(b) < len(a.Body) {
			t.counts.large.Add(1)
		}
		value = rueidis.BinaryString(b)
	}
	if value == "" && ticket.Token == "" {
		return
	}
	reply, err := t.exec(ctx, put, key, value, strconv.FormatUint(version, 10), strconv.FormatInt(born, 10),
		in(time.Microsecond, keep), ticket.Token)
	if err != nil {
		return
	}
	if kept, err := reply.rest[0].AsInt64(); err == nil && kept > 0 {
		t.counts.puts.Add(1)
	}
}
