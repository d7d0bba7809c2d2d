// Command genshop writes customers and orders for the shop of examples/shop, as NDJSON: the same
// ones every time, each customer's orders together.
package main

import (
	"bufio"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

func main() {
	orders := flag.Int("orders", 1_000_000, "orders in all")
	each := flag.Int("each", 20, "orders of one customer")
	out := flag.String("out", ".", "folder for customer.ndjson and order.ndjson")
	flag.Parse()
	if *orders < 0 || *each < 1 || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	if err := write(*out, *orders, *each); err != nil {
		fmt.Fprintln(os.Stderr, "genshop:", err)
		os.Exit(1)
	}
}

// began is when the shop of these figures opened.
var began = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func write(dir string, orders, each int) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	s := &shop{rand: rand.New(rand.NewPCG(2026, 1)), orders: orders, each: each}
	return errors.Join(
		toFile(filepath.Join(dir, "customer.ndjson"), s.customers),
		toFile(filepath.Join(dir, "order.ndjson"), s.allOrders))
}

func toFile(path string, rows func(io.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	rows(w)
	return errors.Join(w.Flush(), f.Close())
}

type shop struct {
	rand         *rand.Rand
	orders, each int
}

// customer gives the id of the n-th customer.
func customer(n int) string { return fmt.Sprintf("c0000000-0000-4000-8000-%012d", n) }

func (s *shop) customers(w io.Writer) {
	for n := range (s.orders + s.each - 1) / s.each {
		fmt.Fprintf(w, `{"customer_id":%q,"name":"Customer %d","email":"customer%d@example.com","credit":%d}`+"\n",
			customer(n), n, n, s.rand.IntN(100_000))
	}
}

var statuses = []string{"placed", "paid", "shipped", "shipped", "shipped", "cancelled"}

func (s *shop) allOrders(w io.Writer) {
	for n := range s.orders {
		placed := began.Add(time.Duration(n) * 30 * time.Second)
		fmt.Fprintf(w, `{"customer_id":%q,"order_id":"0d000000-0000-4000-8000-%012d","number":%q,"status":%q,"total":%d,"note":%s,"placed_at":%q}`+"\n",
			customer(n/s.each), n, s.number(), statuses[s.rand.IntN(len(statuses))], 100+s.rand.IntN(50_000), s.note(n), placed.Format(time.RFC3339))
	}
}

// number is what stands on the invoice.
func (s *shop) number() string {
	var b [6]byte
	for i := range b {
		b[i] = byte(s.rand.Uint32())
	}
	return hex.EncodeToString(b[:])
}

func (s *shop) note(n int) string {
	if n%4 != 0 {
		return "null"
	}
	return `"please leave it at the door"`
}
