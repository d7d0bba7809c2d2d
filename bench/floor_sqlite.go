package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/ncruces/go-sqlite3"
)

// openHand opens a hand-made database with the bench's orders, with the same promises as
// Partita's: write-ahead log, every commit synced.
func openHand(c floorConfig, fill bool) (string, *sqlite3.Conn, error) {
	path := filepath.Join(c.Dir, "hand.db")
	db, err := connect(path)
	if err != nil {
		return "", nil, err
	}
	err = db.Exec(`CREATE TABLE orders (customer_id TEXT NOT NULL, order_id TEXT NOT NULL, number TEXT NOT NULL, status TEXT NOT NULL,
		total INTEGER NOT NULL, note TEXT, placed_at TEXT NOT NULL, PRIMARY KEY (customer_id, order_id)) WITHOUT ROWID`)
	if err != nil || !fill {
		return path, db, err
	}
	if err := db.Exec("BEGIN"); err != nil {
		return "", nil, err
	}
	ins, _, err := db.Prepare(`INSERT INTO orders VALUES (?,?,?,?,?,?,?)`)
	if err != nil {
		return "", nil, err
	}
	defer ins.Close()
	for n := range orders {
		if err := insertOrder(ins, orderAt(n)); err != nil {
			return "", nil, err
		}
	}
	return path, db, db.Exec("COMMIT")
}

func connect(path string) (*sqlite3.Conn, error) {
	db, err := sqlite3.Open("file:" + path)
	if err != nil {
		return nil, err
	}
	return db, db.Exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000; PRAGMA cache_size=-65536")
}

func insertOrder(ins *sqlite3.Stmt, o order) error {
	ins.BindText(1, o.Customer)
	ins.BindText(2, o.ID)
	ins.BindText(3, o.Number)
	ins.BindText(4, o.Status)
	ins.BindInt(5, o.Total)
	if o.Note != nil {
		ins.BindText(6, *o.Note)
	} else {
		ins.BindNull(6)
	}
	ins.BindText(7, o.Placed.Format(time.RFC3339Nano))
	err := ins.Exec()
	return err
}

// handRead reads one order by its key: a pool of connections with a prepared statement each.
func handRead(c floorConfig) (http.Handler, error) {
	path, _, err := openHand(c, true)
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
		get, _, err := db.Prepare(`SELECT number, status, total, note, placed_at FROM orders WHERE customer_id=? AND order_id=?`)
		if err != nil {
			return nil, err
		}
		pool <- get
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		part := strings.Split(r.URL.Path, "/")
		if len(part) != 5 {
			http.NotFound(w, r)
			return
		}
		get := <-pool
		get.BindText(1, part[3])
		get.BindText(2, part[4])
		found := get.Step()
		o := order{Customer: part[3], ID: part[4]}
		if found {
			o.Number, o.Status, o.Total = get.ColumnText(0), get.ColumnText(1), get.ColumnInt(2)
			if get.ColumnType(3) != sqlite3.NULL {
				note := get.ColumnText(3)
				o.Note = &note
			}
			o.Placed, _ = time.Parse(time.RFC3339Nano, get.ColumnText(4))
		}
		err := get.Reset()
		pool <- get
		if err != nil || !found {
			http.NotFound(w, r)
			return
		}
		sendJSON(w, http.StatusOK, o)
	}), nil
}

func sendJSON(w http.ResponseWriter, status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(b)))
	w.WriteHeader(status)
	w.Write(b)
}

// decodeOrder makes an order of a request's body.
func decodeOrder(w http.ResponseWriter, r *http.Request) (order, bool) {
	var in struct {
		Customer string  `json:"customer_id"`
		Total    int     `json:"total"`
		Note     *string `json:"note"`
	}
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(&in); err != nil || uuid.Validate(in.Customer) != nil || in.Total < 0 {
		http.Error(w, "bad input", http.StatusBadRequest)
		return order{}, false
	}
	key := uuid.Must(uuid.NewV7()).String()
	return order{Customer: in.Customer, ID: key, Number: key[24:], Status: "placed", Total: in.Total, Note: in.Note, Placed: time.Now().UTC()}, true
}

// handWrite inserts each order in a transaction of its own.
func handWrite(c floorConfig) (http.Handler, error) {
	_, db, err := openHand(c, true)
	if err != nil {
		return nil, err
	}
	ins, _, err := db.Prepare(`INSERT INTO orders VALUES (?,?,?,?,?,?,?)`)
	if err != nil {
		return nil, err
	}
	var mu sync.Mutex
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := decodeOrder(w, r)
		if !ok {
			return
		}
		mu.Lock()
		err := insertOrder(ins, o) // outside BEGIN, so a transaction by itself
		mu.Unlock()
		if err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusCreated, o)
	}), nil
}

// handGroup inserts orders in groups: one goroutine takes all that wait, and commits once.
func handGroup(c floorConfig) (http.Handler, error) {
	_, db, err := openHand(c, true)
	if err != nil {
		return nil, err
	}
	ins, _, err := db.Prepare(`INSERT INTO orders VALUES (?,?,?,?,?,?,?)`)
	if err != nil {
		return nil, err
	}
	commit := inGroups(db, func(o order) error { return insertOrder(ins, o) })
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o, ok := decodeOrder(w, r)
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

// inGroups gives what writes something and returns when it is committed: one goroutine takes all that waits, and
// commits once.
func inGroups[T any](db *sqlite3.Conn, write func(T) error) func(T) error {
	type job struct {
		of   T
		done chan error
	}
	queue := make(chan job, 1024)
	go func() {
		for first := range queue {
			group := []job{first}
			for more := true; more && len(group) < 256; {
				select {
				case j := <-queue:
					group = append(group, j)
				default:
					more = false
				}
			}
			err := db.Exec("BEGIN IMMEDIATE")
			for _, j := range group {
				if err == nil {
					err = write(j.of)
				}
			}
			if err == nil {
				err = db.Exec("COMMIT")
			}
			if err != nil {
				fmt.Println("group:", err)
			}
			for _, j := range group {
				j.done <- err
			}
		}
	}()
	return func(of T) error {
		j := job{of, make(chan error, 1)}
		queue <- j
		return <-j.done
	}
}
