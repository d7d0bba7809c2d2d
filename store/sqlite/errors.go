package sqlite

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store"
)

// readFault turns what SQLite says to a read into what the caller is told.
func readFault(ctx context.Context, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	switch {
	case errors.Is(err, sqlite3.INTERRUPT) || ctx.Err() != nil:
		return fault.Wrap(fault.Deadline, err, "The store did not answer in time. Try again, or ask for less.")
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED), errors.Is(err, sqlite3.FULL), errors.Is(err, sqlite3.IOERR),
		errors.Is(err, sqlite3.CANTOPEN), errors.Is(err, sqlite3.PROTOCOL), errors.Is(err, sqlite3.NOMEM):
		return unavailable(err, "The store cannot be read at the moment. Try again shortly.")
	}
	return fault.Wrap(fault.Internal, err, "The store could not answer.")
}

func unavailable(cause error, text string) *fault.Error {
	err := fault.Wrap(fault.Unavailable, cause, "%s", text)
	err.RetryAfter = time.Second
	return err
}

func closedFault() error {
	return unavailable(nil, "The store is closing. Try again shortly.")
}

func brokenFault(cause error) error {
	return fault.Wrap(fault.Unavailable, cause, "The store stopped after a failure of its disk and takes no more writes until it is started again.")
}

// doubtFault is what a write is told of which the disk may have everything.
func doubtFault(cause error) error {
	return fault.Wrap(fault.Deadline, cause, "The disk failed while the store was storing this; whether it was stored is known when the store is started again. Ask again then with the same Idempotency-Key.")
}

// fatal tells whether a failed write means that the file must not be trusted any more: what was
// handed to the disk may be there or not. A full disk and a lock held by another program are not.
func fatal(err error) bool {
	for _, code := range []sqlite3.ErrorCode{sqlite3.IOERR, sqlite3.CORRUPT, sqlite3.NOTADB, sqlite3.CANTOPEN, sqlite3.READONLY, sqlite3.PROTOCOL} {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// refusedForAll tells whether a failure that is not fatal would hit each write of the group alone
// just the same.
func refusedForAll(err error) bool {
	return errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.BUSY) || errors.Is(err, sqlite3.LOCKED)
}

// writeFault turns what SQLite says to a write that ran alone into what its caller is told.
func writeFault(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	switch {
	case errors.Is(err, sqlite3.FULL):
		return unavailable(errors.Join(store.Full, err), "The store's disk is full; nothing was changed. Make room, then try again.")
	case errors.Is(err, sqlite3.BUSY), errors.Is(err, sqlite3.LOCKED):
		return unavailable(err, "Another program is holding the store's file; nothing was changed. Try again shortly.")
	case errors.Is(err, sqlite3.CONSTRAINT_PRIMARYKEY):
		return fault.Wrap(fault.Exists, err, "A row with this key is there already.")
	case errors.Is(err, sqlite3.CONSTRAINT_UNIQUE):
		return fault.Wrap(fault.NotUnique, err, "Another row holds one of these values, which must be unique.")
	}
	return fault.Wrap(fault.Internal, err, "The store could not carry out this write; nothing was changed.")
}
