package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/google/uuid"
)

// The data of every measured server: 5,000 customers with 40 orders each.
const (
	customers = 5_000
	each      = 40
	orders    = customers * each
)

// id gives the n-th UUID of a kind; the same in every process.
func id(kind, n int) string {
	var b [16]byte
	r := rand.New(rand.NewPCG(uint64(kind), uint64(n)))
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6], b[8] = b[6]&0x0f|0x70, b[8]&0x3f|0x80
	return uuid.UUID(b).String()
}

// The kinds of id.
const (
	customerKind = iota + 1
	orderKind
	lineKind
	basketKind
)

// order is one order as all servers keep it.
type order struct {
	Customer string    `json:"customer_id"`
	ID       string    `json:"order_id"`
	Number   string    `json:"number"`
	Status   string    `json:"status"`
	Total    int       `json:"total"`
	Note     *string   `json:"note"`
	Placed   time.Time `json:"placed_at"`
}

// orderAt gives the n-th order.
func orderAt(n int) order {
	r := rand.New(rand.NewPCG(7, uint64(n)))
	return order{
		Customer: id(customerKind, n/each), ID: id(orderKind, n), Number: fmt.Sprintf("n%011d", n),
		Status: [...]string{"placed", "paid", "shipped", "cancelled"}[r.IntN(4)], Total: r.IntN(100_000),
		Placed: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
	}
}

// ids are made once: a request must cost the generator nothing.
type keys struct {
	customer [customers]string
	order    [orders]string
}

func makeKeys() *keys {
	k := new(keys)
	for i := range k.customer {
		k.customer[i] = id(customerKind, i)
	}
	for i := range k.order {
		k.order[i] = id(orderKind, i)
	}
	return k
}

// writeOrders writes all orders as NDJSON, for `partita import`.
func writeOrders(path string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range orders {
		o := orderAt(n)
		fmt.Fprintf(w, `{"customer_id":%q,"order_id":%q,"number":%q,"status":%q,"total":%d,"note":null,"placed_at":%q}`+"\n",
			o.Customer, o.ID, o.Number, o.Status, o.Total, o.Placed.Format(time.RFC3339))
	}
	if err := w.Flush(); err != nil {
		return err
	}
	return f.Close()
}
