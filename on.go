package partita

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"reflect"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/bind"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/model"
)

// Event is one event that a function given to On is told of.
type Event[T any] struct {
	ID        string // the same however often the event is told; no other event ever has it
	Partition string // the value of the partition field where it happened, in its text form
	Version   uint64 // of that partition: events of one partition happened in the order of their versions
	Time      time.Time
	Attempt   int // 1 for the first
	Data      T

	key  string // names what it is told to, for Write
	node *node
}

// Delivery says how a function given to On is called. The zero value of each field takes the default
// written beside it.
type Delivery struct {
	// Name tells two functions for one event apart, for ever: what waits for one finds it by its name.
	// Lower-case letters, digits and '_'. Default: "", which one function for each event may have.
	Name string
	// AtOnce bounds the calls that run at once on this node. Default: 16.
	AtOnce int
	// Timeout bounds one call. Default: 30 s.
	Timeout time.Duration
	// Attempts is how often it is called before the event becomes a dead letter. Default: 25, which
	// takes some two hours.
	Attempts int
	// FirstWait is the time between the first two attempts; the others double it, up to ten minutes.
	// Default: 100 ms.
	FirstWait time.Duration
}

// subscription is a function given to On.
type subscription struct {
	event string
	Delivery
	call func(ctx context.Context, n *node, key string, ev *relay.Event, attempt int) error
}

// On has a function called for every event of a name, behind the change log: after the commit that
// emitted it, at least once, in no order, on any of the nodes. It must be called before Start, which
// returns an error for a function that does not fit the model. At most one Delivery may be given.
//
// T is a struct with a field for each member of the event's data that it wants (OrderID is order_id),
// or a map[string]any. The event of a schedule carries schedule and at, the time that it stands for.
//
// A function that returns an error, panics, or takes longer than its Timeout is called again later;
// when all attempts have failed the event is a dead letter, to be replayed or dropped. What the
// function writes with Event.Write takes effect once, however often it is called.
func On[T any](app *App, event string, f func(ctx context.Context, ev Event[T]) error, how ...Delivery) {
	s := subscription{event: event}
	if len(how) > 0 {
		s.Delivery = how[0]
	}
	if err := app.hears(&s, len(how), reflect.TypeFor[T]()); err != nil {
		app.misfits = append(app.misfits, err)
		return
	}
	s.call = func(ctx context.Context, n *node, key string, told *relay.Event, attempt int) error {
		ev := Event[T]{ID: told.ID, Partition: told.Partition, Version: told.Version, Time: told.Time, Attempt: attempt, key: key, node: n}
		if err := decodeEvent(told.Data, &ev.Data); err != nil {
			return &relay.Failure{Err: err, Final: true}
		}
		return f(ctx, ev)
	}
	app.subscriptions = append(app.subscriptions, &s)
}

func decodeEvent(data []byte, dst any) error {
	var object bind.Object
	if err := json.Unmarshal(data, &object); err != nil {
		return err
	}
	return bind.Decode(object, dst)
}

var deliveryName = regexp.MustCompile(`^[a-z0-9_]{0,40}$`)

// hears checks a subscription against the model.
func (a *App) hears(s *subscription, given int, t reflect.Type) error {
	var declared *model.Event
	for _, e := range a.model.Events {
		if e.Name == s.event {
			declared = e
		}
	}
	switch {
	case declared == nil:
		return fmt.Errorf("partita: On(%q): the model has no event of this name", s.event)
	case given > 1:
		return fmt.Errorf("partita: On(%q): at most one Delivery may be given", s.event)
	case !deliveryName.MatchString(s.Name):
		return fmt.Errorf("partita: On(%q): Delivery.Name is %q: give up to 40 lower-case letters, digits or '_'", s.event, s.Name)
	case s.AtOnce < 0 || s.Timeout < 0 || s.Attempts < 0 || s.FirstWait < 0:
		return fmt.Errorf("partita: On(%q): a number of the Delivery is below 0", s.event)
	}
	for _, other := range a.subscriptions {
		if other.event == s.event && other.Name == s.Name {
			return fmt.Errorf("partita: On(%q) is given two functions: give one of them a Delivery.Name", s.event)
		}
	}
	fill(&s.AtOnce, 16)
	fill(&s.Timeout, 30*time.Second)
	fill(&s.Attempts, 25)
	fill(&s.FirstWait, 100*time.Millisecond)
	members := []string{"schedule", "at"}
	if declared.Family != nil {
		members = nil
		for _, in := range declared.Inputs {
			members = append(members, in.Name)
		}
	}
	for _, name := range bind.Names(t) {
		if !slices.Contains(members, name) {
			return fmt.Errorf("partita: On(%q): %s has a field for %s, and the event carries only %s", s.event, t, name, strings.Join(members, ", "))
		}
	}
	return nil
}

// endpoint makes the subscription one of the receivers of its event.
func (s *subscription) endpoint(n *node) *relay.Endpoint {
	lane := "go:" + s.event
	target := "On(" + s.event + ")"
	if s.Name != "" {
		lane, target = lane+"/"+s.Name, "On("+s.event+", "+s.Name+")"
	}
	return &relay.Endpoint{
		Lane: lane, Target: target, Events: []string{s.event}, Limit: s.AtOnce, Prompt: true,
		Wait: relay.Backoff(s.FirstWait, 10*time.Minute, s.Attempts),
		Do: func(ctx context.Context, ev *relay.Event, attempt int) (err error) {
			ctx, cancel := context.WithTimeout(ctx, s.Timeout)
			defer cancel()
			defer func() {
				if p := recover(); p != nil {
					n.logger.Error("a function given to On panicked", "event", s.event, "name", s.Name, "panic", p, "stack", string(debug.Stack()))
					err = fmt.Errorf("it panicked: %v", p)
				}
			}()
			return s.call(ctx, n, lane, ev, attempt)
		},
	}
}

// Write carries out a write of the model as the service itself, so that rules do not apply. It takes
// effect once for this event, this function, the write and the partition that it is in: a repeat
// changes nothing and gives the outcome of the first time, for as long as outcomes are kept
// (Config.KeepOutcomes). To do a write several times in one partition, do it through Part.
//
// in is a struct or a map with what the write takes, the partition field included. The error is a
// *fault.Error, such as one with the code GuardFailed.
func (ev Event[T]) Write(ctx context.Context, write string, in any) error {
	return ev.node.writeFor(ctx, ev.ID, ev.key, write, in)
}

// Part gives the event with a name for a part of the work on it, whose writes count apart.
func (ev Event[T]) Part(name string) Event[T] {
	ev.key += "\x00" + name
	return ev
}

// writeFor carries out a write that follows an event, once for each key.
func (n *node) writeFor(ctx context.Context, event, key, write string, in any) error {
	w := n.model.Write(write)
	if w == nil {
		return fault.New(fault.Internal, "The model has no write %q.", write)
	}
	object, _, err := bind.Encode(in)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "What the write is given cannot be read: %v.", err)
	}
	var body bytes.Buffer
	if err := json.NewEncoder(&body).Encode(object); err != nil {
		return fault.Wrap(fault.Internal, err, "What the write is given cannot be read: %v.", err)
	}
	args, err := model.DecodeArgs(w.Inputs, body.Bytes())
	if err != nil {
		return err
	}
	b := make([]byte, 0, 128)
	for _, part := range []string{"on", event, key, write} {
		b = binary.AppendUvarint(b, uint64(len(part)))
		b = append(b, part...)
	}
	own, finish := n.paths.Own(ctx, w, args, sha256.Sum256(b), time.Now().UTC().Truncate(time.Microsecond))
	n.store.Commit(ctx, own)
	_, err = finish()
	return err
}
