package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// The table and indexes are those that Partita makes of the same model.
const lineTables = `
CREATE TABLE line (customer_id TEXT NOT NULL, line_id TEXT NOT NULL, basket_id TEXT NOT NULL, status TEXT NOT NULL, sku TEXT NOT NULL,
	quantity INTEGER NOT NULL, price INTEGER NOT NULL, placed_at TEXT NOT NULL, PRIMARY KEY (customer_id, line_id)) WITHOUT ROWID;
CREATE INDEX line_placed ON line (customer_id, placed_at, line_id);
CREATE INDEX line_status ON line (customer_id, status, placed_at, line_id)`

// stamp writes times so that their order is that of their texts.
const stamp = "2006-01-02T15:04:05.000000Z"

// openLines opens a hand-made database with the lines, with the same promises as Partita's.
func openLines(c floorConfig) (string, *sqlite3.Conn, error) {
	path := filepath.Join(c.Dir, "hand.db")
	db, err := connect(path)
	if err != nil {
		return "", nil, err
	}
	if err := db.Exec(lineTables + "; BEGIN"); err != nil {
		return "", nil, err
	}
	ins, _, err := db.Prepare(`INSERT INTO line VALUES (?,?,?,?,?,?,?,?)`)
	if err != nil {
		return "", nil, err
	}
	defer ins.Close()
	for n := range allLines {
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
	path, _, err := openLines(c)
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

// change is what a request changes of a line.
type change struct {
	ID       string `json:"line_id"`
	Quantity int    `json:"quantity"`
	Price    int    `json:"price"`
}

// changes are those of one request, and then the lines as they are committed.
type changes struct {
	Customer string   `json:"customer_id"`
	Lines    []change `json:"lines"`
	done     []orderLine
}

// decodeChanges makes changes of a request's body.
func decodeChanges(w http.ResponseWriter, r *http.Request) (in changes, ok bool) {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	err := d.Decode(&in)
	ok = err == nil && uuid.Validate(in.Customer) == nil && len(in.Lines) <= 50
	for _, l := range in.Lines {
		ok = ok && uuid.Validate(l.ID) == nil && l.Quantity >= 1 && l.Price >= 0
	}
	if !ok {
		http.Error(w, "bad input", http.StatusBadRequest)
	}
	return in, ok
}

// handChanges changes lines in groups.
func handChanges(c floorConfig) (http.Handler, error) {
	_, db, err := openLines(c)
	if err != nil {
		return nil, err
	}
	get, _, err := db.Prepare(`SELECT basket_id, status, sku, placed_at FROM line WHERE customer_id=? AND line_id=?`)
	if err != nil {
		return nil, err
	}
	set, _, err := db.Prepare(`UPDATE line SET quantity=?, price=? WHERE customer_id=? AND line_id=?`)
	if err != nil {
		return nil, err
	}
	commit := inGroups(db, func(all *changes) error {
		for _, of := range all.Lines {
			l, err := changeLine(get, set, all.Customer, of)
			if err != nil {
				return err
			}
			all.done = append(all.done, l)
		}
		return nil
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, ok := decodeChanges(w, r)
		if !ok {
			return
		}
		if err := commit(&all); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusOK, map[string][]orderLine{"line": all.done})
	}), nil
}

func changeLine(get, set *sqlite3.Stmt, customer string, of change) (orderLine, error) {
	get.BindText(1, customer)
	get.BindText(2, of.ID)
	if !get.Step() {
		return orderLine{}, errors.Join(get.Reset(), errors.New("there is no such line"))
	}
	l := orderLine{Customer: customer, ID: of.ID, Basket: get.ColumnText(0), Status: get.ColumnText(1), SKU: get.ColumnText(2), Quantity: of.Quantity, Price: of.Price}
	l.Placed, _ = time.Parse(stamp, get.ColumnText(3))
	if err := get.Reset(); err != nil {
		return l, err
	}
	set.BindInt(1, of.Quantity)
	set.BindInt(2, of.Price)
	set.BindText(3, customer)
	set.BindText(4, of.ID)
	return l, set.Exec()
}
