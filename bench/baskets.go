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
	lines      = buyers * linesEach
	pageLines  = 150 // of an answer
	newLines   = 20  // of an order
	basketFile = "baskets.yaml"
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
		Customer: id(customerKind, n/linesEach), ID: id(lineKind, n), Basket: id(basketKind, n/newLines), Status: statuses[n%len(statuses)],
		SKU: fmt.Sprintf("sku-%08d", r.IntN(100_000)), Quantity: 1 + r.IntN(9), Price: r.IntN(100_000), Placed: time.Date(2026, 1, 1, 0, 0, n, 0, time.UTC),
	}
}

// importLines fills a store with the lines and gives its folder.
func (b *run) importLines() (string, error) {
	file, data := filepath.Join(b.dir, "lines.ndjson"), filepath.Join(b.dir, "baskets")
	f, err := os.Create(file)
	if err != nil {
		return "", err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for n := range lines {
		l := lineAt(n)
		fmt.Fprintf(w, `{"customer_id":%q,"line_id":%q,"basket_id":%q,"status":%q,"sku":%q,"quantity":%d,"price":%d,"placed_at":%q}`+"\n",
			l.Customer, l.ID, l.Basket, l.Status, l.SKU, l.Quantity, l.Price, l.Placed.Format(time.RFC3339))
	}
	if err := w.Flush(); err != nil {
		return "", err
	}
	cmd := exec.Command(b.partita, "import", "line", file, "--model", basketFile, "--data", data)
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

// postBasket places an order.
func (b *run) postBasket(r *rand.Rand, q []byte) []byte {
	body := make([]byte, 0, 2048)
	body = append(append(append(body, `{"customer_id":"`...), b.keys.customer[r.IntN(buyers)]...), `","lines":[`...)
	for i := range newLines {
		if i > 0 {
			body = append(body, ',')
		}
		body = strconv.AppendInt(append(body, `{"sku":"sku-`...), 10_000_000+r.Int64N(100_000), 10)
		body = strconv.AppendInt(append(body, `","quantity":`...), 1+r.Int64N(9), 10)
		body = append(strconv.AppendInt(append(body, `,"price":`...), r.Int64N(100_000), 10), '}')
	}
	body = append(body, "]}"...)
	q = strconv.AppendInt(append(q, "POST /v1/place_basket HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: "...), int64(len(body)), 10)
	return append(append(q, "\r\n\r\n"...), body...)
}
