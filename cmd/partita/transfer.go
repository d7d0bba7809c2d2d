package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/transfer"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// rows says which rows of which store are carried.
type rows struct {
	Entity string `arg:"" help:"Entity whose rows they are."`
	Model  string `help:"Model file." env:"PARTITA_MODEL" default:"model.yaml"`
	data
	Format string `help:"ndjson or csv; otherwise told by the file's name." enum:"ndjson,csv," default:""`
	JSON   bool   `help:"Print the summary as JSON."`
	Quiet  bool   `help:"Show no progress."`
}

// open opens the store itself: SQLite has one process at a time, so no server may run on it.
func (k *rows) open(ctx context.Context) (*model.Model, *model.Entity, store.Store, error) {
	m, err := readModel(k.Model)
	if err != nil {
		return nil, nil, nil, err
	}
	e := m.Entity(k.Entity)
	if e == nil {
		names := make([]string, len(m.Entities))
		for i, e := range m.Entities {
			names[i] = e.Name
		}
		return nil, nil, nil, usage{fmt.Errorf("the model has no entity %s; there are: %s", k.Entity, strings.Join(names, ", "))}
	}
	s, err := storeurl.Open(ctx, k.Store, k.Data, work.Extend(m), store.Options{})
	if err != nil {
		return nil, nil, nil, k.unheld(err, "import and export work on the store itself; `partita backup` copies one while it is served")
	}
	return m, e, s, nil
}

func (k *rows) format(path string) (transfer.Format, error) {
	if k.Format != "" {
		return transfer.Format(k.Format), nil
	}
	f, err := transfer.FormatOf(path)
	if err != nil {
		return "", usage{err}
	}
	return f, nil
}

type importCommand struct {
	rows
	File    string `arg:"" help:"File of rows: NDJSON, or CSV with the names of fields in its first line; - for standard input."`
	Restart bool   `help:"Begin anew where an earlier import of this file was broken off. Rows that are there already are not put in twice."`
	Refused string `help:"File for the list of refused rows; otherwise FILE.refused." placeholder:"FILE"`
}

func (k *importCommand) Run(ctx context.Context, c *console) (err error) {
	if k.File != "-" {
		if _, err := os.Stat(k.File); err != nil { // before a store is made for it
			return usage{fmt.Errorf("the file cannot be read: %w", err)}
		}
	}
	format, err := k.format(k.File)
	if err != nil {
		return err
	}
	m, e, s, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	o := transfer.ImportOptions{Model: m, Store: s, Entity: e, Format: format}
	if k.File == "-" {
		return k.stdin(ctx, c, o)
	}
	file, err := os.Open(k.File)
	if err != nil {
		return usage{fmt.Errorf("the file cannot be read: %w", err)}
	}
	defer file.Close()
	o.Source = file
	if o.Checkpoint, err = transfer.OpenCheckpoint(k.Data, file, e, s.Info(), k.Restart); err != nil {
		return err
	}
	if line, ok := o.Checkpoint.Resumes(); ok && !k.Quiet {
		fmt.Fprintf(c.err, "going on after line %d\n", line)
	}
	list := &refusedList{path: k.Refused}
	if list.path == "" {
		list.path = k.File + ".refused"
	}
	if list.file, err = o.Checkpoint.KeepRefused(list.path); err != nil {
		return fmt.Errorf("the list of refused rows cannot be written: %w", err)
	}
	defer func() { err = errors.Join(err, list.close()) }()
	o.Refused = list.add
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	if err != nil {
		return fmt.Errorf("the file cannot be read: %w", err)
	}
	bar := newProgress(c, k.Quiet)
	o.Progress = func(s transfer.Summary, at int64) {
		bar.show("%3d%%  %d rows, %d refused", 100*at/max(size, 1), s.Rows(), s.Refused)
	}
	summary, err := transfer.Import(ctx, o)
	bar.end()
	if err != nil {
		return fmt.Errorf("%w\nthe same command goes on from there", stopped(ctx, "import", summary.Rows(), err))
	}
	return k.sum(c, summary, list.path)
}

// stdin imports what cannot be gone back in, and so not resumed.
func (k *importCommand) stdin(ctx context.Context, c *console, o transfer.ImportOptions) error {
	o.Source = c.in
	o.Refused = func(line int, why string) error {
		_, err := fmt.Fprintf(c.err, "line %d: %s\n", line, why)
		return err
	}
	summary, err := transfer.Import(ctx, o)
	if err != nil {
		return stopped(ctx, "import", summary.Rows(), err)
	}
	return k.sum(c, summary, "")
}

// stopped says that work ended before its end. Of a stop that was asked for there is no more to say.
func stopped(ctx context.Context, work string, rows int, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the %s was stopped after %s", work, counted(rows, "row"))
	}
	return fmt.Errorf("the %s stopped after %s: %w", work, counted(rows, "row"), err)
}

// sum prints what came of it; rows that were refused make the exit code 1.
func (k *importCommand) sum(c *console, s transfer.Summary, refused string) error {
	if k.JSON {
		if err := c.printJSON(s); err != nil {
			return err
		}
	} else {
		fmt.Fprintf(c.out, "%s of %s put in, %d there already, %d refused\n", counted(s.Inserted, "row"), k.Entity, s.Present, s.Refused)
	}
	if s.Refused == 0 {
		return nil
	}
	if refused != "" && !k.JSON {
		fmt.Fprintf(c.err, "partita: the refused rows are listed in %s, by line\n", refused)
	}
	return told(failed)
}

// refusedList is the file of refused rows; it is removed where none was refused.
type refusedList struct {
	path string
	file *os.File
}

func (l *refusedList) add(line int, why string) error {
	_, err := fmt.Fprintf(l.file, "line %d: %s\n", line, why)
	return err
}

func (l *refusedList) close() error {
	n, err := l.file.Seek(0, io.SeekEnd)
	err = errors.Join(err, l.file.Close())
	if err == nil && n == 0 {
		err = os.Remove(l.path)
	}
	return err
}

type exportCommand struct {
	rows
	File string `arg:"" optional:"" default:"-" help:"File to write; - for standard output, as NDJSON unless --format says csv."`
}

func (k *exportCommand) Run(ctx context.Context, c *console) (err error) {
	if k.File == "-" && k.Format == "" {
		k.Format = string(transfer.NDJSON)
	}
	format, err := k.format(k.File)
	if err != nil {
		return err
	}
	if err := k.present(); err != nil {
		return err
	}
	_, e, s, err := k.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	bar := newProgress(c, k.Quiet || k.File == "-")
	show := func(n int) { bar.show("%s", counted(n, "row")) }
	if k.File == "-" {
		if n, err := transfer.Export(ctx, s, e, format, c.out, show); err != nil {
			return stopped(ctx, "export", n, err)
		}
		return nil
	}
	// Written beside and renamed, so that the file is whole or not there.
	file, err := os.CreateTemp(filepath.Dir(k.File), filepath.Base(k.File)+".*.part")
	if err != nil {
		return fmt.Errorf("the file cannot be written: %w", err)
	}
	defer os.Remove(file.Name())
	n, err := transfer.Export(ctx, s, e, format, file, show)
	bar.end()
	if err = errors.Join(err, file.Chmod(0o644), file.Close()); err == nil {
		err = os.Rename(file.Name(), k.File)
	}
	if err != nil {
		return stopped(ctx, "export", n, err)
	}
	if k.JSON {
		return c.printJSON(map[string]int{"rows": n})
	}
	fmt.Fprintf(c.out, "%s of %s written to %s\n", counted(n, "row"), k.Entity, k.File)
	return nil
}

// progress is one line on a terminal that is written over; elsewhere a line now and then.
type progress struct {
	c        *console
	quiet    bool
	terminal bool
	last     time.Time
}

func newProgress(c *console, quiet bool) *progress {
	p := &progress{c: c, quiet: quiet, last: time.Now()}
	if f, ok := c.err.(*os.File); ok {
		stat, err := f.Stat()
		p.terminal = err == nil && stat.Mode()&os.ModeCharDevice != 0
	}
	return p
}

func (p *progress) show(format string, args ...any) {
	every := 10 * time.Second
	if p.terminal {
		every = 200 * time.Millisecond
	}
	if p.quiet || time.Since(p.last) < every {
		return
	}
	p.last = time.Now()
	line := fmt.Sprintf(format, args...)
	if p.terminal {
		fmt.Fprintf(p.c.err, "\r\033[K%s", line)
	} else {
		fmt.Fprintln(p.c.err, line)
	}
}

func (p *progress) end() {
	if p.terminal && !p.quiet {
		fmt.Fprint(p.c.err, "\r\033[K")
	}
}
