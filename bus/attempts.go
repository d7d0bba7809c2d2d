package bus

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// maxCrashes is how often a command may crash its worker before it is put aside.
const maxCrashes = 5

// narrows is into how many parts the groups under suspicion are cut after each crash.
const narrows = 16

// aheadWrites is how far a shard may be ahead of the others on its log before it writes down where it
// is. Without that, a restart would begin with the groups that wait for the slowest.
const aheadWrites = 64

// attempt is what the worker of a shard writes down before it does something that may end the
// process, and where it is when it is through. All groups before Group are done.
//
// Only groups that a worker finds in the log when it starts can have crashed one before it. So a worker
// writes once before it begins with those, and once when it is through with them; nothing for what
// comes later. One that starts and finds that its predecessor was not through knows that it may have
// crashed there: it writes for a part of those groups at a time; after another crash for a part of that
// part; and when it comes to a single group, it tries each command alone, with no other at work in the
// process, and writes before and after. Only what happens then is blamed on a command: whatever else
// kills the process, such as a command of another shard, is not.
type attempt struct {
	Log     int64  `json:"log"`     // when the log was made, in Unix nanoseconds: sequences count from there
	Group   uint64 `json:"group"`   // sequence of the first group that is at work
	Span    uint64 `json:"span"`    // how many groups from there on may be at work
	Command int    `json:"command"` // index among the shard's commands in the group
	Crashes int    `json:"crashes"` // of what is named, should this attempt crash as well; 0: it rests
}

// Values of attempt.Command that name no command.
const (
	someCommand = -1 // it is not known which
	nothing     = -2 // the group is done as well
)

// done gives the last group that is done.
func (a *attempt) done() uint64 {
	if a.Command == nothing {
		return a.Group
	}
	return max(a.Group, 1) - 1
}

// covers tells whether a crash at a group would be found by what is written down.
func (a *attempt) covers(seq uint64) bool {
	return a.Command == someCommand && a.Crashes > 0 && a.Group <= seq && seq < a.Group+a.Span
}

// suspicion is what a reader makes of the attempt that its predecessor left.
type suspicion struct {
	end    uint64 // groups before it are suspect
	step   uint64 // how many to try at a time
	single bool   // one group is suspect, and its commands are tried one by one
}

func suspect(left attempt) (s suspicion) {
	if left.Crashes > 0 {
		s.end = left.Group + left.Span
		s.step = (left.Span + narrows - 1) / narrows
		s.single = left.Span == 1
	}
	return s
}

// attempts counts crashes in one group.
type attempts struct {
	reader  *reader
	seq     uint64
	careful bool // one command at a time, each written down before
	blame   int  // panics of an unknown command of this group: they go to the one that panics next
}

// start gives the command of the group to begin with.
func (a *attempts) start(ctx context.Context) (int, error) {
	r := a.reader
	switch last := r.attempt; {
	case a.seq > r.found, r.wrote && last.covers(a.seq):
		return 0, nil
	case last.Group == a.seq && last.Command >= 0:
		a.careful = true
		return last.Command, nil
	case last.Group == a.seq && r.suspicion.single && !r.wrote:
		a.careful = true
		return 0, nil
	case a.seq < r.suspicion.end && !r.suspicion.single:
		span := min(r.suspicion.step, r.suspicion.end-a.seq)
		return 0, a.write(ctx, attempt{Span: span, Command: someCommand, Crashes: 1})
	}
	return 0, a.write(ctx, attempt{Span: r.found - a.seq + 1, Command: someCommand, Crashes: 1})
}

// next handles what comes at i, and gives how many commands are done or put aside.
func (a *attempts) next(ctx context.Context, i int, commands [][]byte) (int, error) {
	if a.careful {
		return a.one(ctx, i, commands[0])
	}
	n, err := a.reader.tryBesides(ctx, commands)
	switch {
	case errors.Is(err, errCrashed):
		a.careful, a.blame = true, 1
	case err != nil:
		a.rest(ctx)
	}
	return n, err
}

// rest is for a handle that failed in an orderly way: what ends the process in the pause is no crash.
func (a *attempts) rest(ctx context.Context) {
	if a.seq <= a.reader.found {
		a.calm(ctx, attempt{Command: someCommand})
	}
}

// one handles a command of which it is suspected that it crashes its worker.
func (a *attempts) one(ctx context.Context, i int, command []byte) (int, error) {
	r := a.reader
	crashes := a.blame
	if r.attempt.Group == a.seq && r.attempt.Command == i {
		crashes = max(crashes, r.attempt.Crashes)
	}
	if crashes >= maxCrashes {
		r.bus.log.Error("a command crashed its worker too often and is put aside", "shard", r.shard, "crashes", crashes)
		if err := r.giveUp(ctx, command); err != nil {
			return 0, err
		}
		a.blame = 0
		a.calm(ctx, attempt{Span: 1, Command: i + 1})
		return 1, nil
	}
	r.bus.alone.Lock()
	defer r.bus.alone.Unlock()
	if err := a.write(ctx, attempt{Span: 1, Command: i, Crashes: crashes + 1}); err != nil {
		return 0, err
	}
	n, err := r.try(ctx, [][]byte{command})
	switch {
	case errors.Is(err, errCrashed):
		a.blame = 0
	case err != nil:
		a.calm(ctx, attempt{Span: 1, Command: i, Crashes: crashes})
	default:
		a.calm(ctx, attempt{Span: 1, Command: i + 1})
	}
	return n, err
}

// end writes down that the group is done: when no more of those found come, and when other shards will
// keep the log from being deleted for long. Where that fails, the next group does it.
func (a *attempts) end(ctx context.Context) {
	r := a.reader
	through := a.seq >= r.found && r.attempt.Group != 0 && r.attempt.Command != nothing
	ahead := a.seq >= max(r.allDone(), r.attempt.done())+aheadWrites
	switch {
	case through, ahead && a.seq > r.found:
		a.calm(ctx, attempt{Command: nothing})
	case ahead && r.wrote && r.attempt.covers(a.seq+1):
		rest := attempts{reader: r, seq: a.seq + 1}
		rest.calm(ctx, attempt{Span: r.attempt.Group + r.attempt.Span - rest.seq, Command: someCommand, Crashes: r.attempt.Crashes})
	}
}

// leave writes down where a reader stops in an orderly way, unless a command is under suspicion, or all
// that is done will be deleted.
func (r *reader) leave() {
	done := r.position().Load()
	if on, _ := r.bus.link.now(); !on || r.created.IsZero() || done == 0 {
		return
	}
	open := r.attempt.Group != 0 && r.attempt.Command != nothing
	if open && (r.attempt.Command >= 0 || !r.wrote) {
		return
	}
	if open || done > max(r.allDone(), r.attempt.done()) {
		a := attempts{reader: r, seq: done}
		a.calm(context.Background(), attempt{Command: nothing})
	}
}

// calm writes down that nothing is at work now. Where that fails, a process that is killed from now
// on counts as a crash.
func (a *attempts) calm(ctx context.Context, now attempt) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := a.write(ctx, now); err != nil {
		a.reader.bus.log.Debug("how far a shard came was not written down", "shard", a.reader.shard, "error", err)
	}
}

func (a *attempts) write(ctx context.Context, next attempt) error {
	r := a.reader
	next.Log, next.Group = r.created.UnixNano(), a.seq
	if next == r.attempt {
		return nil
	}
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	m := &nats.Msg{Subject: r.attemptSubject(), Data: body}
	if _, err := r.bus.js.PublishMsg(ctx, m, jetstream.WithRetryAttempts(0)); err != nil {
		return err
	}
	r.attempt, r.wrote = next, true
	return nil
}

func (r *reader) attemptSubject() string {
	name := strconv.Itoa(r.shard)
	if r.apart {
		name = apartName + name
	}
	return r.bus.subject("attempt", name)
}

// readAttempt gives what was written last about the log that r reads; the zero attempt if nothing.
func (r *reader) readAttempt(ctx context.Context) (last attempt, err error) {
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	stream, err := r.bus.stream(ctx, r.bus.attemptStream())
	if err != nil {
		return last, err
	}
	m, err := stream.GetLastMsgForSubject(ctx, r.attemptSubject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last, nil
	}
	if err == nil {
		err = json.Unmarshal(m.Data, &last)
	}
	if err != nil || last.Log != r.created.UnixNano() {
		return attempt{}, err
	}
	return last, nil
}
