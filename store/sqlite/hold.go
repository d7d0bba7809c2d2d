package sqlite

import (
	"errors"
	"fmt"
	"path/filepath"

	"github.com/partita-dev/partita/store"
)

// heldError says that another process has the store.
type heldError struct{ path string }

func (e *heldError) Error() string {
	return fmt.Sprintf("the store %s is open in another process; stop that one first, or give this one a folder of its own", e.path)
}

// Unwrap gives what stores of all kinds say so.
func (e *heldError) Unwrap() error { return store.ErrHeld }

// Hold takes the store of a folder, so that no service can open it until release is called, without
// opening it. ok is false where one has it open.
func Hold(dir string) (release func() error, ok bool, err error) {
	path, err := filepath.Abs(filepath.Join(dir, FileName))
	if err != nil {
		return nil, false, fmt.Errorf("the folder of the store cannot be found: %w", err)
	}
	s := &Store{path: path}
	err = s.takeLock()
	if err == nil {
		return s.lock.close, true, nil
	}
	if s.lock != nil {
		err = errors.Join(err, s.lock.close())
	}
	if errors.Is(err, store.ErrHeld) {
		err = nil
	}
	return nil, false, err
}
