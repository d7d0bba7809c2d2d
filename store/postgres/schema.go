package postgres

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqltext"
)

// schemaLock is the advisory lock under which one node at a time looks after the schema.
const schemaLock = 0x7061_7274_6974_61 // "partita"

// formatVersion is the version of the tables that the store keeps for itself.
const formatVersion = "1"

// lockPause lies between two tries for a lock.
const lockPause = 50 * time.Millisecond

// ensureSchema makes what the model needs and the database lacks: tables, columns that may be null
// or have a fixed default, and indexes, those of tables that exist already without blocking their
// writers. What would lose data or block is refused.
func ensureSchema(ctx context.Context, conn *pgx.Conn, m *model.Model, o *store.Options) (err error) {
	unlock, err := lockSchema(ctx, conn)
	if err != nil {
		return err
	}
	defer unlock()
	if err := ensureMeta(ctx, conn, m); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, leaseTable); err != nil {
		return unreachable(err)
	}
	plan, err := planSchema(ctx, conn, m, o.Follows)
	if err != nil {
		return err
	}
	if problems := plan.Hindrances(); len(problems) > 0 {
		return fault.New(fault.InvalidInput, "The database does not fit the model:\n  %s", strings.Join(problems, "\n  "))
	}
	for _, step := range plan.Steps {
		if !step.AtStart {
			continue
		}
		if err := applyStep(ctx, conn, step); err != nil {
			return err
		}
	}
	return follow(ctx, conn, m, o)
}

// lockSchema waits until no other node looks after the schema. It asks again and again rather than
// once: a statement that waits holds a snapshot, and an index that is built beside running
// writers waits for all snapshots, so that the two would wait for each other.
func lockSchema(ctx context.Context, conn *pgx.Conn) (unlock func(), err error) {
	for {
		var mine bool
		if err := conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(schemaLock)).Scan(&mine); err != nil {
			return nil, unreachable(err)
		}
		if mine {
			break
		}
		select {
		case <-ctx.Done():
			return nil, fault.New(fault.Unavailable, "Another node changes the schema of the database, which takes longer than this one may wait; start again later.")
		case <-time.After(lockPause):
		}
	}
	unlock = func() {
		ctx := context.WithoutCancel(ctx)
		_, _ = conn.Exec(ctx, "RESET statement_timeout") // without a connection there is no lock either
		_, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(schemaLock))
	}
	// An index of a large table takes longer than any other statement may.
	if _, err := conn.Exec(ctx, "SET statement_timeout = 0"); err != nil {
		unlock()
		return nil, unreachable(err)
	}
	return unlock, nil
}

// ensureMeta makes or checks what is true of the whole store.
func ensureMeta(ctx context.Context, conn *pgx.Conn, m *model.Model) error {
	meta := sqltext.Schema(sqltext.Postgres, m)[0].SQL
	if _, err := conn.Exec(ctx, strings.Replace(meta, "CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1)); err != nil {
		return unreachable(err)
	}
	get := func(name string) (value string, err error) {
		err = conn.QueryRow(ctx, sqltext.MetaGet, name).Scan(&value)
		if errors.Is(err, pgx.ErrNoRows) {
			return "", nil
		}
		return value, err
	}
	format, err := get("format")
	if err != nil {
		return unreachable(err)
	}
	switch format {
	case formatVersion:
	case "":
		return makeMeta(ctx, conn, m)
	default:
		return fault.New(fault.InvalidInput,
			"The database was made by a newer release (format %s, this one knows %s); use that release.", format, formatVersion)
	}
	service, err := get("service")
	if err != nil {
		return unreachable(err)
	}
	if service != m.Service {
		return fault.New(fault.InvalidInput,
			"The database belongs to the service %q, the model to %q; give each service a database of its own.", service, m.Service)
	}
	return nil
}

func makeMeta(ctx context.Context, conn *pgx.Conn, m *model.Model) error {
	var incarnation [6]byte
	var secret [32]byte
	rand.Read(incarnation[:]) // never fails
	rand.Read(secret[:])
	for _, kv := range [][2]string{{"incarnation", hex.EncodeToString(incarnation[:])}, {"secret", hex.EncodeToString(secret[:])},
		{"service", m.Service}, {"format", formatVersion}} { // format last: with it all the others are there
		if _, err := conn.Exec(ctx, sqltext.MetaPut, kv[0], kv[1]); err != nil {
			return unreachable(err)
		}
	}
	return nil
}
