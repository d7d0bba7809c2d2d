package partita_test

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/fault"
)

// A model is served from within a program, on a free port, until the context ends.
func Example() {
	dir, err := os.MkdirTemp("", "guests")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	app, err := partita.Open(partita.Config{
		ModelSource: []byte(`
service: guests
partitions:
  book: {by: book_id, type: string(20), expect: 100}
entities:
  entry: {in: book, key: n, expect: 1k, fields: {n: {type: int, default: next}, text: string(200)}}
reads:
  entries: {list: entry, sort: -n, page: 10, fresh: 1m}
writes:
  sign: {insert: entry, input: [text]}
`),
		DataDir: dir, Listen: "127.0.0.1:0", Admin: partita.None, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	if err := app.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer app.Stop(context.Background())

	base := "http://" + app.Addr()
	fmt.Println(post(base+"/v1/sign", `{"book_id": "lobby", "text": "Lovely stay"}`))
	fmt.Println(get(base + "/v1/entries/lobby"))
	// Output:
	// 201 {"book_id":"lobby","n":1,"text":"Lovely stay"}
	// 200 {"items":[{"book_id":"lobby","n":1,"text":"Lovely stay"}]}
}

// A write that the model declares with `code: true` is a Go function inside the partition's
// transaction: it sees its own effects, and an error undoes them.
func ExampleHandle() {
	dir, err := os.MkdirTemp("", "wallet")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	app, err := partita.Open(partita.Config{
		ModelSource: []byte(`
service: wallet
partitions:
  owner: {by: owner_id, type: string(20), expect: 100}
entities:
  coin: {in: owner, key: value, expect: 10, fields: {value: int, count: {type: int, min: 0}}}
reads:
  coins: {list: coin}
writes:
  put: {upsert: coin, input: [count]}
  pay:
    code: true
    in: owner
    input: {amount: {type: int, min: 1}}
    returns: {coins: int}
`),
		DataDir: dir, Listen: "127.0.0.1:0", Admin: partita.None, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	type coin struct{ Value, Count int }
	type payment struct{ Amount int }
	type handed struct{ Coins int }
	// Pays with the smallest coins first, and not at all if they do not make the amount.
	partita.Handle(app, "pay", func(_ context.Context, tx *partita.Tx, in payment) (handed, error) {
		var coins []coin
		if err := tx.List("coin", &coins, nil, 100); err != nil {
			return handed{}, err
		}
		left, out := in.Amount, handed{}
		for _, c := range coins {
			n := min(c.Count, left/c.Value)
			left, out.Coins = left-n*c.Value, out.Coins+n
			if err := tx.Update("coin", coin{c.Value, c.Count - n}, c.Value); err != nil {
				return handed{}, err
			}
		}
		if left > 0 {
			return handed{}, fault.New(fault.GuardFailed, "The coins do not make that amount.")
		}
		return out, nil
	})
	if err := app.Start(context.Background()); err != nil {
		log.Fatal(err)
	}
	defer app.Stop(context.Background())

	base := "http://" + app.Addr()
	post(base+"/v1/put", `{"owner_id": "ada", "value": 1, "count": 3}`)
	post(base+"/v1/put", `{"owner_id": "ada", "value": 5, "count": 2}`)
	fmt.Println(post(base+"/v1/pay", `{"owner_id": "ada", "amount": 8}`))
	fmt.Println(post(base+"/v1/pay", `{"owner_id": "ada", "amount": 8}`))
	fmt.Println(get(base + "/v1/coins/ada"))
	// Output:
	// 200 {"coins":4}
	// 409 The coins do not make that amount.
	// 200 {"items":[{"owner_id":"ada","value":1,"count":0},{"owner_id":"ada","value":5,"count":1}]}
}

// An App runs until its context ends, such as by a signal, and then stops gracefully.
func ExampleApp_Run() {
	dir, err := os.MkdirTemp("", "notes")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	app, err := partita.Open(partita.Config{
		Model: "cmd/partita/starter.yaml", DataDir: dir, Listen: "127.0.0.1:0", Admin: partita.None,
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background()) // in a program: signal.NotifyContext
	time.AfterFunc(100*time.Millisecond, stop)
	fmt.Println(app.Run(ctx))
	// Output: <nil>
}

func post(url, body string) string {
	res, err := http.Post(url, "application/json", strings.NewReader(body))
	if err != nil {
		log.Fatal(err)
	}
	return answer(res)
}

func get(url string) string {
	res, err := http.Get(url)
	if err != nil {
		log.Fatal(err)
	}
	return answer(res)
}

// answer gives the status, and the body, or of a problem its detail.
func answer(res *http.Response) string {
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		log.Fatal(err)
	}
	_, detail, problem := strings.Cut(string(body), `"detail":"`)
	if problem {
		detail, _, _ = strings.Cut(detail, `"`)
		return fmt.Sprint(res.StatusCode, " ", detail)
	}
	return fmt.Sprint(res.StatusCode, " ", string(body))
}
