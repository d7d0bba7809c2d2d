package local

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
)

// Postgres is one PostgreSQL, with its promises of durability as they come. It is safe for concurrent
// use.
type Postgres struct {
	process
	bin, dir string
	own      bool // the folder was made by Start
	port     int
	user     systemUser
	number   atomic.Int64 // of databases made so far
}

// StartPostgres makes a cluster and starts it. dir is an empty folder for its files; "": a temporary
// one. The error is ErrMissing where there is no PostgreSQL.
func StartPostgres(dir string) (*Postgres, error) {
	bin, err := postgresBinaries()
	if err != nil {
		return nil, err
	}
	s := &Postgres{bin: bin, dir: dir}
	if dir == "" {
		if s.dir, err = os.MkdirTemp("", "partita-pg"); err != nil {
			return nil, err
		}
		s.own = true
	}
	if s.port, err = FreePort(); err == nil {
		s.user, err = unprivileged(s.dir)
	}
	if err == nil {
		init := s.command("initdb", "-D", filepath.Join(s.dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync")
		if out, bad := init.CombinedOutput(); bad != nil {
			err = fmt.Errorf("initdb: %w: %s", bad, out)
		}
	}
	if err == nil {
		err = s.Run()
	}
	if err != nil {
		s.Remove()
		return nil, err
	}
	return s, nil
}

// postgresBinaries finds the newest installed PostgreSQL.
func postgresBinaries() (string, error) {
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if len(found) > 0 {
		slices.SortFunc(found, func(a, b string) int { return major(b) - major(a) })
		return filepath.Dir(found[0]), nil
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		return filepath.Dir(path), nil
	}
	return "", fmt.Errorf("PostgreSQL: %w", ErrMissing)
}

func major(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

func (s *Postgres) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(s.bin, name), args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	apart(cmd, s.user)
	return cmd
}

// Run starts the server, after Kill or Stop too, and returns when it takes connections.
func (s *Postgres) Run() error {
	cmd := s.command("postgres", "-D", filepath.Join(s.dir, "data"), "-p", strconv.Itoa(s.port), "-k", s.dir,
		"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "shared_buffers=256MB")
	return s.run("PostgreSQL", s.dir, cmd, func(ctx context.Context) error {
		conn, err := pgx.Connect(ctx, s.URL("postgres"))
		if err != nil {
			return err
		}
		return conn.Close(ctx)
	})
}

// Stop ends the server and its connections in good order.
func (s *Postgres) Stop() { s.end() }

// Remove kills the server and deletes its files.
func (s *Postgres) Remove() {
	s.Kill()
	if s.own {
		os.RemoveAll(s.dir) //nolint:errcheck // of the temporary folder
	}
}

// Addr gives the server's address, for a proxy in front of it.
func (s *Postgres) Addr() string { return address(s.port) }

// URL gives the address of a database.
func (s *Postgres) URL(database string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s", s.port, database)
}

// Make makes an empty database and gives its URL.
func (s *Postgres) Make() (string, error) {
	name := fmt.Sprintf("test%d", s.number.Add(1))
	conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return s.URL(name), nil
}

// Version names the server that runs.
func (s *Postgres) Version() string {
	var v string
	conn, err := pgx.Connect(context.Background(), s.URL("postgres"))
	if err == nil {
		err = errors.Join(conn.QueryRow(context.Background(), "SELECT version()").Scan(&v), conn.Close(context.Background()))
	}
	if err != nil {
		return "PostgreSQL, which does not answer"
	}
	return v
}
