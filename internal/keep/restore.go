package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// RestoreOptions say where a backup is restored to. Read and Open are required.
type RestoreOptions struct {
	// Read makes the model, as the store keeps it, from the text of its file in the backup.
	Read func(source []byte) (*model.Model, error)
	// Open begins the new store; it fails where there is one already.
	Open func(ctx context.Context, m *model.Model) (store.Filler, error)
	// Submit puts accepted writes that waited back on the bus, in their order. It is called before the
	// store stands; they take effect once, however often they are put there. nil: a backup that has any is
	// refused.
	Submit func(ctx context.Context, m *model.Model, commands []Command) error
	// Folder takes the files of the data folder. "": they are left out.
	Folder string

	Progress func(what string, records int) // nil: nobody is told
}

// Restored tells what a restore has done.
type Restored struct {
	Manifest *Manifest
	Info     store.Info // of the new store
	Kept     []string   // files that were in the folder already, and were left as they are
}

// Restore makes a new store of a backup, after all of the backup was verified. It is a new incarnation:
// what callers, caches and nodes hold from what came after the backup is refused.
func Restore(ctx context.Context, path string, o RestoreOptions) (r *Restored, err error) {
	if o.Progress == nil {
		o.Progress = func(string, int) {}
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("the backup cannot be read: %w", err)
	}
	defer file.Close()
	const mega = 1 << 20
	manifest, source, err := verify(file, func(total int64) { o.Progress("verified, MiB", int(total/mega)) })
	if err != nil {
		return nil, err
	}
	m, err := o.Read(source)
	if err != nil {
		return nil, err
	}
	if m.Service != manifest.Service {
		return nil, fmt.Errorf("the backup is of the service %q, and the model of %q", manifest.Service, m.Service)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	in, err := openReading(file)
	if err != nil {
		return nil, err
	}
	defer in.close()
	to, err := o.Open(ctx, m)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	x := &restoring{o: &o, ctx: ctx, model: m, in: in, to: to, manifest: manifest, counts: map[string]int{}}
	if err := x.all(); err != nil {
		return nil, err
	}
	for _, f := range m.Families {
		if slices.Contains(manifest.Followed, f.Name) {
			to.Follows(f)
		}
	}
	info, err := to.Finish(ctx)
	if err != nil {
		return nil, err
	}
	return &Restored{manifest, info, x.kept}, nil
}

// restoring is one run of Restore.
type restoring struct {
	o        *RestoreOptions
	ctx      context.Context
	model    *model.Model
	in       *reading
	to       store.Filler
	manifest *Manifest
	counts   map[string]int // records by kind
	kept     []string

	name string // of the entry that comes next; "": there is none
	body []byte
	done int // records
}

// step reads the next entry.
func (x *restoring) step() (err error) {
	x.name, x.body, err = x.in.next()
	if errors.Is(err, io.EOF) {
		x.name, err = "", nil
	}
	return err
}

func (x *restoring) all() error {
	err := x.step()
	for err == nil && x.name != "" {
		kind, of, _ := strings.Cut(x.name, "/")
		of, _, _ = strings.Cut(of, "/")
		switch kind {
		case modelEntry, manifestEntry:
			err = x.step()
		case strings.TrimSuffix(folderEntry, "/"):
			if err = x.keepFile(of); err == nil {
				err = x.step()
			}
		default:
			var n int
			n, err = x.fill(kind, of)
			x.counts[kind] += n
		}
	}
	if err != nil {
		return err
	}
	for _, kind := range []string{"rows", "heads", "changes", "outcomes", "counters", "accepted"} {
		if x.counts[kind] != x.manifest.Records(kind) {
			return damaged("%d %s instead of %d", x.counts[kind], kind, x.manifest.Records(kind))
		}
	}
	return nil
}

func (x *restoring) fill(kind, of string) (int, error) {
	prefix := kind + "/" + of + "/"
	if kind == "accepted" {
		return x.submit(prefix)
	}
	if kind == "rows" {
		e := x.model.Entity(of)
		if e == nil || !slices.Equal(columnsOf(e), columnsIn(x.body)) {
			return 0, misfit("the entity", of)
		}
		return x.to.Rows(x.ctx, e, x.rows(prefix, e))
	}
	f := x.model.Family(of)
	if f == nil {
		return 0, misfit("the partitions", of)
	}
	switch kind {
	case "heads":
		return x.to.Heads(x.ctx, f, records(x, prefix, 3, func(r *record) *store.HeadCopy {
			h := &store.HeadCopy{Partition: r.partition(f), Version: uint64(r.number(1)), Relayed: store.Unfollowed}
			if r.err == nil && string(r.parts[2]) != "null" {
				h.Relayed = uint64(r.number(2))
			}
			return h
		}))
	case "changes":
		return x.to.Changes(x.ctx, f, records(x, prefix, 5, func(r *record) *store.ChangeCopy {
			c := &store.ChangeCopy{Partition: r.partition(f), Version: uint64(r.number(1)), At: r.number(3)}
			r.bytes(2, c.ID[:])
			if r.err == nil {
				c.Body = r.parts[4]
			}
			return c
		}))
	case "outcomes":
		return x.to.Outcomes(x.ctx, f, records(x, prefix, 6, func(r *record) *store.KeptOutcome {
			o := &store.KeptOutcome{Partition: r.partition(f)}
			r.bytes(1, o.Hash[:])
			r.bytes(2, o.Fingerprint[:])
			o.Version, o.Time, o.Body = uint64(r.number(3)), time.UnixMicro(r.number(4)).UTC(), r.base64(5)
			return o
		}))
	case "counters":
		return x.to.Counters(x.ctx, f, records(x, prefix, 4, func(r *record) *store.CounterCopy {
			return &store.CounterCopy{Partition: r.partition(f), Entity: r.text(1), Field: r.text(2), N: r.number(3)}
		}))
	}
	return 0, damaged("%s is not known", x.name)
}

// columnsIn reads the names of the columns of a file of lines.
func columnsIn(body []byte) (names []string) {
	line, _, _ := bytes.Cut(body, []byte("\n"))
	if json.Unmarshal(line, &names) != nil {
		return nil
	}
	return names
}

func misfit(what, name string) error {
	return fmt.Errorf("the model has not %s %s as the backup has it: restore with the model that is in the backup, then change it", what, name)
}

// records reads the lines of all entries whose names begin alike, and goes on to the entry behind them.
func records[T any](x *restoring, prefix string, columns int, read func(*record) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		var r record
		for strings.HasPrefix(x.name, prefix) {
			_, lines, _ := bytes.Cut(x.body, []byte("\n")) // behind the names of the columns
			for line := range bytes.Lines(lines) {
				r.parse(line, columns)
				var one T
				if r.err == nil {
					one = read(&r)
				}
				if x.done++; x.done%10_000 == 0 {
					x.o.Progress(strings.TrimSuffix(prefix, "/"), x.done)
				}
				if !yield(one, r.err) || r.err != nil {
					return
				}
			}
			if err := x.step(); err != nil {
				yield(none, err)
				return
			}
		}
	}
}

// rows reads the rows of an entity.
func (x *restoring) rows(prefix string, e *model.Entity) iter.Seq2[*model.Row, error] {
	return records(x, prefix, len(e.Fields)+1, func(r *record) *model.Row {
		row := &model.Row{Version: uint64(r.number(0)), Values: make([]model.Value, len(e.Fields))}
		for i, f := range e.Fields {
			row.Values[i] = r.decode(i+1, f)
		}
		return row
	})
}

func (x *restoring) submit(prefix string) (int, error) {
	var commands []Command
	for c, err := range records(x, prefix, 2, func(r *record) Command {
		return Command{Shard: int(r.number(0)), Body: r.base64(1)}
	}) {
		if err != nil {
			return 0, err
		}
		commands = append(commands, c)
	}
	if x.o.Submit == nil {
		return 0, fmt.Errorf("the backup has %d accepted writes that waited to be carried out: give the bus that takes them, with --bus", len(commands))
	}
	return len(commands), x.o.Submit(x.ctx, x.model, commands)
}

// keepFile puts a file into the data folder, unless one is there.
func (x *restoring) keepFile(name string) error {
	if x.o.Folder == "" {
		return nil
	}
	if !slices.Contains(Secrets, name) { // a folder has other files too, such as the store and what says how it was left
		return damaged("a file of the folder has no proper name")
	}
	if err := os.MkdirAll(x.o.Folder, 0o700); err != nil {
		return fmt.Errorf("the data folder cannot be made: %w", err)
	}
	path := filepath.Join(x.o.Folder, name)
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if have, err := os.ReadFile(path); err != nil || !bytes.Equal(have, x.body) {
			x.kept = append(x.kept, name)
		}
		return nil
	}
	if err == nil {
		_, err = file.Write(x.body)
		err = errors.Join(err, file.Sync(), file.Close())
	}
	if err != nil {
		return fmt.Errorf("a file of the data folder cannot be written: %w", err)
	}
	return nil
}
