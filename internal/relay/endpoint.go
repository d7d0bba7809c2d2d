package relay

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"strings"
	"sync/atomic"
	"time"
)

// Endpoint is somebody who is told of events: a webhook, a Go function, the bus. A slow one holds up
// nobody but itself.
type Endpoint struct {
	Lane   string   // names it for ever: what waits for it finds it by this name, at most 100 bytes
	Target string   // the same, for people, without secrets
	Events []string // by name
	Limit  int      // how many deliveries run at once on this node; default 16
	// Prompt endpoints are told at once, and only what they do not do in time becomes a durable job.
	// It is for those that are quick as a rule.
	Prompt bool
	// Do tells it of one event. It is called by many goroutines, at least once for each event. An
	// error that is or wraps a *Failure says more. A panic counts as an error.
	Do func(ctx context.Context, ev *Event, attempt int) error
	// Wait gives the time until the next attempt after so many that failed; false: it is given up.
	Wait func(failed int) (time.Duration, bool)

	slots    chan struct{}
	slow     atomic.Int64 // until when it is not told at once, in nanoseconds since the epoch
	calm     atomic.Int64 // how long it was not, in nanoseconds, the last time that it was too slow
	attempts atomic.Uint64
	failures atomic.Uint64
	failed   atomic.Pointer[string] // why the last attempt failed; nil where it did not
}

// Failure says more of a delivery that failed.
type Failure struct {
	Err   error
	Wait  time.Duration // the next attempt comes no sooner
	Final bool          // there is none
	Close bool          // and none for any other event either, until people open the endpoint again
}

// Error gives the reason.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap gives the cause.
func (f *Failure) Unwrap() error { return f.Err }

func (x *Endpoint) open() {
	if x.Limit <= 0 {
		x.Limit = 16
	}
	if x.Wait == nil {
		x.Wait = Backoff(100*time.Millisecond, 10*time.Minute, 25)
	}
	x.slots = make(chan struct{}, x.Limit)
}

// Backoff gives waits that double from first to longest, with jitter, for so many attempts in all.
func Backoff(first, longest time.Duration, attempts int) func(int) (time.Duration, bool) {
	return func(failed int) (time.Duration, bool) {
		wait := longest
		if failed < 40 {
			wait = min(first<<max(failed-1, 0), longest)
		}
		return Jitter(wait), failed < attempts
	}
}

// Jitter gives a time up to a fifth longer, so that what failed together does not come back together.
func Jitter(d time.Duration) time.Duration { return d + rand.N(d/5+1) }

// note counts an attempt that failed, and remembers why.
func (x *Endpoint) note(err error) {
	if err == nil {
		x.failed.Store(nil)
		return
	}
	const most = 200 // bytes, for people
	x.failures.Add(1)
	why, _, _ := strings.Cut(err.Error(), "\n")
	if len(why) > most {
		why = strings.ToValidUTF8(why[:most], "") + "…"
	}
	x.failed.Store(&why)
}

// tell makes one attempt.
func (x *Endpoint) tell(ctx context.Context, j *Job) (err error) {
	x.attempts.Add(1)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it panicked: %v\n%s", p, debug.Stack())
		}
		x.note(err)
	}()
	return x.Do(ctx, &j.Event, j.Attempts+1)
}

// prompt tells whether it is told at once these days.
func (x *Endpoint) prompt(now time.Time) bool { return x.Prompt && now.UnixNano() >= x.slow.Load() }

// tooSlow keeps it from being told at once for a while, which is longer each time.
func (x *Endpoint) tooSlow(now time.Time) {
	const shortest, longest = 50 * time.Millisecond, 5 * time.Second
	calm := min(max(2*time.Duration(x.calm.Load()), shortest), longest)
	x.calm.Store(int64(calm))
	x.slow.Store(now.Add(calm).UnixNano())
}
