package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/migrate"
)

type migrateCommand struct {
	File string `arg:"" help:"Model file."`
	data
	DryRun bool     `help:"Print what would be done and what it costs, and do nothing."`
	Allow  []string `help:"What may be done beside what loses and blocks nothing: drop-column, drop-table, drop-index, rewrite, tighten." placeholder:"WORD"`
	JSON   bool     `help:"Print JSON."`
}

func (k *migrateCommand) Run(ctx context.Context, c *console) (err error) {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	if err := migrate.CheckWords(k.Allow); err != nil {
		return usage{err}
	}
	if err := storeurl.Check(k.Store); err != nil {
		return usage{err}
	}
	books := work.Extend(m)
	books.Hear(func(e *model.Event) bool { return e.Then != nil || len(e.Deliver) > 0 }) // who else does, a node says when it starts
	target, err := storeurl.Migrate(ctx, k.Store, k.Data, books)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	plan, err := migrate.Run(ctx, target, k.Allow, k.DryRun)
	if plan != nil {
		if printed := k.print(c, plan); printed != nil {
			return errors.Join(err, printed)
		}
	}
	if err == nil && !plan.Fits() {
		return told(failed)
	}
	return err
}

func (k *migrateCommand) print(c *console, plan *migrate.Plan) error {
	if k.JSON {
		return c.printJSON(plan)
	}
	_, err := fmt.Fprint(c.out, plan.Text())
	return err
}
