package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/keep"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

type backupCommand struct {
	File string `arg:"" help:"Model file."`
	data
	admin
	Bus   []string `help:"URLs of the message bus of the service, separated by commas, where it has one of its own." env:"PARTITA_BUS" sep:"," placeholder:"nats://HOST:PORT"`
	Out   string   `help:"File to write, or a folder for a dated one; with a / at its end the folder is made. Nothing is overwritten." default:"." placeholder:"FILE"`
	JSON  bool     `help:"Print what is in the backup as JSON."`
	Quiet bool     `help:"Show no progress."`
}

func (k *backupCommand) Run(ctx context.Context, c *console) error {
	source, err := readSource(k.File)
	if err != nil {
		return err
	}
	m, err := model.Parse(k.File, source, os.LookupEnv)
	if err != nil {
		return err
	}
	if err := k.present(); err != nil {
		return err
	}
	k.folder = k.Data
	books := work.Extend(m)
	path, err := backupPath(k.Out, m.Service)
	if err != nil {
		return err
	}
	bar := newProgress(c, k.Quiet)
	o := keep.BackupOptions{
		Model: books.Store, Source: source, Version: partita.Version(),
		Open:     func(ctx context.Context) (store.Copy, error) { return storeurl.Copy(ctx, k.Store, k.Data, books) },
		Progress: func(what string, n int) { bar.show("%s: %d records so far", what, n) },
	}
	if storeurl.Embedded(k.Store) {
		o.Folder = k.Data
	}
	if accepts(m) {
		o.Accepted = func(ctx context.Context) ([]keep.Command, error) {
			return keep.Waiting(ctx, keep.Place{Service: m.Service, URLs: k.Bus, Embedded: storeurl.Embedded(k.Store), Folder: k.Data,
				Hold: func() (func() error, bool, error) { return storeurl.Hold(k.Store, k.Data) },
				Ask: func(ctx context.Context, each func(keep.Command)) error {
					res, err := k.ask(ctx, "GET", "/accepted", nil)
					if err != nil {
						return fmt.Errorf("the service has accepted writes on a bus inside its process, which only it can read: %w", err)
					}
					defer res.Body.Close()
					return keep.ReadCommands(res.Body, each)
				}})
		}
	}
	manifest, err := keep.Backup(ctx, path, o)
	bar.end()
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("the backup was stopped; nothing is left of it")
		}
		return err
	}
	if k.JSON {
		return c.printJSON(struct {
			File string `json:"file"`
			*keep.Manifest
		}{path, manifest})
	}
	fmt.Fprintf(c.out, "%s is written: %s, %s and %s of %s, as they were at %s or a moment later\n", path,
		counted(manifest.Declared("rows"), "row"), counted(manifest.Declared("changes"), "change"), counted(manifest.Records("accepted"), "accepted write"),
		counted(manifest.Declared("heads"), "partition"), manifest.Made.Local().Format(time.DateTime))
	if accepts(m) && !storeurl.Embedded(k.Store) && len(k.Bus) == 0 {
		fmt.Fprintln(c.err, "not in it: accepted writes that wait on a bus; where nodes have one, give it with --bus")
	}
	for _, what := range manifest.Left {
		fmt.Fprintf(c.err, "not in it, since the model does not have it: %s\n", what)
	}
	return nil
}

// accepts tells whether a service takes writes to be carried out later.
func accepts(m *model.Model) bool {
	for _, w := range m.Writes {
		if w.Async != model.Sync {
			return true
		}
	}
	return false
}

// backupPath gives the file of a backup: out, or a dated one in it where it is a folder, or is written as one
// with a "/" at its end, which is made then.
func backupPath(out, service string) (string, error) {
	if out != "" && os.IsPathSeparator(out[len(out)-1]) {
		if err := os.MkdirAll(out, 0o700); err != nil {
			return "", usage{fmt.Errorf("--out %s cannot be made a folder: %w", out, errors.Unwrap(err))}
		}
	}
	if stat, err := os.Stat(out); err == nil && stat.IsDir() {
		return filepath.Join(out, keep.FileName(service, time.Now())), nil
	}
	return out, nil
}
