package accept

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/relay"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Lane is where accepted writes stand among the dead letters, and what takes those that are replayed.
const Lane = "accepted"

// letter is what a dead letter holds.
type letter struct {
	Input   json.RawMessage `json:"input,omitempty"` // for people
	Command []byte          `json:"command"`
}

// putAside makes a dead letter of a command that crashed its worker too often or cannot be read, and
// lets its operation fail. It may be called again for the same command.
func (a *Acceptor) putAside(ctx context.Context, b []byte) error {
	c, err := decode(b)
	if err != nil {
		a.Logger.Error("an accepted write cannot be read and is put aside as it is", "bytes", len(b))
		sum := sha256.Sum256(b)
		return a.keepLetter(ctx, 0, &command{write: "unknown", accepted: engine.Accepted{Key: store.Key{Hash: sum}}}, b)
	}
	p, err := place(a.model, c.family, c.partition)
	if err != nil {
		return a.keepLetter(ctx, 0, c, b)
	}
	hash := c.accepted.Key.Hash
	if o, err := a.Store.Outcome(ctx, p, hash); err != nil || o != nil {
		return err // done, before the last crash
	}
	if err := a.keepLetter(ctx, p.Family.Bucket(p.Value), c, b); err != nil {
		return err
	}
	failed := fault.New(fault.Internal, "It failed by a defect of the service, again and again, and was put aside for its operators.")
	if err := a.Engine.Refuse(ctx, p, c.write, c.accepted.Key, failed); err != nil {
		return err
	}
	a.aside.Add(1)
	a.waiters.changed(p)
	a.Logger.Error("an accepted write failed by a defect too often and is a dead letter now", "write", c.write, "family", c.family)
	return nil
}

// keepLetter writes the dead letter down, where those of the shard stand.
func (a *Acceptor) keepLetter(ctx context.Context, bucket int, c *command, b []byte) error {
	data, err := json.Marshal(letter{Input: inputOf(c), Command: b})
	if err != nil {
		return err
	}
	e := a.Books.Job
	p := relay.Home(a.Books, relay.ShardOf(bucket))
	now := time.Now().UTC().Truncate(time.Microsecond)
	row := make([]model.Value, len(e.Fields))
	set := func(name string, v model.Value) { row[e.Field(name).Pos] = v }
	row[0] = p.Value
	id := hex.EncodeToString(c.accepted.Key.Hash[:]) + "|" + Lane
	set("id", model.String(id))
	set("state", model.String(work.Dead))
	set("lane", model.String(Lane))
	set("due", model.Time(now))
	set("attempts", model.Int(maxCrashes))
	set("event", model.String(c.write))
	set("target", model.String("the accepted write "+c.write))
	set("made", model.Time(c.accepted.Now))
	set("family", model.String(c.family))
	set("source", model.String(c.partition))
	set("version", model.Int(0))
	set("data", model.String(string(data)))
	set("error", model.String("It failed by a defect each time that it was tried; the log has the cause."))
	w := &store.Write{
		Partition: p, ID: uuid.Must(uuid.NewV7()), Name: "partita_aside", Revision: a.model.Revision, Now: now,
		Apply: func(tx store.Tx) ([]byte, error) {
			old, err := tx.Get(e, []model.Value{model.String(id)})
			if err != nil || old != nil {
				return nil, err
			}
			_, err = tx.Insert(e, row)
			return nil, err
		},
	}
	a.Store.Commit(ctx, w)
	return w.Result.Err
}

// maxCrashes is how often the bus hands over a command that crashes its worker.
const maxCrashes = 5

func inputOf(c *command) json.RawMessage {
	if json.Valid(c.body) {
		return c.body
	}
	return nil
}

// replayed gives what the outcome of a replayed command is kept under: that of the first time stays.
func replayed(hash [32]byte) [32]byte {
	return sha256.Sum256(append([]byte("replayed\x00"), hash[:]...))
}

// Replay carries out a dead letter. Its data is that of the letter. An error says that it is not
// settled; it may be tried again.
func (a *Acceptor) Replay(ctx context.Context, data []byte) error {
	var l letter
	if err := json.Unmarshal(data, &l); err != nil {
		return err
	}
	c, err := decode(l.Command)
	if err != nil {
		return err
	}
	q, err := c.request(a.model)
	if err != nil {
		return err
	}
	q.Accepted.Key.Hash = replayed(c.accepted.Key.Hash)
	carried := a.Engine.Carry(ctx, []*engine.WriteRequest{q})[0]
	if !carried.Settled {
		return carried.Err
	}
	a.waiters.changed(store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]})
	return nil
}
