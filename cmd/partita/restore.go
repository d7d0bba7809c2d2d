package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/partita-dev/partita/internal/keep"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

type restoreCommand struct {
	Backup string `arg:"" optional:"" help:"Backup that partita backup has written."`
	data
	Bus     []string `help:"URLs of the message bus of the service, separated by commas: accepted writes that waited go there. Without it into the data folder, where the store is embedded." env:"PARTITA_BUS" sep:"," placeholder:"nats://HOST:PORT"`
	Model   string   `help:"Model file to use instead of the one in the backup. It must have the same entities and fields." placeholder:"FILE"`
	InPlace bool     `help:"Take no backup: the store was put back by other means (a copied folder, pg_restore, a point in time, a promoted replica). Only give it a new incarnation. Takes --model."`
	JSON    bool     `help:"Print what was done as JSON."`
	Quiet   bool     `help:"Show no progress."`
}

func (k *restoreCommand) Run(ctx context.Context, c *console) error {
	if k.InPlace {
		return k.renew(ctx, c)
	}
	if k.Backup == "" {
		return usage{errors.New("give the backup to restore, or --in-place for a store that was put back by other means")}
	}
	var m *model.Model
	var books *work.Books
	bar := newProgress(c, k.Quiet)
	o := keep.RestoreOptions{
		Read: func(source []byte) (_ *model.Model, err error) {
			if k.Model != "" {
				m, err = readModel(k.Model)
			} else {
				m, err = model.Parse(k.Backup+":model.yaml", source, os.LookupEnv)
			}
			if err != nil {
				return nil, err
			}
			books = work.Extend(m)
			return books.Store, nil
		},
		Open: func(ctx context.Context, _ *model.Model) (store.Filler, error) {
			if folder := filepath.Join(k.Data, "bus"); storeurl.Embedded(k.Store) && len(k.Bus) == 0 && accepts(m) && present(folder) {
				return nil, fmt.Errorf("%s has accepted writes of another past: give a folder that has none, or move it away", folder)
			}
			return storeurl.Fill(ctx, k.Store, k.Data, books)
		},
		Progress: func(what string, n int) { bar.show("%s: %d", what, n) },
	}
	if len(k.Bus) > 0 || storeurl.Embedded(k.Store) {
		o.Submit = func(ctx context.Context, m *model.Model, list []keep.Command) error {
			return keep.Resubmit(ctx, keep.Place{Service: m.Service, URLs: k.Bus, Embedded: storeurl.Embedded(k.Store), Folder: k.Data}, list)
		}
	}
	if storeurl.Embedded(k.Store) {
		o.Folder = k.Data
	}
	r, err := keep.Restore(ctx, k.Backup, o)
	bar.end()
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("the restore was stopped; there is no store")
		}
		return err
	}
	if k.JSON {
		return c.printJSON(map[string]any{"store": r.Info.Place, "incarnation": r.Info.Incarnation, "backup": r.Manifest, "kept": r.Kept})
	}
	b := r.Manifest
	fmt.Fprintf(c.out, "%s has %s and %s of %s again, and %s that waited, from %s\n",
		r.Info.Place, counted(b.Declared("rows"), "row"), counted(b.Declared("changes"), "change"), counted(b.Declared("heads"), "partition"), counted(b.Records("accepted"), "accepted write"), b.Made.Local().Format("2006-01-02 15:04:05"))
	k.told(c, r.Info)
	for _, name := range r.Kept {
		fmt.Fprintf(c.err, "%s was there already with another content, and stays as it was\n", filepath.Join(k.Data, name))
	}
	return nil
}

func (k *restoreCommand) renew(ctx context.Context, c *console) error {
	if k.Backup != "" || k.Model == "" {
		return usage{errors.New("--in-place takes no backup, and the model of the store with --model")}
	}
	m, err := readModel(k.Model)
	if err != nil {
		return err
	}
	if err := k.present(); err != nil {
		return err
	}
	info, err := storeurl.Renew(ctx, k.Store, k.Data, work.Extend(m))
	if err != nil {
		return err
	}
	if k.JSON {
		return c.printJSON(map[string]any{"store": info.Place, "incarnation": info.Incarnation})
	}
	k.told(c, info)
	return nil
}

func (k *restoreCommand) told(c *console, info store.Info) {
	fmt.Fprintf(c.out, "It is a new incarnation, %s: version tokens, tags, cursors and cached answers of before are refused. Start the service.\n", info.Incarnation)
}

// present tells whether there is something at a path.
func present(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
