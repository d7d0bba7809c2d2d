package bus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"
)

const (
	behindEvery = time.Second // how often a shard looks whether it holds up the others, at most
	behindFull  = 2           // the part of the bound that is in use then: half of it
	behindBy    = 2           // the part of the log that it is behind by: half of it

	moveWorth = 256     // the part of the bound that moving must make room for. Else all are stuck, and it helps nobody
	moveBytes = 1 << 20 // of groups are moved apart at a time
	lookShare = 10      // looking takes the part of the time that is one of these
)

// What a reader does next.
const (
	carryOut = iota
	look     // whether moving apart what it is behind with makes room
	move     // it
)

var (
	errBehind   = errors.New("the shard is behind the others on its log")
	errWorth    = errors.New("what others have done fills the log behind the shard")
	errRelieved = errors.New("what the shard is behind with stands apart, or moving it would help nobody")
)

// after gives what a reader does next, when it ended with err.
func after(err error) (next int, atOnce bool) {
	switch {
	case errors.Is(err, errBehind):
		return look, true
	case errors.Is(err, errWorth):
		return move, true
	}
	return carryOut, errors.Is(err, errRelieved)
}

// isBehind tells whether the log fills up and the shard is far behind others on it.
func (r *reader) isBehind(ctx context.Context) bool {
	b := r.bus
	if !b.Embedded() || b.logs != embeddedLogs || r.created.IsZero() || time.Now().Before(r.look) {
		return false
	}
	r.look = time.Now().Add(behindEvery)
	lag := r.furthest() - min(r.furthest(), r.position().Load())
	if lag == 0 {
		return false
	}
	stream, err := b.stream(ctx, r.log())
	if err != nil {
		return false
	}
	info, err := stream.Info(ctx)
	return err == nil && info.State.Bytes >= uint64(b.config.BacklogBytes)/behindFull && lag >= info.State.Msgs/behindBy //nolint:gosec // it is positive
}

// furthest gives the last group that is done by any shard of the log.
func (r *reader) furthest() (group uint64) {
	first, end := r.bus.shardsOf(r.bus.logOf(r.shard))
	for shard := first; shard < end; shard++ {
		group = max(group, r.bus.done[shard].Load())
	}
	return group
}

// worth looks whether others have done enough of what stands behind the shard. Where it ends with
// errRelieved they have not: as while the store is away, when all are stuck.
func (r *reader) worth(arrived <-chan message) error {
	began := time.Now()
	furthest, others := r.furthest(), 0
	if r.position().Load() >= furthest {
		return errRelieved
	}
	for m := range arrived {
		_ = eachIn(m.body, func(shard int, command []byte) {
			if r.doneByOther(shard, m.seq) {
				others += len(command)
			}
		})
		if int64(others) >= r.bus.config.BacklogBytes/moveWorth {
			return errWorth
		}
		if m.seq >= furthest {
			r.look = time.Now().Add(max(behindEvery, lookShare*time.Since(began)))
			return errRelieved
		}
	}
	return nil // the reader broke, and says why
}

func (r *reader) doneByOther(shard int, seq uint64) bool {
	return shard != r.shard && shard >= 0 && shard < Shards && r.bus.done[shard].Load() >= seq
}

// moveApart moves what the shard has next in the log, until it has caught up with the others. It ends
// with errRelieved, or with what went wrong; then what was not moved stays where it is.
func (r *reader) moveApart(ctx context.Context, arrived <-chan message) error {
	b := r.bus
	furthest := r.furthest()
	before := r.position().Load()
	if before >= furthest {
		return errRelieved
	}
	p := &parcel{reader: r}
	for m := range arrived {
		p.add(m)
		if p.size < moveBytes && m.seq < furthest {
			continue
		}
		if !b.moving.TryRLock() { // the logs are being read, and are left as they are
			return errRelieved
		}
		err := p.move(ctx)
		b.moving.RUnlock()
		if err != nil {
			return err
		}
		if m.seq >= furthest {
			b.log.Warn("a shard of accepted writes is behind the others: what waits for it is kept apart, so that they go on",
				"shard", r.shard, "groups", r.position().Load()-before, "bytes", b.apart[r.shard].bytes.Load())
			return errRelieved
		}
		p = &parcel{reader: r}
	}
	return nil // the reader broke, and says why
}

// parcel is what is moved apart at a time.
type parcel struct {
	reader *reader
	last   uint64   // group that is in it
	size   int      // of the groups that it was made from, in bytes
	full   [][]byte // groups that are as large as they may be
	open   []byte   // nil, or the group that is being filled
	count  int      // of commands in open
}

// add takes in the shard's commands of a group.
func (p *parcel) add(m message) {
	r := p.reader
	p.last, p.size = m.seq, p.size+len(m.body)
	err := eachIn(m.body, func(shard int, command []byte) {
		if shard == r.shard {
			p.put(command)
		}
	})
	if err != nil && r.seesToDamage() {
		p.close()
		p.full = append(p.full, m.body) // as it is: what is whole in it may be there twice now
	}
}

func (p *parcel) put(command []byte) {
	if p.open != nil && (p.count >= groupSize || len(p.open)+sizeIn(command) > groupBytes) {
		p.close()
	}
	if p.open == nil {
		p.open = startGroup(sizeIn(command))
	}
	p.open = addToGroup(p.open, p.reader.shard, command)
	p.count++
}

func (p *parcel) close() {
	if p.open != nil {
		p.full = append(p.full, endGroup(p.open))
	}
	p.open, p.count = nil, 0
}

// move makes the parcel durable apart, and only then counts its groups as done in the log.
func (p *parcel) move(ctx context.Context) error {
	r := p.reader
	b, a := r.bus, &r.bus.apart[r.shard]
	p.close()
	log := b.apartStream(r.shard)
	for _, body := range p.full {
		ctx, cancel := context.WithTimeout(ctx, publishLimit)
		r.moved++
		id := fmt.Sprintf("%s.%s%d.%s", b.boot, apartName, r.shard, strconv.FormatUint(r.moved, 36))
		err := b.store(ctx, log, log.Subjects[0], id, body, func() {})
		cancel()
		if err != nil {
			return err
		}
	}
	if len(p.full) > 0 {
		stream, err := b.stream(ctx, log)
		if err != nil {
			return err
		}
		info, err := stream.Info(ctx)
		if err != nil {
			return err
		}
		a.is(info.State)
	}
	at := attempts{reader: r, seq: p.last}
	at.calm(ctx, attempt{Command: nothing})
	r.doneTo(p.last)
	return nil
}
