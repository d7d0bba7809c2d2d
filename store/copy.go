package store

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"iter"

	"github.com/partita-dev/partita/model"
)

// Copy is all of a store at one moment, for reading: what a backup is made from. Others may write
// meanwhile. It is not safe for concurrent use. What a sequence gives is valid until its next step, and
// only one sequence may be under way; an error ends it.
type Copy interface {
	// Info tells what the store is.
	Info() Info
	// Follows tells whether the changes of a family are relayed to consumers.
	Follows(f *model.Family) bool
	// Unknown names tables and columns that stand in the store and not in the model: they are not part
	// of the copy.
	Unknown() []string

	// Rows gives all rows of an entity, in any order.
	Rows(ctx context.Context, e *model.Entity) iter.Seq2[*model.Row, error]
	// Heads gives all heads of a family, in any order.
	Heads(ctx context.Context, f *model.Family) iter.Seq2[*HeadCopy, error]
	// Changes gives all changes that are kept of a family; those of one partition in the order of
	// versions.
	Changes(ctx context.Context, f *model.Family) iter.Seq2[*ChangeCopy, error]
	// Outcomes gives all outcomes that are kept in a family, in any order.
	Outcomes(ctx context.Context, f *model.Family) iter.Seq2[*KeptOutcome, error]
	// Counters gives the counters of a family, in any order.
	Counters(ctx context.Context, f *model.Family) iter.Seq2[*CounterCopy, error]

	// Close ends the copy. It may be called twice.
	Close() error
}

// Filler fills a new store, of a new incarnation, with what a Copy has given: heads of a family before
// its changes. Each method gives the number of what it took. Until Finish nobody sees any of it. It is
// not safe for concurrent use.
type Filler interface {
	Rows(ctx context.Context, e *model.Entity, rows iter.Seq2[*model.Row, error]) (int, error)
	Heads(ctx context.Context, f *model.Family, heads iter.Seq2[*HeadCopy, error]) (int, error)
	Changes(ctx context.Context, f *model.Family, changes iter.Seq2[*ChangeCopy, error]) (int, error)
	Outcomes(ctx context.Context, f *model.Family, outcomes iter.Seq2[*KeptOutcome, error]) (int, error)
	Counters(ctx context.Context, f *model.Family, counters iter.Seq2[*CounterCopy, error]) (int, error)

	// Follows says that the changes of a family are relayed to consumers.
	Follows(f *model.Family)
	// Finish makes the store stay, durably, and tells what it is.
	Finish(ctx context.Context) (Info, error)
	// Close gives everything back. Without Finish nothing of the store stays. It may be called twice.
	Close() error
}

// HeadCopy is the head of a partition.
type HeadCopy struct {
	Partition Partition
	Version   uint64
	Relayed   uint64 // Unfollowed where nobody follows
}

// ChangeCopy is a change as it is stored: another model's can be carried along too.
type ChangeCopy struct {
	Partition Partition
	Version   uint64
	ID        [16]byte
	At        int64 // microseconds since the Unix epoch
	Body      []byte
}

// CounterCopy is the last number that was given out in a partition.
type CounterCopy struct {
	Partition     Partition
	Entity, Field string
	N             int64
}

// Identity is what a store is told apart by: new at creation, and whenever its past may have become
// another one.
type Identity struct {
	Incarnation string
	Secret      [32]byte
}

// NewIdentity makes one.
func NewIdentity() (id Identity) {
	var name [8]byte
	rand.Read(name[:]) // never fails
	rand.Read(id.Secret[:])
	id.Incarnation = hex.EncodeToString(name[:])
	return id
}

// Entries gives the entries of partita_meta that an identity consists of.
func (id Identity) Entries() [][2]string {
	return [][2]string{{"incarnation", id.Incarnation}, {"secret", hex.EncodeToString(id.Secret[:])}}
}
