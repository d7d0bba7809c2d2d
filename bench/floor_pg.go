package main

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

const pgTable = `CREATE TABLE orders (customer_id uuid NOT NULL, order_id uuid NOT NULL, number text NOT NULL, status text NOT NULL,
	total bigint NOT NULL, note text, placed_at timestamptz NOT NULL, PRIMARY KEY (customer_id, order_id))`

// openPG opens the hand-made tables in the database of the floor, filled where they are read.
func openPG(c floorConfig, fill bool) (*pgxpool.Pool, error) {
	ctx := context.Background()
	cfg, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 16
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for _, sql := range []string{pgTable,
		`CREATE TABLE head (customer_id uuid PRIMARY KEY, version bigint NOT NULL)`,
		`CREATE TABLE outbox (customer_id uuid NOT NULL, version bigint NOT NULL, body jsonb NOT NULL, PRIMARY KEY (customer_id, version))`} {
		if _, err := pool.Exec(ctx, sql); err != nil {
			return nil, err
		}
	}
	if !fill {
		return pool, nil
	}
	for from := 0; from < orders; from += 10_000 {
		var customer, id, number, status []string
		var total []int64
		var placed []time.Time
		for n := from; n < from+10_000; n++ {
			o := orderAt(n)
			customer, id, number, status = append(customer, o.Customer), append(id, o.ID), append(number, o.Number), append(status, o.Status)
			total, placed = append(total, int64(o.Total)), append(placed, o.Placed)
		}
		_, err := pool.Exec(ctx, `INSERT INTO orders SELECT a::uuid, b::uuid, c, d, e, NULL, f FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::timestamptz[]) AS u(a,b,c,d,e,f)`,
			customer, id, number, status, total, placed)
		if err != nil {
			return nil, err
		}
	}
	_, err = pool.Exec(ctx, "VACUUM ANALYZE orders")
	return pool, err
}

// handReadPG reads one order by its key.
func handReadPG(c floorConfig) (http.Handler, error) {
	pool, err := openPG(c, true)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := strings.Split(r.URL.Path, "/")
		if len(part) != 5 {
			http.NotFound(w, r)
			return
		}
		o := order{Customer: part[3], ID: part[4]}
		err := pool.QueryRow(r.Context(), `SELECT number, status, total, note, placed_at FROM orders WHERE customer_id=$1 AND order_id=$2`, part[3], part[4]).
			Scan(&o.Number, &o.Status, &o.Total, &o.Note, &o.Placed)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		sendJSON(w, http.StatusOK, o)
	}), nil
}

// handWritePG inserts each order by itself.
func handWritePG(c floorConfig) (http.Handler, error) {
	pool, err := openPG(c, false)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := decodeOrder(w, r)
		if !ok {
			return
		}
		_, err := pool.Exec(r.Context(), `INSERT INTO orders VALUES ($1,$2,$3,$4,$5,$6,$7)`, o.Customer, o.ID, o.Number, o.Status, o.Total, o.Note, o.Placed)
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusCreated, o)
	}), nil
}

// handOutboxPG does what Partita does, the usual way: a version and an outbox row in the transaction.
func handOutboxPG(c floorConfig) (http.Handler, error) {
	pool, err := openPG(c, false)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := decodeOrder(w, r)
		if !ok {
			return
		}
		ctx := r.Context()
		tx, err := pool.Begin(ctx)
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		defer tx.Rollback(ctx)
		var version int64
		err = tx.QueryRow(ctx, `INSERT INTO head VALUES ($1, 1) ON CONFLICT (customer_id) DO UPDATE SET version = head.version + 1 RETURNING version`, o.Customer).Scan(&version)
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO orders VALUES ($1,$2,$3,$4,$5,$6,$7)`, o.Customer, o.ID, o.Number, o.Status, o.Total, o.Note, o.Placed)
		}
		if err == nil {
			_, err = tx.Exec(ctx, `INSERT INTO outbox VALUES ($1,$2,$3)`, o.Customer, version, o)
		}
		if err == nil {
			err = tx.Commit(ctx)
		}
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusCreated, o)
	}), nil
}
