package transfer

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// checkpointEvery bounds how often a checkpoint is written. What was done since the last one is
// recognised when it is done again.
const checkpointEvery = time.Second

// Checkpoint remembers how far the import of one file into one entity of one store has come.
type Checkpoint struct {
	path     string
	identity string
	refused  func() (int64, error) // size of the list of refused rows
	state    checkpointState
	written  time.Time
}

type checkpointState struct {
	Identity string   `json:"identity"`
	At       position `json:"at"`
	Done     Summary  `json:"done"`
	Refused  int64    `json:"refused_bytes"` // of the list of refused rows
}

// OpenCheckpoint finds the checkpoint of a file in dir, or begins a new one. Restart forgets an old
// one. The file is known by its size, its time and its beginning, so that a changed file begins anew.
func OpenCheckpoint(dir string, file *os.File, e *model.Entity, info store.Info, restart bool) (*Checkpoint, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the folder for the checkpoint cannot be made: %w", err)
	}
	identity, err := identify(file, e, info)
	if err != nil {
		return nil, err
	}
	c := &Checkpoint{path: filepath.Join(dir, "import-"+identity[:16]+".json"), identity: identity}
	c.state.Identity = identity
	if restart {
		if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		return c, nil
	}
	text, err := os.ReadFile(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	if err != nil {
		return nil, err
	}
	if err := json.Unmarshal(text, &c.state); err != nil || c.state.Identity != identity {
		return nil, fmt.Errorf("the checkpoint %s cannot be read: use --restart to begin anew; rows that are there already are not put in twice", c.path)
	}
	return c, nil
}

// identify names a file's content, as cheaply as is safe, and where it goes.
func identify(file *os.File, e *model.Entity, info store.Info) (string, error) {
	stat, err := file.Stat()
	if err != nil {
		return "", err
	}
	h := sha256.New()
	fmt.Fprintf(h, "%s\x00%s\x00%d\x00%d\x00", info.Incarnation, e.Name, stat.Size(), stat.ModTime().UnixNano())
	if _, err := io.Copy(h, io.NewSectionReader(file, 0, 64<<10)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// Resumes tells whether an earlier import is gone on with, and after which line.
func (c *Checkpoint) Resumes() (line int, ok bool) {
	return c.state.At.Line, c.state.At.Offset > 0
}

// KeepRefused opens the list of refused rows. What was told after the checkpoint is cut off, since
// it will be told again.
func (c *Checkpoint) KeepRefused(path string) (*os.File, error) {
	list, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, err
	}
	if err = list.Truncate(c.state.Refused); err == nil {
		_, err = list.Seek(c.state.Refused, io.SeekStart)
	}
	if err != nil {
		return nil, errors.Join(err, list.Close())
	}
	c.refused = func() (int64, error) { return list.Seek(0, io.SeekCurrent) }
	return list, nil
}

// advance remembers that all is done up to at.
func (c *Checkpoint) advance(at position, done Summary) error {
	c.state.At, c.state.Done = at, done
	if c.refused != nil {
		n, err := c.refused()
		if err != nil {
			return err
		}
		c.state.Refused = n
	}
	if time.Since(c.written) < checkpointEvery {
		return nil
	}
	return c.save()
}

func (c *Checkpoint) save() error {
	text, err := json.Marshal(c.state)
	if err == nil {
		err = os.WriteFile(c.path+".new", text, 0o600)
	}
	if err == nil {
		err = os.Rename(c.path+".new", c.path)
	}
	if err != nil {
		return fmt.Errorf("keeping the checkpoint: %w", err)
	}
	c.written = time.Now()
	return nil
}

// finish removes the checkpoint of an import that came to its end.
func (c *Checkpoint) finish() error {
	if err := os.Remove(c.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
