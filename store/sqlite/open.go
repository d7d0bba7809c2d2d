package sqlite

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// What stands in the header of every file of ours.
const (
	applicationID = 0x50525441 // "PRTA"
	format        = 2          // user_version: the layout of the store's own tables
)

// pageSize was measured, on rows of some 200 bytes: with 2048 a write costs a third less in bytes, but
// a read by key half as much again; with 8192 a write costs two thirds more, and reads gain nothing.
const pageSize = 4096

// busyTimeout is how long a connection waits for a lock that another program holds.
const busyTimeout = 5 * time.Second

// pragmas of every connection.
var pragmas = []string{
	"busy_timeout=5000", "trusted_schema=OFF", "cell_size_check=ON", "temp_store=MEMORY", "cache_size=-4096",
}

func (s *Store) open(ctx context.Context) (err error) {
	if err := s.takeLock(); err != nil {
		return err
	}
	s.writer, err = openConn(s.path, s.vfs, pragmas...)
	if errors.Is(err, sqlite3.NOTADB) {
		return fmt.Errorf("%s is not a store of Partita; move it away, or choose another folder", s.path)
	}
	if err != nil {
		return fmt.Errorf("the store %s cannot be opened: %w", s.path, err)
	}
	s.writer.SetInterrupt(ctx)
	defer s.writer.free()
	fresh, err := s.recognize()
	if err != nil {
		return err
	}
	if err := s.harden(fresh); err != nil {
		return err
	}
	if err := s.establish(ctx, fresh); err != nil {
		return err
	}
	if s.keeper, err = openConn(s.path, unhurried(s.vfs), append(pragmas, "synchronous=FULL", "wal_autocheckpoint=0")...); err != nil {
		return fmt.Errorf("the store %s cannot be opened: %w", s.path, err)
	}
	for range s.config.Readers {
		c, err := openConn(s.path, s.vfs, append(pragmas, "query_only=ON")...)
		if err != nil {
			return fmt.Errorf("the store %s cannot be opened: %w", s.path, err)
		}
		c.use(s.config.Model)
		s.readers <- c
	}
	return nil
}

// takeLock makes this the only process that has the store open. The lock is a transaction that
// never ends, on an empty file beside the store's: the system gives it back even after a crash.
func (s *Store) takeLock() (err error) {
	path := strings.TrimSuffix(s.path, ".db") + ".lock"
	s.lock, err = openConn(path, s.vfs, "journal_mode=MEMORY")
	if err == nil {
		err = s.lock.Exec("BEGIN EXCLUSIVE")
	}
	switch {
	case errors.Is(err, sqlite3.BUSY):
		return &heldError{s.path}
	case err != nil:
		return fmt.Errorf("the store %s cannot be locked: %w", s.path, err)
	}
	return nil
}

// recognize refuses a file that is not ours, and tells whether there is none yet.
func (s *Store) recognize() (fresh bool, err error) {
	id, err := s.writer.number("PRAGMA application_id")
	if err != nil {
		return false, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	version, err := s.writer.number("PRAGMA user_version")
	if err != nil {
		return false, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	tables, err := s.writer.number("SELECT count(*) FROM sqlite_schema")
	if err != nil {
		return false, fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	switch {
	case id == 0 && version == 0 && tables == 0:
		return true, nil
	case id != applicationID:
		return false, fmt.Errorf("%s belongs to another program; choose another folder", s.path)
	case version > format:
		return false, fmt.Errorf("%s was written by a newer Partita (format %d; this one reads format %d); use the newer one", s.path, version, format)
	case version < format:
		return false, fmt.Errorf("%s has the older format %d; this Partita reads format %d. Export with the Partita that wrote it, and import into a new folder", s.path, version, format)
	}
	return false, nil
}

// harden sets what durability stands on, and verifies that it is set.
func (s *Store) harden(fresh bool) error {
	w := s.writer
	if fresh {
		if err := w.Exec(fmt.Sprintf("PRAGMA page_size=%d", pageSize)); err != nil {
			return fmt.Errorf("the store %s cannot be made: %w", s.path, err)
		}
	}
	mode, err := w.word("PRAGMA journal_mode=WAL")
	if err != nil {
		return fmt.Errorf("the store %s cannot use a write-ahead log: %w", s.path, err)
	}
	s.pages.kept = leastCache
	set := fmt.Sprintf("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0; PRAGMA cache_size=%d; PRAGMA cache_spill=%d", leastCache, spillCache)
	if err := w.Exec(set); err != nil {
		return fmt.Errorf("the store %s cannot be made durable: %w", s.path, err)
	}
	level, err := w.number("PRAGMA synchronous")
	if err != nil {
		return fmt.Errorf("the store %s cannot be made durable: %w", s.path, err)
	}
	if mode != "wal" || level != 2 {
		return fmt.Errorf("the store %s cannot be made durable: journal mode %q, synchronous %d; use a local disk", s.path, mode, level)
	}
	if s.pageSize, err = w.number("PRAGMA page_size"); err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	s.walDue.Store(s.walLimit())
	w.WALHook(s.grown)
	return nil
}

// establish makes the schema, or brings it up to the model, in one transaction.
func (s *Store) establish(ctx context.Context, fresh bool) (err error) {
	w := s.writer
	if err := sqltext.Check(s.config.Model); err != nil {
		return err
	}
	if err := w.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("the store %s cannot be changed: %w", s.path, err)
	}
	defer func() {
		if err != nil && !w.GetAutocommit() {
			err = errors.Join(err, w.Exec("ROLLBACK"))
		}
	}()
	if fresh {
		err = s.create()
	} else {
		err = s.upgrade(ctx)
	}
	if err != nil {
		return err
	}
	if err := s.identify(); err != nil {
		return err
	}
	if err := s.follow(); err != nil {
		return err
	}
	if err := w.Exec("COMMIT"); err != nil {
		return fmt.Errorf("the store %s cannot be changed: %w", s.path, err)
	}
	w.use(s.config.Model)
	w.start = s.config.Start
	return nil
}

func (s *Store) create() error {
	w := s.writer
	texts := []string{fmt.Sprintf("PRAGMA application_id=%d", applicationID), fmt.Sprintf("PRAGMA user_version=%d", format)}
	for _, o := range sqltext.Schema(sqltext.SQLite, s.config.Model) {
		texts = append(texts, o.SQL)
	}
	for _, text := range texts {
		if err := w.Exec(text); err != nil {
			return fmt.Errorf("the store %s cannot be made: %w", s.path, err)
		}
	}
	var secret [32]byte
	rand.Read(secret[:])
	return errors.Join(
		w.put("incarnation", rand.Text()),
		w.put("secret", hex.EncodeToString(secret[:])),
		w.put("created", time.Now().UTC().Format(time.RFC3339)),
		s.rememberShape(),
	)
}

// identify reads what the store says about itself.
func (s *Store) identify() error {
	incarnation, err := s.writer.word(sqltext.MetaGet, "incarnation")
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	text, err := s.writer.word(sqltext.MetaGet, "secret")
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	secret, err := hex.DecodeString(text)
	if err != nil || len(secret) != 32 || incarnation == "" {
		return fmt.Errorf("the store %s is damaged: its identity is missing", s.path)
	}
	version, err := s.writer.word("SELECT sqlite_version()")
	if err != nil {
		return fmt.Errorf("the store %s cannot be read: %w", s.path, err)
	}
	s.info = store.Info{Kind: "sqlite", Version: version, Incarnation: incarnation, Secret: secret, Place: s.path}
	return nil
}

// put sets one entry of partita_meta.
func (c *conn) put(name, value string) error {
	return c.each(sqltext.MetaPut, func(*sqlite3.Stmt) {}, name, value)
}
