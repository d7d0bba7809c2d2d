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

// attempt is what the worker of a shard writes down before it does something that may end the
// process, and where it is when it is through. All groups before Group are done.
//
// Only groups that a worker finds in the log when it starts can have crashed one before it. So a worker
// writes once before it begins with those, and once when it is through with them; nothing for what
// comes later. One that starts and finds that its predecessor was not through knows that it may have
// crashed there: it writes before each group; and before each command, in a group where one crashed.
type attempt struct {
	Log     int64  `json:"log"`     // when the log was made, in Unix nanoseconds: sequences count from there
	Group   uint64 `json:"group"`   // sequence of the group
	Command int    `json:"command"` // its index among the shard's commands in the group
	Crashes int    `json:"crashes"` // of what is named, should this attempt crash as well
}

// Values of attempt.Command that name no command.
const (
	wholeGroup = -1 // it is not known which of the group is at work
	nothing    = -2 // the group is done as well
	laterGroup = -3 // this group is at work, or one after it
)

// aheadWrites is how far a shard may be ahead of the others on its log before it writes down where it
// is. Without that, a restart would begin with the groups that wait for the slowest.
const aheadWrites = 64

// done gives the last group that is done.
func (a *attempt) done() uint64 {
	if a.Command == nothing {
		return a.Group
	}
	return max(a.Group, 1) - 1
}

// attempts counts crashes in one group.
type attempts struct {
	reader  *reader
	seq     uint64
	careful bool // one command at a time, each written down before
	blame   int  // crashes of an unknown command of this group: they go to the one that crashes next
}

// start gives the command of the group to begin with.
func (a *attempts) start(ctx context.Context) (int, error) {
	r := a.reader
	switch last := r.attempt; {
	case a.seq > r.found:
	case !r.suspect && last.Command == laterGroup && last.Crashes > 0:
	case !r.suspect:
		return 0, a.write(ctx, attempt{Command: laterGroup, Crashes: 1})
	case last.Group != a.seq || last.Command == laterGroup:
		return 0, a.write(ctx, attempt{Command: wholeGroup, Crashes: 1 + r.credit})
	case last.Command == wholeGroup:
		a.careful, a.blame = true, last.Crashes
	case last.Command >= 0:
		a.careful = true
		return last.Command, nil
	}
	return 0, nil
}

// next handles what comes at i, and gives how many commands are done or put aside.
func (a *attempts) next(ctx context.Context, i int, commands [][]byte) (int, error) {
	if a.careful {
		return a.one(ctx, i, commands[0])
	}
	n, err := a.reader.try(ctx, commands)
	switch {
	case errors.Is(err, errCrashed):
		a.careful, a.blame = true, 1
	case err != nil && a.seq <= a.reader.found: // in an orderly way: what ends the process in the pause is no crash
		a.calm(ctx, attempt{Command: laterGroup})
	}
	return n, err
}

// one handles a command of which it is suspected that it crashes its worker.
func (a *attempts) one(ctx context.Context, i int, command []byte) (int, error) {
	crashes := a.blame
	if last := a.reader.attempt; last.Group == a.seq && last.Command == i {
		crashes = last.Crashes
	}
	if crashes >= maxCrashes {
		a.reader.bus.log.Error("a command crashed its worker too often and is put aside", "shard", a.reader.shard, "crashes", crashes)
		if err := a.reader.giveUp(ctx, command); err != nil {
			return 0, err
		}
		a.blame = 0
		return 1, nil
	}
	if err := a.write(ctx, attempt{Command: i, Crashes: crashes + 1}); err != nil {
		return 0, err
	}
	n, err := a.reader.try(ctx, [][]byte{command})
	switch {
	case errors.Is(err, errCrashed):
		a.blame = 0
	case err != nil:
		a.calm(ctx, attempt{Command: i, Crashes: crashes})
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
	case ahead && r.attempt.Command == laterGroup:
		a.calm(ctx, attempt{Command: laterGroup, Crashes: r.attempt.Crashes})
	}
}

// leave writes down where a reader stops in an orderly way, unless a command is under suspicion, or all
// that is done will be deleted.
func (r *reader) leave() {
	done := r.position().Load()
	if on, _ := r.bus.link.now(); !on || r.created.IsZero() || done == 0 || r.attempt.Command >= wholeGroup && r.attempt.Group != 0 {
		return
	}
	if r.attempt.Command == laterGroup || done > max(r.allDone(), r.attempt.done()) {
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
	r.attempt = next
	return nil
}

func (r *reader) attemptSubject() string { return r.bus.subject("attempt", strconv.Itoa(r.shard)) }

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
