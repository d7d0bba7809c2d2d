// Package stage runs a throw-away copy of a service: a store, where it takes one a bus and a cache, and
// nodes in processes of their own. Nothing of it touches what the service has elsewhere: no setting of
// the environment is taken over but what the model itself asks for, and no webhook leaves the machine.
package stage

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/internal/local"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/trouble"
	"github.com/partita-dev/partita/internal/webhook"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// The stores that Config.Store may name beside URLs.
const (
	SQLite   = "sqlite"
	Postgres = "postgres" // a server is started
)

// Config says what the copy is made of. Program, File and Source are required.
type Config struct {
	Program []string // the partita program, with what comes before its arguments
	File    string   // of the model
	Source  []byte   // its text
	// Store is SQLite, Postgres, or the URL of a PostgreSQL server, on which a database is made and
	// dropped at the end. Default: SQLite.
	Store string
	// Nodes is how many serve. Default: 1, and no more with SQLite.
	Nodes int
	// Around asks for what nodes share beside the store: with PostgreSQL a bus, and a Redis where the
	// machine has one.
	Around bool
	// Links puts a proxy before each server that is spoken to over TCP, so that it can be cut off.
	Links bool
	// Dir is where everything lives; it is made if it is missing, and what is in it removed at the end.
	// Default: a temporary folder.
	Dir string
	Log io.Writer // takes what the nodes log; nil: nobody does
	// Timeout of a request at the nodes. Default: that of a service.
	Timeout time.Duration
}

// Stage is a copy that is ready, its nodes not yet running. It is not safe for concurrent use.
type Stage struct {
	Config Config
	Model  *model.Model
	Secret []byte // of tokens
	Nodes  []*Node

	Postgres *local.Postgres // nil: none was started
	Redis    *local.Redis    // likewise
	Bus      *bus.Local      // likewise
	// The links, nil where there is none.
	StoreLink, BusLink, CacheLink *Link

	Trouble *trouble.Drill // makes trouble inside the nodes

	dir      string
	webhooks string // the secret that deliveries are signed with
	storeURL string // for this process, past the link
	closers  []func() error
}

// Open makes everything but running nodes.
func Open(ctx context.Context, c Config) (_ *Stage, err error) {
	s := &Stage{Config: c, Secret: []byte(rand.Text() + rand.Text()), webhooks: webhook.NewSecret()}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if s.Model, err = model.Parse(c.File, c.Source, os.LookupEnv); err != nil {
		return nil, err
	}
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	if s.Trouble, err = trouble.Listen(s.socket()); err != nil {
		return nil, fmt.Errorf("no socket can be made for the copy in %s: %w; give a folder with a shorter path", s.dir, err)
	}
	s.onClose(s.Trouble.Close)
	if err := os.WriteFile(s.modelFile(), c.Source, 0o600); err != nil {
		return nil, err
	}
	if err := s.openStore(ctx); err != nil {
		return nil, err
	}
	if c.Around && !s.embedded() {
		if err := s.openAround(); err != nil {
			return nil, err
		}
	}
	n := max(1, c.Nodes)
	if s.embedded() {
		n = 1
	}
	for i := range n {
		node, err := s.newNode("n" + strconv.Itoa(i+1))
		if err != nil {
			return nil, err
		}
		s.Nodes = append(s.Nodes, node)
	}
	return s, nil
}

func (s *Stage) makeDir() (err error) {
	if s.Config.Dir == "" {
		s.dir, err = os.MkdirTemp("", "partita-stage")
	} else if err = os.MkdirAll(s.Config.Dir, 0o700); err == nil {
		s.dir, err = os.MkdirTemp(s.Config.Dir, "partita-stage")
	}
	if err != nil {
		return fmt.Errorf("no folder can be made for the copy: %w", err)
	}
	s.onClose(func() error { return os.RemoveAll(s.dir) })
	return nil
}

func (s *Stage) socket() string { return filepath.Join(s.dir, "drill") }

func (s *Stage) modelFile() string { return filepath.Join(s.dir, "model.yaml") }

func (s *Stage) embedded() bool { return s.Config.Store == "" || s.Config.Store == SQLite }

func (s *Stage) openStore(ctx context.Context) (err error) {
	switch {
	case s.embedded():
		return nil
	case s.Config.Store == Postgres:
		if s.Postgres, err = local.StartPostgres(""); err != nil {
			return fmt.Errorf("no PostgreSQL can be started: %w; give the URL of a server instead, such as --store postgres://USER@HOST/postgres", err)
		}
		s.onClose(func() error { s.Postgres.Thaw(); s.Postgres.Remove(); return nil })
		s.storeURL, err = s.Postgres.Make()
	default:
		s.storeURL, err = s.makeDatabase(ctx, s.Config.Store)
	}
	if err == nil && s.Config.Links {
		s.StoreLink, err = s.link(hostOf(s.storeURL))
	}
	return err
}

// makeDatabase makes a database on somebody's server, which is dropped at the end.
func (s *Stage) makeDatabase(ctx context.Context, address string) (string, error) {
	c, err := pgx.ParseConfig(address)
	if err != nil {
		return "", fmt.Errorf("--store is neither sqlite, postgres nor the URL of a PostgreSQL server, such as postgres://USER@HOST/postgres")
	}
	run := func(ctx context.Context, sql string) error {
		conn, err := pgx.ConnectConfig(ctx, c)
		if err != nil {
			return err
		}
		_, err = conn.Exec(ctx, sql)
		return errors.Join(err, conn.Close(ctx))
	}
	name := "partita_copy_" + strings.ToLower(rand.Text()[:12])
	if err := run(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("no database can be made on the server of --store: %w", err)
	}
	s.onClose(func() error { return run(context.Background(), "DROP DATABASE "+name+" WITH (FORCE)") })
	return withPath(address, "/"+name)
}

func (s *Stage) openAround() (err error) {
	if s.Bus, err = bus.StartLocal(filepath.Join(s.dir, "bus")); err != nil {
		return err
	}
	s.onClose(func() error { s.Bus.Stop(); return nil })
	if s.Config.Links {
		if s.BusLink, err = s.link(s.Bus.Addr()); err != nil {
			return err
		}
	}
	s.Redis, err = local.StartRedis()
	if errors.Is(err, local.ErrMissing) {
		return nil
	}
	if err != nil {
		return err
	}
	s.onClose(func() error { s.Redis.Remove(); return nil })
	if s.Config.Links {
		s.CacheLink, err = s.link(s.Redis.Addr())
	}
	return err
}

// Open opens the copy's store in this process, past the links, for seeding and for looking
// afterwards. No node may be running with an embedded one.
func (s *Stage) Open(ctx context.Context) (store.Store, *work.Books, error) {
	books := work.Extend(s.Model)
	st, err := storeurl.Open(ctx, s.storeURL, filepath.Join(s.dir, "data"), books, store.Options{})
	return st, books, err
}

// Start starts every node, and returns when all are ready.
func (s *Stage) Start(ctx context.Context) error {
	for _, n := range s.Nodes {
		if err := n.Start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Addresses gives where the nodes take requests.
func (s *Stage) Addresses() []string {
	list := make([]string, len(s.Nodes))
	for i, n := range s.Nodes {
		list[i] = n.Address
	}
	return list
}

// Accepts tells whether the copy takes writes for later: it has a bus for them.
func (s *Stage) Accepts() bool { return s.embedded() || s.Bus != nil }

// DataDir gives the folder of the embedded store.
func (s *Stage) DataDir() string { return filepath.Join(s.dir, "data") }

func (s *Stage) onClose(f func() error) { s.closers = append(s.closers, f) }

// Close ends all processes and removes all files. It may be called twice.
func (s *Stage) Close() error {
	var errs []error
	for _, n := range s.Nodes {
		n.Kill()
	}
	for _, f := range slices.Backward(s.closers) {
		errs = append(errs, f())
	}
	s.closers = nil
	return errors.Join(errs...)
}
