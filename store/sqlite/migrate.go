package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/migrate"
	"github.com/partita-dev/partita/store/sqltext"
)

// migration is a migrate.Target: one transaction on a store that no server has open.
type migration struct{ s *Store }

// Migrate opens the store of a folder to change its schema. There must be one, and no other process
// may have it open. All steps together are one transaction.
func Migrate(ctx context.Context, dir string, m *model.Model) (migrate.Target, error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return nil, fmt.Errorf("the folder of the store cannot be found: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("there is no store in %s yet; `partita serve` makes it, whole, when it first starts", dir)
	}
	if err := sqltext.Check(m); err != nil {
		return nil, err
	}
	s := &Store{config: Config{Dir: dir, Model: m}, path: path, vfs: batched(""), due: make(chan struct{}, 1)}
	if err := s.beginMigration(ctx); err != nil {
		return nil, errors.Join(err, s.closeConns())
	}
	return migration{s}, nil
}

func (s *Store) beginMigration(ctx context.Context) (err error) {
	if err := s.takeLock(); err != nil {
		return err
	}
	if s.writer, err = openConn(s.path, s.vfs, pragmas...); err != nil {
		return fmt.Errorf("the store %s cannot be opened: %w", s.path, err)
	}
	s.writer.SetInterrupt(ctx)
	fresh, err := s.recognize()
	if err == nil && fresh {
		err = fmt.Errorf("the store %s is empty; `partita serve` makes it, whole, when it first starts", s.path)
	}
	if err == nil {
		err = s.harden(false)
	}
	if err == nil {
		err = s.writer.Exec("BEGIN IMMEDIATE")
	}
	return err
}

func (t migration) Plan(ctx context.Context) (*migrate.Plan, error) { return t.s.plan(ctx) }

func (t migration) Apply(_ context.Context, step *migrate.Step) error { return t.s.apply(step) }

func (t migration) Finish(context.Context) error {
	if err := t.s.rememberShape(); err != nil {
		return err
	}
	return t.s.writer.Exec("COMMIT")
}

func (t migration) Close() (err error) {
	t.s.writer.free()
	if !t.s.writer.GetAutocommit() {
		err = t.s.writer.Exec("ROLLBACK")
	}
	return errors.Join(err, t.s.closeConns())
}
