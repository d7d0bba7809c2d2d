package main

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
)

func (b *run) stopDatabase() {
	if b.database != nil {
		b.database.Remove()
	}
}

// postgres measures reads and writes on a PostgreSQL of its own, durable as it comes.
func (b *run) postgres() error {
	if err := b.startDatabase(); err != nil {
		return err
	}
	data := filepath.Join(b.dir, "pgdata")
	url, err := b.importPG(data)
	if err != nil {
		return err
	}
	p, _, err := b.startPartita(data, b.model, "--store", url)
	if err != nil {
		return err
	}
	read, err := b.startFloor("pg")
	if err != nil {
		return err
	}
	write, err := b.startFloor("pg-write")
	if err != nil {
		return err
	}
	outbox, err := b.startFloor("pg-outbox")
	if err != nil {
		return err
	}
	place := func(r *rand.Rand, q []byte) []byte { return b.post(q, "/v1/place_order", r.IntN(customers), r) }
	err = errors.Join(
		b.turns("postgres read", []contender{
			{"hand-written pgx + net/http", read, 200, b.get("/v1/order/", nil)},
			{"Partita, fresh 0", p, 200, b.get("/v1/order_now/", nil)},
		}),
		b.turns("postgres write", []contender{
			{"hand-written, plain INSERT", write, 201, place},
			{"hand-written, version and outbox", outbox, 201, place},
			{"Partita", p, 201, place},
		}))
	return errors.Join(err, read.stop(), write.stop(), outbox.stop(), p.stop())
}

// importPG fills a new database with the orders and gives its URL.
func (b *run) importPG(data string) (string, error) {
	url, err := b.database.Make()
	if err != nil {
		return "", err
	}
	file := filepath.Join(b.dir, "orders.ndjson")
	if err := writeOrders(file); err != nil {
		return "", err
	}
	cmd := exec.Command(b.partita, "import", "order", file, "--model", b.model, "--data", data, "--store", url)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return url, nil
}
