package keep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Command is an accepted write that waits to be carried out, as it stands on the bus.
type Command struct {
	Shard int
	Body  []byte
}

// BackupOptions say what a backup is made of. All fields but the last three are required.
type BackupOptions struct {
	Model  *model.Model // as the store keeps it, with the service's own entities
	Source []byte       // text of the model's file
	Open   func(ctx context.Context) (store.Copy, error)
	// Accepted gives the accepted writes that wait. It is asked before the store is, so that a write which
	// is carried out meanwhile is in both, never in none. nil: there can be none.
	Accepted func(ctx context.Context) ([]Command, error)
	// Folder is the data folder; what it has of Secrets is taken along. "": nothing of it.
	Folder   string
	Version  string                         // of the program
	Progress func(what string, records int) // nil: nobody is told
}

// Backup writes a backup to a file, which must not be there yet: it is there whole and durable in the
// end, or not at all.
func Backup(ctx context.Context, path string, o BackupOptions) (m *Manifest, err error) {
	if o.Progress == nil {
		o.Progress = func(string, int) {}
	}
	if _, err := os.Lstat(path); err == nil {
		return nil, taken(path)
	}
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*.part") // 0600
	if bad, ok := errors.AsType[*fs.PathError](err); ok {                             // its path is of no use to anybody
		return nil, fmt.Errorf("the backup cannot be written to %s: %w", filepath.Dir(path), bad.Err)
	}
	if err != nil {
		return nil, fmt.Errorf("the backup cannot be written: %w", err)
	}
	defer os.Remove(file.Name())
	m, err = o.write(ctx, file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return nil, err
	}
	return m, publish(file.Name(), path)
}

func taken(path string) error {
	return fmt.Errorf("%s is there already: give another name, a backup is never overwritten", path)
}

// publish gives a finished file its name, if that is free.
func publish(temporary, path string) error {
	err := os.Link(temporary, path)
	switch {
	case errors.Is(err, fs.ErrExist):
		return taken(path)
	case err != nil: // a file system without links
		if _, there := os.Lstat(path); !errors.Is(there, fs.ErrNotExist) {
			return taken(path)
		}
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return fmt.Errorf("the backup cannot be given its name: %w", err)
	}
	folder, err := os.Open(filepath.Dir(path))
	if err == nil {
		err = errors.Join(folder.Sync(), folder.Close())
	}
	if err != nil {
		return fmt.Errorf("the backup cannot be made durable: %w", err)
	}
	return nil
}

func (o *BackupOptions) write(ctx context.Context, file *os.File) (*Manifest, error) {
	m := &Manifest{Format: format, Service: o.Model.Service, Made: time.Now().UTC().Truncate(time.Microsecond), Partita: o.Version,
		Model: o.Model.Revision, Followed: []string{}, Accepted: "the service accepts no writes for later"}
	a, err := newArchive(file, m)
	if err != nil {
		return nil, err
	}
	if err := a.put(modelEntry, o.Source, 0); err != nil {
		return nil, err
	}
	if err := o.accepted(ctx, a); err != nil {
		return nil, err
	}
	from, err := o.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	info := from.Info()
	m.Store, m.Incarnation, m.Left = info.Kind+" "+info.Version, info.Incarnation, from.Unknown()
	if err := o.secrets(a); err != nil {
		return nil, err
	}
	for _, e := range o.Model.Entities {
		a.begin("rows", e.Name, columnsOf(e)...)
		if err := write(o, a, from.Rows(ctx, e), plain(appendRow)); err != nil {
			return nil, err
		}
	}
	for _, f := range o.Model.Families {
		if err := o.family(ctx, a, from, f); err != nil {
			return nil, err
		}
	}
	return m, a.close()
}

// columnsOf names the columns of an entity's rows.
func columnsOf(e *model.Entity) []string {
	names := []string{"_version"}
	for _, f := range e.Fields {
		names = append(names, f.Name)
	}
	return names
}

// family writes the books of a family. Heads stand before changes.
func (o *BackupOptions) family(ctx context.Context, a *archive, from store.Copy, f *model.Family) error {
	if from.Follows(f) {
		a.manifest.Followed = append(a.manifest.Followed, f.Name)
	}
	a.begin("heads", f.Name, "partition", "version", "relayed")
	if err := write(o, a, from.Heads(ctx, f), plain(appendHead)); err != nil {
		return err
	}
	a.begin("changes", f.Name, "partition", "version", "id", "at", "change")
	if err := write(o, a, from.Changes(ctx, f), appendChange); err != nil {
		return err
	}
	a.begin("outcomes", f.Name, "partition", "hash", "fingerprint", "version", "at", "outcome")
	if err := write(o, a, from.Outcomes(ctx, f), plain(appendOutcome)); err != nil {
		return err
	}
	a.begin("counters", f.Name, "partition", "entity", "field", "last")
	return write(o, a, from.Counters(ctx, f), plain(appendCounter))
}

func plain[T any](appendTo func([]byte, T) []byte) func([]byte, T) ([]byte, error) {
	return func(dst []byte, one T) ([]byte, error) { return appendTo(dst, one), nil }
}

// write writes a sequence as lines.
func write[T any](o *BackupOptions, a *archive, seq iter.Seq2[T, error], appendTo func([]byte, T) ([]byte, error)) error {
	const every = 10_000
	for one, err := range seq {
		if err != nil {
			return err
		}
		var bad error
		err = a.line(func(dst []byte) []byte {
			dst, bad = appendTo(dst, one)
			return dst
		})
		if err = errors.Join(bad, err); err != nil {
			return err
		}
		if a.records%every == 0 {
			o.Progress(a.name, a.records)
		}
	}
	return a.end()
}

func (o *BackupOptions) accepted(ctx context.Context, a *archive) error {
	if o.Accepted == nil {
		return nil
	}
	list, err := o.Accepted(ctx)
	if err != nil {
		return err
	}
	a.manifest.Accepted = "those that waited when the backup was begun"
	a.begin("accepted", "commands", "shard", "command")
	for _, c := range list {
		if err := a.line(func(dst []byte) []byte { return appendCommand(dst, c) }); err != nil {
			return err
		}
	}
	return a.end()
}

// Secrets are the files of a data folder without which the service would be another one to its callers
// and receivers: the development key, and what webhooks are signed with.
var Secrets = []string{"dev.key", "webhook-secret"}

// secrets takes along what the data folder has of them.
func (o *BackupOptions) secrets(a *archive) error {
	if o.Folder == "" {
		return nil
	}
	for _, name := range Secrets {
		body, err := os.ReadFile(filepath.Join(o.Folder, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("a file of the data folder cannot be read: %w", err)
		}
		if err := a.put(folderEntry+name, body, 0); err != nil {
			return err
		}
	}
	return nil
}

// FileName is how a backup is called where nobody says otherwise.
func FileName(service string, at time.Time) string {
	return strings.Join([]string{service, at.UTC().Format("20060102T150405Z"), "backup.tar.zst"}, "-")
}
