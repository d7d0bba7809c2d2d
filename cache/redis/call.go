package redis

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// errAway is the answer where the server is not asked at all.
var errAway = errors.New("redis: left alone")

// reply is what a script said: the server's time first, then the rest.
type reply struct {
	asked, told time.Time
	now         int64
	rest        []rueidis.RedisMessage
}

// exec runs a script for a request, if the server is to be asked and not too many wait for it already.
// It takes no longer than Config.Timeout.
func (t *Tier) exec(ctx context.Context, script *rueidis.Lua, key string, args ...string) (reply, error) {
	client := t.client.Load()
	if client == nil || !t.breaker.shut.Load() {
		t.counts.skipped.Add(1)
		return reply{}, errAway
	}
	select {
	case t.slots <- struct{}{}:
		defer func() { <-t.slots }()
	default:
		t.counts.skipped.Add(1)
		return reply{}, errAway
	}
	r, err := t.run(ctx, *client, script, key, args)
	switch {
	case err == nil:
		t.breaker.done("")
	case ctx.Err() == nil: // else it was the caller who gave up
		t.counts.errors.Add(1)
		if cause := t.cause(err); t.breaker.done(cause) {
			t.warn(cause)
		}
	}
	if err == nil && t.clock.saw(r.now, r.asked, r.told) {
		if t.breaker.trip(clockCause) {
			t.warn(clockCause)
		}
		return reply{}, errAway
	}
	return r, err
}

func (t *Tier) warn(cause string) {
	t.config.Logger.Debug("the shared cache is left alone until it answers again: "+cause, "at", t.Place())
}

// run runs a script within Config.Timeout.
func (t *Tier) run(ctx context.Context, client rueidis.Client, script *rueidis.Lua, key string, args []string) (r reply, err error) {
	ctx, cancel := context.WithTimeout(ctx, t.config.Timeout)
	defer cancel()
	t.counts.calls.Add(1)
	r.asked = time.Now()
	list, err := script.Exec(ctx, client, []string{key, key + leaseTail}, args).ToArray()
	r.told = time.Now()
	if t.call != nil {
		t.call(r.told.Sub(r.asked))
	}
	if err != nil {
		return r, err
	}
	if len(list) < 2 {
		return r, errValue
	}
	r.rest = list[1:]
	r.now, err = list[0].AsInt64()
	return r, err
}

// How the server is probed while it is left alone.
const (
	probeKey   = "partita:{probe}"
	probeEvery = 250 * time.Millisecond // on average
	probeAgain = 50 * time.Millisecond  // after one that succeeded
	probesWant = 2                      // successes in a row, but for the first time: one may be luck
)

// tend connects, and probes the server whenever it is left alone, until Close.
func (t *Tier) tend() {
	want := 1
	for {
		select {
		case <-t.ctx.Done():
			return
		case <-t.breaker.wake:
		}
		for good := 0; !t.breaker.shut.Load(); {
			pause := probeEvery/2 + rand.N(probeEvery)
			if err := t.probe(); err == nil {
				if good++; good == want {
					want = probesWant
					t.breaker.close()
					t.config.Logger.Info("the shared cache is in use", "at", t.Place())
					break
				}
				pause = probeAgain
			} else {
				good = 0
				cause := clockCause
				if !errors.Is(err, errClock) {
					cause = t.cause(err)
				}
				if t.breaker.trip(cause) {
					t.warn(cause)
				}
			}
			if !sleep(t.ctx, pause) {
				return
			}
		}
	}
}

// probe does what a load does: it looks for an answer, takes the lease and gives it back, each within
// Config.Timeout. The server knows both scripts then. It connects first, where that is needed, and
// has more time for that.
func (t *Tier) probe() error {
	if t.client.Load() == nil {
		client, err := rueidis.NewClient(t.options)
		if err != nil {
			return err
		}
		t.client.Store(&client)
	}
	client := *t.client.Load()
	ctx, cancel := context.WithTimeout(t.ctx, connectTimeout)
	defer cancel()
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err != nil {
		return err
	}
	r, err := t.run(t.ctx, client, fetch, probeKey, []string{"0", "-1", "0", "0", t.nonce, in(time.Millisecond, probeEvery)})
	if err != nil {
		return err
	}
	if t.clock.saw(r.now, r.asked, r.told) {
		return errClock
	}
	_, err = t.run(t.ctx, client, put, probeKey, []string{"", "0", "0", "0", t.nonce})
	return err
}

var errClock = errors.New("redis: the server's clock was set back")

const clockCause = "its clock was set back; it is used again when that time has passed"

// cause says what an error means, without secrets, and writes the error itself to the log at the
// level for those who look for it.
func (t *Tier) cause(err error) string {
	t.config.Logger.Debug("a call of the shared cache failed", "error", t.redact(err.Error()))
	if e, ok := rueidis.IsRedisErr(err); ok {
		kind, _, _ := strings.Cut(e.Error(), " ")
		if words, known := refusals[kind]; known {
			return words
		}
		return "it answers with an error; the log says which, at level debug"
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		return "it does not answer in time"
	}
	return "it cannot be reached"
}

// refusals are errors of the server by their first word.
var refusals = map[string]string{
	"OOM":        "it is full, and its maxmemory-policy lets nothing go",
	"NOAUTH":     "it wants a password",
	"WRONGPASS":  "it does not accept the user and password",
	"NOPERM":     "its user may not do what is needed: run scripts on keys that begin with partita:",
	"LOADING":    "it is still loading its data",
	"READONLY":   "it is a replica and takes no writes",
	"MASTERDOWN": "it is a replica that lost its primary",
	"MISCONF":    "it cannot write its snapshots and therefore takes no writes",
}

// redact takes the password out of a text: some servers quote what they were sent.
func (t *Tier) redact(text string) string {
	if t.options.Password != "" {
		text = strings.ReplaceAll(text, t.options.Password, "…")
	}
	return text
}
