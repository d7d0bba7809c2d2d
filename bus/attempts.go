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
// process. All groups before Group are done. A worker that starts and finds that its predecessor was
// at a group knows that it crashed there.
//
// Only groups that a worker found in the log when it started can have crashed one before it. So it
// writes before each of those, and when it is through with them: not for what comes later. And it
// writes before each single command only where a crash is known.
type attempt struct {
	Log     int64  `json:"log"`     // when the shard's log was made, in Unix nanoseconds: sequences count from there
	Group   uint64 `json:"group"`   // sequence of the group
	Command int    `json:"command"` // its index in the group
	Crashes int    `json:"crashes"` // of this command, should this attempt crash as well
}

// Values of attempt.Command that name no command.
const (
	wholeGroup = -1 // it is not known which of the group is at work
	nothing    = -2 // the group is done as well
)

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
	last := a.reader.attempt
	switch {
	case a.seq > a.reader.found:
		return 0, nil
	case last.Group != a.seq:
		return 0, a.write(ctx, attempt{Command: wholeGroup, Crashes: 1})
	case last.Command == wholeGroup:
		a.careful, a.blame = true, last.Crashes
		return 0, nil
	}
	a.careful = true
	return last.Command, nil
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
		a.calm(ctx, attempt{Command: wholeGroup})
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

// end writes down that the group is done, where something else was written and no group follows that
// will be. Where that fails, the next group does it.
func (a *attempts) end(ctx context.Context) {
	if last := a.reader.attempt; last.Group != 0 && last.Command != nothing && a.seq >= a.reader.found {
		a.calm(ctx, attempt{Command: nothing})
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
