package postgres

import (
	"errors"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store/sqltext"
)

// identityEvery is how often a node looks whether the database still has the store that it opened.
const identityEvery = time.Second

// errReplaced is why a node must not go on.
var errReplaced = errors.New("the database has another incarnation of the store now: a backup was restored into it, or it was given a new one")

// watchIdentity looks, until Close, whether the store was replaced under this node: what the node has
// in its caches, and the version tokens that it gives, would then be those of another past.
func (s *Store) watchIdentity() {
	every := time.NewTicker(identityEvery)
	defer every.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-every.C:
		}
		var now string
		if err := s.readers.QueryRow(s.life, sqltext.MetaGet, "incarnation").Scan(&now); err == nil && now != s.info.Incarnation {
			s.queue.Close(fault.Wrap(fault.Unavailable, errReplaced, "The data was restored from a backup; this node stops. Try again."), true)
			close(s.broken)
			return
		}
	}
}

// Broken is closed when the database has another incarnation of the store. Of its own failures, a failed
// fsync among them, PostgreSQL takes care itself.
func (s *Store) Broken() <-chan struct{} { return s.broken }

// Cause says why the store must not be used any more; nil while it may.
func (s *Store) Cause() error {
	select {
	case <-s.broken:
		return errReplaced
	default:
		return nil
	}
}
