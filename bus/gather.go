package bus

import (
	"context"
	"errors"
)

// gathered are groups that are handed over together: a worker that is behind gets on faster with many
// small groups at once, since it syncs once for all.
type gathered struct {
	messages []message
	commands [][]byte // of this shard, of all messages
	ends     []int    // by message: how many commands there are up to its end
}

// gather takes what has arrived behind a message, as long as nothing about it needs care.
func (r *reader) gather(first message, arrived <-chan message) *gathered {
	g := &gathered{messages: []message{first}}
	if !r.plain(first) || !r.add(g, first) {
		return g
	}
	for len(g.commands) < enough {
		select {
		case m, ok := <-arrived:
			if !ok {
				return g
			}
			g.messages = append(g.messages, m)
			if !r.plain(m) || !r.add(g, m) {
				return g
			}
		default:
			return g
		}
	}
	return g
}

// plain tells that a group needs no note before it is handed over: see attempts.start.
func (r *reader) plain(m message) bool {
	return m.seq > r.found || r.wrote && r.attempt.covers(m.seq)
}

// add takes in the commands of a message; false where it is damaged.
func (r *reader) add(g *gathered, m message) bool {
	commands, err := commandsOf(m.body, r.shard)
	if err != nil {
		return false
	}
	g.commands = append(g.commands, commands...)
	g.ends = append(g.ends, len(g.commands))
	return true
}

// groups handles gathered groups: all of them at once, and what is left of that one by one. Its error
// is that of group.
func (r *reader) groups(ctx context.Context, g *gathered) error {
	done := 0 // commands
	if len(g.ends) > 1 && len(g.commands) > 0 {
		n, err := r.tryBesides(ctx, g.commands)
		done = n
		if err != nil && !errors.Is(err, errCrashed) {
			a := attempts{reader: r, seq: g.messages[0].seq}
			a.rest(ctx)
		}
		if err != nil {
			backOff(ctx, handlePause)
		}
	}
	start := 0
	for i, m := range g.messages {
		end := start
		if i < len(g.ends) {
			end = g.ends[i]
		}
		if i < len(g.ends) && end <= done {
			a := attempts{reader: r, seq: m.seq}
			a.end(ctx)
		} else if err := r.group(ctx, m.seq, m.body, max(done-start, 0)); err != nil {
			return err
		}
		r.doneTo(m.seq)
		start = end
	}
	return nil
}
