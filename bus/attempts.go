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

// attempt is what a shard's worker writes down before it does something that may end the process. A
// worker that finds the attempt of another at the first group of its log knows that it crashed there.
type attempt struct {
	Log     time.Time `json:"log"`   // when the shard's log was made: sequences count from there
	Group   uint64    `json:"group"` // sequence of the group
	Command int       `json:"command"`
	Crashes int       `json:"crashes"` // of this command, should this attempt crash as well
}

// wholeGroup stands for the command where it is not known which of a group was at work.
const wholeGroup = -1

// attempts counts crashes in one group. Only the first group of a reader can have crashed one before
// it, so only there something is written, once; and before each command only where a crash is known.
type attempts struct {
	reader  *reader
	seq     uint64
	careful bool
	last    attempt // as it is written down
}

// start gives the command of the group to begin with.
func (a *attempts) start(ctx context.Context) (int, error) {
	if a.reader.warned {
		return 0, nil
	}
	last, err := a.read(ctx)
	if err != nil {
		return 0, err
	}
	from := 0
	if last.Group == a.seq && last.Log.Equal(a.reader.created) {
		a.careful, a.last = true, last
		from = max(last.Command, 0)
	} else if err := a.write(ctx, attempt{Command: wholeGroup}); err != nil {
		return 0, err
	}
	a.reader.warned = true
	return from, nil
}

// command handles one command until it is done, or put aside. Its error is that of ctx.
func (a *attempts) command(ctx context.Context, i int, command []byte) error {
	crashes := 0
	if a.careful && a.last.Command == i {
		crashes = a.last.Crashes
	}
	for pause := handlePause; ; pause = backOff(ctx, pause) {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if crashes >= maxCrashes {
			a.reader.bus.log.Error("a command crashed its worker too often and is put aside", "shard", a.reader.shard, "crashes", crashes)
			return a.reader.giveUp(ctx, command)
		}
		if a.careful {
			if err := a.write(ctx, attempt{Command: i, Crashes: crashes + 1}); err != nil {
				continue
			}
		}
		err, crashed := a.reader.try(ctx, command)
		if crashed {
			a.careful = true
			crashes++
			continue
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil && a.careful { // stopped, not crashed
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			return errors.Join(ctx.Err(), a.write(last, attempt{Command: i, Crashes: crashes}))
		}
	}
}

func (a *attempts) subject() string {
	return a.reader.bus.subject("attempt", strconv.Itoa(a.reader.shard))
}

func (a *attempts) read(ctx context.Context) (last attempt, err error) {
	stream, err := a.reader.bus.stream(ctx, a.reader.bus.attemptStream())
	if err != nil {
		return last, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	m, err := stream.GetLastMsgForSubject(ctx, a.subject())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last, nil
	}
	if err != nil {
		return last, err
	}
	return last, json.Unmarshal(m.Data, &last)
}

func (a *attempts) write(ctx context.Context, next attempt) error {
	next.Log, next.Group = a.reader.created, a.seq
	if next == a.last {
		return nil
	}
	body, err := json.Marshal(next)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	if _, err := a.reader.bus.js.PublishMsg(ctx, &nats.Msg{Subject: a.subject(), Data: body}); err != nil {
		return err
	}
	a.last = next
	return nil
}
