package main

import (
	"encoding/json"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// The tables and indexes are those that Partita makes of the same model.
const basketTables = `
CREATE TABLE basket (customer_id TEXT NOT NULL, basket_id TEXT NOT NULL, placed_at TEXT NOT NULL, PRIMARY KEY (customer_id, basket_id)) WITHOUT ROWID;
CREATE TABLE line (customer_id TEXT NOT NULL, line_id TEXT NOT NULL, basket_id TEXT NOT NULL, status TEXT NOT NULL, sku TEXT NOT NULL,
	quantity INTEGER NOT NULL, price INTEGER NOT NULL, placed_at TEXT NOT NULL, PRIMARY KEY (customer_id, line_id)) WITHOUT ROWID;
CREATE INDEX line_placed ON line (customer_id, placed_at, line_id);
CREATE INDEX line_status ON line (customer_id, status, placed_at, line_id)`

const (
	insertLineSQL   = `INSERT INTO line VALUES (?,?,?,?,?,?,?,?)`
	insertBasketSQL = `INSERT INTO basket VALUES (?,?,?)`
)

// stamp writes times so that their order is that of their texts.
const stamp = "2006-01-02T15:04:05.000000Z"

// openBaskets opens a hand-made database with the lines, with the same promises as Partita's.
func openBaskets(c floorConfig) (string, *sqlite3.Conn, error) {
	path := filepath.Join(c.Dir, "hand.db")
	db, err := connect(path)
	if err != nil {
		return "", nil, err
	}
	if err := db.Exec(basketTables + "; BEGIN"); err != nil {
		return "", nil, err
	}
	ins, _, err := db.Prepare(insertLineSQL)
	if err != nil {
		return "", nil, err
	}
	defer ins.Close()
	for n := range lines {
		if err := insertLine(ins, lineAt(n)); err != nil {
			return "", nil, err
		}
	}
	return path, db, db.Exec("COMMIT")
}

func insertLine(ins *sqlite3.Stmt, l orderLine) error {
	for i, text := range [...]string{l.Customer, l.ID, l.Basket, l.Status, l.SKU} {
		ins.BindText(i+1, text)
	}
	ins.BindInt(6, l.Quantity)
	ins.BindInt(7, l.Price)
	ins.BindText(8, l.Placed.Format(stamp))
	return ins.Exec()
}

// handLines lists the newest lines of one status: a pool of connections with a prepared statement each.
func handLines(c floorConfig) (http.Handler, error) {
	path, _, err := openBaskets(c)
	if err != nil {
		return nil, err
	}
	n := 2 * runtime.NumCPU()
	pool := make(chan *sqlite3.Stmt, n)
	for range n {
		db, err := connect(path)
		if err != nil {
			return nil, err
		}
		list, _, err := db.Prepare(`SELECT line_id, basket_id, status, sku, quantity, price, placed_at FROM line INDEXED BY line_status
			WHERE customer_id=? AND status=? ORDER BY placed_at DESC, line_id DESC LIMIT 151`)
		if err != nil {
			return nil, err
		}
		pool <- list
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		customer := strings.TrimPrefix(r.URL.Path, "/v1/lines/")
		if uuid.Validate(customer) != nil {
			http.NotFound(w, r)
			return
		}
		list := <-pool
		found, err := listLines(list, customer, r.FormValue("status"))
		pool <- list
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		var page struct {
			Items []orderLine `json:"items"`
			Next  string      `json:"next,omitempty"`
		}
		page.Items = found
		if len(found) > pageLines {
			page.Items, page.Next = found[:pageLines], found[pageLines-1].ID
		}
		sendJSON(w, http.StatusOK, page)
	}), nil
}

func listLines(list *sqlite3.Stmt, customer, status string) ([]orderLine, error) {
	list.BindText(1, customer)
	list.BindText(2, status)
	found := make([]orderLine, 0, pageLines+1)
	for list.Step() {
		l := orderLine{Customer: customer, ID: list.ColumnText(0), Basket: list.ColumnText(1), Status: list.ColumnText(2), SKU: list.ColumnText(3),
			Quantity: list.ColumnInt(4), Price: list.ColumnInt(5)}
		l.Placed, _ = time.Parse(stamp, list.ColumnText(6))
		found = append(found, l)
	}
	return found, list.Reset()
}

// basket is an order with its lines.
type basket struct {
	Basket struct {
		Customer string    `json:"customer_id"`
		ID       string    `json:"basket_id"`
		Placed   time.Time `json:"placed_at"`
	} `json:"basket"`
	Lines []orderLine `json:"line"`
}

// decodeBasket makes an order of a request's body.
func decodeBasket(w http.ResponseWriter, r *http.Request) (o basket, ok bool) {
	var in struct {
		Customer string `json:"customer_id"`
		Lines    []struct {
			SKU      string `json:"sku"`
			Quantity int    `json:"quantity"`
			Price    int    `json:"price"`
		} `json:"lines"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || uuid.Validate(in.Customer) != nil || len(in.Lines) > 50 {
		http.Error(w, "bad input", http.StatusBadRequest)
		return o, false
	}
	o.Basket.Customer, o.Basket.ID, o.Basket.Placed = in.Customer, uuid.Must(uuid.NewV7()).String(), time.Now().UTC()
	for _, l := range in.Lines {
		if l.Quantity < 1 || l.Price < 0 || len(l.SKU) > 24 {
			http.Error(w, "bad input", http.StatusBadRequest)
			return o, false
		}
		o.Lines = append(o.Lines, orderLine{Customer: in.Customer, ID: uuid.Must(uuid.NewV7()).String(), Basket: o.Basket.ID, Status: "placed",
			SKU: l.SKU, Quantity: l.Quantity, Price: l.Price, Placed: o.Basket.Placed})
	}
	return o, true
}

// handBaskets inserts orders with their lines in groups.
func handBaskets(c floorConfig) (http.Handler, error) {
	_, db, err := openBaskets(c)
	if err != nil {
		return nil, err
	}
	head, _, err := db.Prepare(insertBasketSQL)
	if err != nil {
		return nil, err
	}
	ins, _, err := db.Prepare(insertLineSQL)
	if err != nil {
		return nil, err
	}
	commit := inGroups(db, func(o basket) error {
		head.BindText(1, o.Basket.Customer)
		head.BindText(2, o.Basket.ID)
		head.BindText(3, o.Basket.Placed.Format(stamp))
		err := head.Exec()
		for _, l := range o.Lines {
			if err == nil {
				err = insertLine(ins, l)
			}
		}
		return err
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := decodeBasket(w, r)
		if !ok {
			return
		}
		if err := commit(o); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusCreated, o)
	}), nil
}
