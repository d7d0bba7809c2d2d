package bus

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime/debug"
	"time"
)

// group handles the commands of one group, but the first of them that are done already. Its error is
// that of ctx, one of the bus, or errBehind.
func (r *reader) group(ctx context.Context, seq uint64, body []byte, done int) error {
	commands, err := commandsOf(body, r.shard)
	if err != nil {
		if !r.seesToDamage() {
			return nil
		}
		r.bus.log.Error("a group of accepted commands is damaged and is put aside as it is", "shard", r.shard, "group", seq)
		return r.giveUp(ctx, body)
	}
	a := attempts{reader: r, seq: seq}
	if len(commands) == 0 {
		a.end(ctx)
		return nil
	}
	i, err := a.start(ctx)
	if err != nil {
		return err
	}
	i = max(i, done)
	for pause := handlePause; i < len(commands); {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		n, err := a.next(ctx, i, commands[i:])
		i += n
		if n > 0 {
			pause = handlePause
		}
		if err != nil {
			if r.shared().isBehind(ctx) {
				return errBehind
			}
			pause = backOff(ctx, pause)
		}
	}
	a.end(ctx)
	return nil
}

// shared gives the reader of the shared log.
func (r *reader) shared() *reader {
	if r.main != nil {
		return r.main
	}
	return r
}

// errCrashed is the error of a handle that panicked.
var errCrashed = errors.New("the worker panicked")

// try runs handle once, and contains a panic.
func (r *reader) try(ctx context.Context, commands [][]byte) (n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.bus.log.Error("a worker of accepted commands panicked", "shard", r.shard, "panic", p, "stack", string(debug.Stack()))
			n, err = 0, errCrashed
		}
	}()
	n, err = r.handle(ctx, commands)
	if err == nil {
		n = len(commands)
	}
	return n, err
}

// tryBesides is try besides other shards, while none has a command under suspicion at work.
func (r *reader) tryBesides(ctx context.Context, commands [][]byte) (int, error) {
	r.bus.alone.RLock()
	defer r.bus.alone.RUnlock()
	return r.try(ctx, commands)
}

// giveUp hands a command that cannot be handled to the function of OnPoison, until that takes it.
func (r *reader) giveUp(ctx context.Context, command []byte) error {
	for pause := handlePause; ; pause = backOff(ctx, pause) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		f := r.bus.poison.get()
		if f == nil {
			continue
		}
		if err := f(ctx, command); err == nil {
			return nil
		} else if ctx.Err() == nil {
			r.bus.log.Error("a command that crashes its worker cannot be put aside yet", "shard", r.shard, "error", err)
		}
	}
}

// backOff waits for a while around pause, or until ctx ends, and gives the next pause.
func backOff(ctx context.Context, pause time.Duration) time.Duration {
	timer := time.NewTimer(pause/2 + rand.N(pause))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return min(2*pause, handlePauseMax)
}
