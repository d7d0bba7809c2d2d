// Package postgres keeps a model's rows in PostgreSQL, or in what speaks its protocol. Any number of
// nodes may open the same database; each partition's head row, locked, orders their writes.
//
// Writes go in groups: one round trip locks the heads and fetches what the writes will look at, the
// writes are evaluated here, and a second round trip carries all statements and COMMIT.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// Config says which database to open. URL and Model are required.
type Config struct {
	URL   string // postgres://user:password@host:port/database?options, as libpq reads it
	Model *model.Model
	store.Options
	// Timeout bounds a statement on the server, whatever its caller does. Default: 10 s.
	Timeout time.Duration

	tracer pgx.QueryTracer // of tests: sees every statement
}

// Store is one node's way to the database. Make one with Open. It is safe for concurrent use.
type Store struct {
	model    *model.Model
	readers  *pgxpool.Pool
	writers  *pgxpool.Pool // a connection for each lane
	gets     *gets
	queue    *store.Queue
	info     store.Info
	options  store.Options
	onChange func(*store.Change)
	timeout  time.Duration
	books    map[*model.Family]*sqltext.Books
	bulk     map[*model.Entity]*bulk
	families map[*model.Family]*familyBulk

	reads   sync.Map // readKey → *sqltext.Statement
	updates sync.Map // entity and fields → text
	tracer  pgx.QueryTracer

	doubting sync.Mutex
	doubts   []*doubt // groups of which nobody knows yet whether they were committed, in their order

	making  sync.Mutex // held by the lane that makes its group
	telling sync.Mutex // one group's changes at a time

	groups, groupWrites counter
	closed              sync.Once
	done                chan struct{}   // closed when the lanes have ended
	life                context.Context // of what is asked after its group, until Close
	end                 context.CancelFunc
	work                sync.WaitGroup // likewise
	broken              chan struct{}
}

// Open connects, makes what the model needs and the database lacks, and starts the writer. Errors
// are *fault.Error with a sentence for the operator; the URL's password is never in it.
func Open(ctx context.Context, c Config) (*Store, error) {
	if c.Timeout <= 0 {
		c.Timeout = 10 * time.Second
	}
	if c.Readers <= 0 {
		c.Readers = max(16, 4*runtime.GOMAXPROCS(0))
	}
	if c.OnChange == nil {
		c.OnChange = func(*store.Change) {}
	}
	if c.OnDoubt == nil || c.OnSettled == nil {
		c.OnDoubt, c.OnSettled = func(store.Partition, uint64) {}, func(store.Partition, uint64, bool) {}
	}
	if err := sqltext.Check(c.Model); err != nil {
		return nil, err
	}
	base, err := pgxpool.ParseConfig(c.URL)
	if err != nil {
		return nil, fault.New(fault.InvalidInput, "The store's URL cannot be read; write postgres://user:password@host:port/database.")
	}
	prepare(base, c.Timeout)
	base.ConnConfig.Tracer = c.tracer
	s := &Store{
		model: c.Model, queue: store.NewQueue(c.Queue, c.Group), options: c.Options, onChange: c.OnChange, timeout: c.Timeout,
		books: map[*model.Family]*sqltext.Books{}, bulk: map[*model.Entity]*bulk{}, families: map[*model.Family]*familyBulk{},
		tracer: c.tracer, done: make(chan struct{}), broken: make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.Background())
	s.gets = newGets(s, c.Readers)
	for _, f := range c.Model.Families {
		s.books[f], s.families[f] = sqltext.BooksOf(f), newFamilyBulk(f)
	}
	for _, e := range c.Model.Entities {
		s.bulk[e] = newBulk(e)
	}
	if err := s.connect(ctx, base, c); err != nil {
		s.end()
		s.closePools()
		return nil, err
	}
	go s.write()
	s.work.Go(s.watchIdentity)
	return s, nil
}

// prepare sets what every connection must promise.
func prepare(base *pgxpool.Config, timeout time.Duration) {
	p := base.ConnConfig.RuntimeParams
	p["synchronous_commit"] = "on"
	p["timezone"] = "UTC"
	p["statement_timeout"] = fmt.Sprint(timeout.Milliseconds())
	p["idle_in_transaction_session_timeout"] = fmt.Sprint(idleTime(timeout).Milliseconds())
	// Every statement finds its rows by an index that the model derived. Planned once, it need not be
	// planned again, and no estimate may ever lead to a walk over a table.
	p["plan_cache_mode"] = "force_generic_plan"
	p["enable_seqscan"], p["enable_hashjoin"], p["enable_mergejoin"] = "off", "off", "off"
	if p["application_name"] == "" {
		p["application_name"] = "partita"
	}
	if base.ConnConfig.ConnectTimeout == 0 {
		base.ConnConfig.ConnectTimeout = 5 * time.Second
	}
	// A caller that goes away cancels its statement on the server, and the connection stays usable, unless the
	// server does not answer to that either: nobody waits for it much beyond their time.
	base.ConnConfig.BuildContextWatcherHandler = func(pc *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pc, CancelRequestDelay: 0, DeadlineDelay: 100 * time.Millisecond}
	}
	// Connections are warmed by their first use; a database that comes back is found at once.
	base.HealthCheckPeriod = 5 * time.Second
}

// idleTime is how long the server keeps a transaction, and so the partitions that it has locked, of which
// it hears nothing. A group leaves it alone for less than a millisecond; a node that was paused, or whose
// machine is gone without a word, leaves it alone for good. Others that wait for these partitions are still
// answered within the time of a request.
func idleTime(timeout time.Duration) time.Duration { return max(timeout/2, time.Second) }

func (s *Store) connect(ctx context.Context, base *pgxpool.Config, c Config) error {
	readers, writers := base.Copy(), base.Copy()
	readers.MaxConns, writers.MaxConns = int32(c.Readers), lanes
	var err error
	if s.readers, err = pgxpool.NewWithConfig(ctx, readers); err != nil {
		return unreachable(err)
	}
	if s.writers, err = pgxpool.NewWithConfig(ctx, writers); err != nil {
		return unreachable(err)
	}
	conn, err := s.writers.Acquire(ctx)
	if err != nil {
		return unreachable(err)
	}
	defer conn.Release()
	if err := ensureSchema(ctx, conn.Conn(), c.Model, &c.Options); err != nil {
		return err
	}
	return s.readInfo(ctx, conn.Conn(), c.URL)
}

func (s *Store) readInfo(ctx context.Context, conn *pgx.Conn, place string) error {
	s.info = store.Info{Kind: "postgres", Remote: true, Place: safePlace(place)}
	if err := conn.QueryRow(ctx, "SHOW server_version").Scan(&s.info.Version); err != nil {
		return unreachable(err)
	}
	var secret string
	if err := conn.QueryRow(ctx, sqltext.MetaGet, "incarnation").Scan(&s.info.Incarnation); err != nil {
		return unreachable(err)
	}
	if err := conn.QueryRow(ctx, sqltext.MetaGet, "secret").Scan(&secret); err != nil {
		return unreachable(err)
	}
	s.info.Secret = unhex(secret)
	return nil
}

// safePlace names the database for people, without user and password.
func safePlace(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "postgres"
	}
	return "postgres://" + u.Host + u.Path
}

func unreachable(err error) error {
	if e, ok := errors.AsType[*fault.Error](err); ok {
		return e
	}
	return fault.Wrap(fault.Unavailable, err, "%s", remedy(err))
}

// remedy says what to do about a database that cannot be used.
func remedy(err error) string {
	code := ""
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		code = pg.Code
	}
	switch code {
	case "28P01", "28000": // invalid_password, invalid_authorization_specification
		return "The database does not let this user in; check user and password in the URL, and which users the server takes from this machine."
	case "3D000": // invalid_catalog_name
		return "The server has no database of the name that is in the URL; create it, or correct the name."
	case "53300": // too_many_connections
		return "The database has no connection left for this user; raise max_connections, or the user's or database's CONNECTION LIMIT, above the sum of what the nodes open, or stop who else holds them, and start again."
	case "57P01", "57P02", "57P03": // admin_shutdown, crash_shutdown, cannot_connect_now
		return "The database is starting, or being shut down; start again when it is up."
	case "42501": // insufficient_privilege
		return "The user in the URL may not make or use tables there; make it the owner of the database, or GRANT it CREATE on the schema."
	}
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return "No connection to the database comes about; check that it runs, host and port in the URL, and whether it speaks TLS (sslmode)."
	}
	return "The database cannot be used; check that it runs, that the URL names it, and that the user may create tables in it."
}

// Info tells what this store is.
func (s *Store) Info() store.Info { return s.info }

// Stats gives figures for people.
func (s *Store) Stats(ctx context.Context) (store.Stats, error) {
	pool := s.readers.Stat()
	st := store.Stats{
		QueueLength: s.queue.Len(), QueueBound: s.queue.Bound(),
		Groups: s.groups.Load(), GroupWrites: s.groupWrites.Load(),
		Readers: int(pool.MaxConns()), ReadersInUse: int(pool.AcquiredConns()),
	}
	err := s.readers.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&st.Bytes)
	if err != nil {
		return st, s.failure(err)
	}
	return st, nil
}

// Close finishes what waits and closes all connections.
func (s *Store) Close() error {
	s.closed.Do(func() {
		s.queue.Close(fault.New(fault.Unavailable, "The store is closed."), false)
		<-s.done
		s.end()
		s.work.Wait()
		s.closePools()
	})
	return nil
}

func (s *Store) closePools() {
	if s.readers != nil {
		s.readers.Close()
	}
	if s.writers != nil {
		s.writers.Close()
	}
}
