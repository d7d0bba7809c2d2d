package store

import "context"

// EraseWrite is the name under which the erasing of a partition stands in its changes. The last of them
// changes no row: whoever hears of it must not show anything any more that was read before.
const EraseWrite = "erase"

// Eraser is a Store that can forget a partition. Rows are deleted by ordinary commits, so that all
// that follows commits follows; the rest by these methods. Heads and counters stay: a version or a number
// that was given out is never given again. All of it may be repeated.
type Eraser interface {
	// Lag tells how far the consumers of a partition's changes are; Relayed is Unfollowed where there are
	// none.
	Lag(ctx context.Context, p Partition) (Lag, error)
	// Forget deletes the changes of a partition up to a version, the newest of all too, and with outcomes
	// all outcomes. It says how many went. What consumers have not seen must not be forgotten: ask Lag first.
	Forget(ctx context.Context, p Partition, upto uint64, outcomes bool) (Forgotten, error)
	// Overwrite makes what is deleted from then on be overwritten in the store's own files, until done is
	// called, which also empties the log of the files. whole is false where a reader was in the way of that.
	// Where the engine cannot do so, it does nothing, and whole is false.
	Overwrite(ctx context.Context) (done func(context.Context) (whole bool, err error), err error)
}

// Forgotten counts what Forget deleted.
type Forgotten struct {
	Changes, Outcomes int
}
