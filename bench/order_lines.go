package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"
)

// The data of the servers of which much is asked at once: 320 customers with 600 lines of orders each,
// 150 of each status.
const (
	buyers     = 320
	linesEach  = 600
	allLines   = buyers * linesEach
	pageLines  = 150 // of an answer
	orderLines = 20  // of an order
	linesModel = "lines.yaml"
)

var statuses = [...]string{"placed", "paid", "shipped", "cancelled"}

// orderLine is one line of an order as all servers keep it.
type orderLine struct {
	Customer string    `json:"customer_id"`
	ID       string    `json:"line_id"`
	Basket   string    `json:"basket_id"`
	Status   string    `json:"status"`
	SKU      string    `json:"sku"`
	Quantity int       `json:"quantity"`
	Price    int       `json:"price"`
	Placed   time.Time `json:"placed_at"`
}

// lineAt gives the n-th line.
func lineAt(n int) orderLine {
	r := rand.New(rand.NewPCG(8, uint64(n)))
	return orderLine{
		Customer: id(customerKind, n/linesEach), ID: id(lineKind, n), Basket: id(basketKind, n/orderLines), Status: statuses[n%len(statuses)],
		SKU: fmt.Sprintf("sku-%08d", r.IntN(100_000)), Quantity: 1 + r.IntN(9), Price: r.IntN(100_000), Placed: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
	}
}

// importLines fills a store with the lines and gives its folder.
func (b *run) importLines() (string, error) {
	file, data := filepath.Join(b.dir, "lines.ndjson"), filepath.Join(b.dir, "lines")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range allLines {
		l := lineAt(n)
		fmt.Fprintf(w, `{"customer_id":%q,"line_id":%q,"basket_id":%q,"status":%q,"sku":%q,"quantity":%d,"price":%d,"placed_at":%q}`+"\n",
			l.Customer, l.ID, l.Basket, l.Status, l.SKU, l.Quantity, l.Price, l.Placed.Format(time.RFC3339))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	cmd := exec.Command(b.partita, "import", "line", file, "--model", linesModel, "--data", data)
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return data, nil
}

// getLines asks for the newest lines of one status.
func (b *run) getLines(r *rand.Rand, q []byte) []byte {
	q = append(append(q, "GET /v1/lines/"...), b.keys.customer[r.IntN(buyers)]...)
	q = append(append(q, "?status="...), statuses[r.IntN(len(statuses))]...)
	return append(q, " HTTP/1.1\r\nHost: bench\r\n\r\n"...)
}

// changeLines changes all lines of an order.
func (b *run) changeLines(ids []string) request {
	var body []byte
	return func(r *rand.Rand, q []byte) []byte {
		n := r.IntN(allLines/orderLines) * orderLines
		body = append(append(append(body[:0], `{"customer_id":"`...), b.keys.customer[n/linesEach]...), `","lines":[`...)
		for i := range orderLines {
			if i > 0 {
				body = append(body, ',')
			}
			body = append(append(append(body, `{"line_id":"`...), ids[n+i]...), `","quantity":`...)
			body = append(strconv.AppendInt(body, 1+r.Int64N(9), 10), `,"price":`...)
			body = append(strconv.AppendInt(body, r.Int64N(100_000), 10), '}')
		}
		body = append(body, "]}"...)
		q = append(q, "POST /v1/change_lines HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "...)
		q = strconv.AppendInt(q, int64(len(body)), 10)
		return append(append(q, "\r\n\r\n"...), body...)
	}
}

// lineIDs are made once, as the others.
func lineIDs() []string {
	ids := make([]string, allLines)
	for n := range ids {
		ids[n] = id(lineKind, n)
	}
	return ids
}
