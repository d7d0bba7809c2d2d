package httpapi_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
)

// accepting is a service that accepts writes for later, and carries them out while work is called.
type accepting struct {
	*service
	*accept.Acceptor
}

// acceptor is an Acceptor that is there a little later than the API.
type acceptor struct{ httpapi.Acceptor }

func acceptingShop(t *testing.T) *accepting { return acceptingModel(t, models(t)["shop"]) }

func acceptingModel(t *testing.T, m *model.Model) *accepting {
	t.Helper()
	later := &acceptor{}
	var paths *engine.Engine
	s := serve(t, m, func(c *httpapi.Config) {
		paths, c.Accepts = c.Engine.(*engine.Engine), later
	})
	b, err := bus.Open(t.Context(), bus.Config{Service: "shop", Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	})
	a, err := accept.New(accept.Config{Engine: paths, Store: s.store, Bus: b, Books: work.Extend(s.model)})
	if err != nil {
		t.Fatal(err)
	}
	later.Acceptor = a
	return &accepting{s, a}
}

func (s *accepting) work() {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for shard := range bus.Shards {
		wg.Go(func() { s.Carry(ctx, shard) })
	}
	s.t.Cleanup(func() { cancel(); wg.Wait() })
}

func orderOf(customer string, total int) string {
	return fmt.Sprintf(`{"customer_id":%q,"total":%d,"lines":[{"sku":"a","quantity":1,"price":%d}]}`, customer, total, total)
}

const async = "Prefer: respond-async"

func TestAcceptedWrite(t *testing.T) {
	s := acceptingShop(t)
	owner := token(t, ann)
	a := s.want(202, "POST", "/v1/place_order", orderOf(ann, 5), owner, async)
	place := a.header.Get("Location")
	if a.header.Get("Preference-Applied") != "respond-async" || place != "/v1/operations/"+a.field(t, "id") ||
		a.field(t, "status") != "pending" || a.field(t, "partition") != ann || a.field(t, "family") != "customer" || a.field(t, "write") != "place_order" {
		t.Errorf("%v %s", a.header, a.body)
	}
	if got := s.want(200, "GET", place, "", owner); got.body != a.body {
		t.Errorf("pending: %s", got.body)
	}
	s.want(200, "GET", place+"?wait=0", "", owner)
	s.work()
	done := s.want(200, "GET", place+"?wait=10s", "", owner)
	var o struct {
		Status string
		Result struct {
			Status  int
			Headers map[string]string
			Body    json.RawMessage
		}
	}
	if err := json.Unmarshal([]byte(done.body), &o); err != nil || o.Status != "done" || o.Result.Status != 201 {
		t.Fatalf("%v %s", err, done.body)
	}
	row := s.want(200, "GET", o.Result.Headers["Location"], "", owner, "Partita-Min-Version: "+o.Result.Headers["Partita-Version"])
	if !strings.Contains(string(o.Result.Body), row.body) || row.header.Get("ETag") != o.Result.Headers["ETag"] ||
		done.header.Get("Partita-Version") != o.Result.Headers["Partita-Version"] {
		t.Errorf("the result is %s, the row %s", done.body, row.body)
	}
	s.want(404, "GET", place, "", token(t, bob))
	s.want(404, "GET", place, "")
	s.want(404, "GET", place+"x", "", owner)
	s.want(404, "GET", place+"/x", "", owner)
	s.want(404, "GET", "/v1/operations", "", owner)
	s.want(401, "GET", place, "", "Authorization: Bearer x")
	s.want(405, "DELETE", place, "", owner)
	s.want(422, "GET", place+"?wait=soon", "", owner)
	s.want(422, "GET", place+"?since=1", "", owner)
	if a := s.want(200, "HEAD", place, "", owner); a.body != "" {
		t.Error("HEAD has a body")
	}
}

func TestAcceptedWriteThatWaits(t *testing.T) {
	s := acceptingShop(t)
	s.work()
	owner := token(t, ann)
	a := s.want(201, "POST", "/v1/place_order", orderOf(ann, 5), owner, "Prefer: wait=20, respond-async")
	if a.header.Get("Preference-Applied") != "respond-async, wait=20" || a.header.Get("Location") == "" || a.header.Get("ETag") == "" {
		t.Errorf("%v", a.header)
	}
	sync := s.want(201, "POST", "/v1/place_order", orderOf(ann, 5), owner)
	if sync.header.Get("Preference-Applied") != "" || len(a.body)-len(sync.body) > 10 || len(sync.body)-len(a.body) > 10 {
		t.Errorf("not the synchronous answer: %s, %s", a.body, sync.body)
	}
	// A repeat is the same operation, synchronous or not.
	first := s.want(201, "POST", "/v1/place_order", orderOf(ann, 6), owner, "Prefer: respond-async, wait=20", "Idempotency-Key: k")
	again := s.want(201, "POST", "/v1/place_order", orderOf(ann, 6), owner, "Idempotency-Key: k")
	if again.body != first.body || again.header.Get("Idempotency-Replayed") != "true" {
		t.Errorf("%s %v, at first %s", again.body, again.header, first.body)
	}
	s.want(422, "POST", "/v1/place_order", orderOf(ann, 7), owner, "Prefer: respond-async, wait=20", "Idempotency-Key: k")
}

func TestPreferences(t *testing.T) {
	s := acceptingShop(t)
	s.work()
	owner := token(t, ann)
	for prefer, want := range map[string]int{
		"respond-async":                        202,
		"RESPOND-ASYNC; foo=\"bar\"":           202,
		"return=minimal, respond-async":        202,
		"respond-async, wait=20, wait=0":       201,
		"respond-async, wait=soon":             202,
		"wait=20":                              201,
		"handling=lenient":                     201,
		"":                                     201,
		"respond-async=1 , wait = 20":          201,
		"respond-async, wait=99999999999999":   202,
		"respond-async, wait=\"20\"; x, other": 201,
	} {
		if a := s.do("POST", "/v1/place_order", orderOf(ann, 5), owner, "Prefer: "+prefer); a.status != want {
			t.Errorf("%q: %d, want %d: %s", prefer, a.status, want, a.body)
		}
	}
	s.want(201, "POST", "/v1/put_customer", fmt.Sprintf(`{"customer_id":%q,"name":"Ann","email":"a@b.example"}`, bob), token(t, bob), async)
}

func TestWhatIsRefusedAtOnce(t *testing.T) {
	s := acceptingShop(t) // and nobody carries anything out
	owner := token(t, ann)
	s.want(401, "POST", "/v1/place_order", orderOf(ann, 5), async)
	s.want(403, "POST", "/v1/place_order", orderOf(bob, 5), owner, async)
	s.want(422, "POST", "/v1/place_order", `{"customer_id":"x"}`, owner, async)
	s.want(400, "POST", "/v1/place_order", `{`, owner, async)
	s.want(400, "POST", "/v1/place_order", orderOf(ann, 5), owner, async, "Partita-After: nothing")
	s.want(400, "POST", "/v1/put_customer", fmt.Sprintf(`{"customer_id":%q,"name":"Ann","email":"a@b.example"}`, ann), owner, "Partita-After: nothing")
}

func TestOrderBetweenModes(t *testing.T) {
	s := acceptingShop(t)
	owner := token(t, ann)
	s.want(201, "POST", "/v1/put_customer", fmt.Sprintf(`{"customer_id":%q,"name":"Ann","email":"a@b.example"}`, ann), owner)
	placed := s.want(202, "POST", "/v1/place_order", orderOf(ann, 5), owner, async)
	s.work()
	s.want(200, "POST", "/v1/put_customer", fmt.Sprintf(`{"customer_id":%q,"name":"Eve","email":"a@b.example"}`, ann), owner,
		"Partita-After: "+placed.header.Get("Location"))
	if o := s.want(200, "GET", placed.header.Get("Location"), "", owner); o.field(t, "status") != "done" {
		t.Errorf("it did not come after: %s", o.body)
	}
}

func TestFailedOperation(t *testing.T) {
	s := acceptingShop(t)
	s.work()
	owner := token(t, ann)
	twice := fmt.Sprintf(`{"customer_id":%q,"total":1,"lines":[{"sku":"a","quantity":1,"price":1},{"sku":"a","quantity":1,"price":1}]}`, ann)
	a := s.want(202, "POST", "/v1/place_order", twice, owner, async, "Idempotency-Key: k")
	o := s.want(200, "GET", a.header.Get("Location")+"?wait=10", "", owner)
	var failed struct {
		Status  string
		Problem problem
		Result  any
	}
	if err := json.Unmarshal([]byte(o.body), &failed); err != nil || failed.Status != "failed" || failed.Problem.code() != "exists" ||
		failed.Problem.Status != 409 || failed.Problem.Detail == "" || failed.Result != nil {
		t.Errorf("%v: %s", err, o.body)
	}
	now := s.want(409, "POST", "/v1/place_order", twice, owner, "Idempotency-Key: k")
	if problemIn(t, now).Detail != failed.Problem.Detail {
		t.Errorf("carried out at once: %s", now.body)
	}
}

func TestBatchOfAcceptedWrites(t *testing.T) {
	s := acceptingShop(t)
	owner := token(t, ann)
	item := func(write, input string) string { return fmt.Sprintf(`{"write":%q,"input":%s}`, write, input) }
	body := `{"writes":[` + strings.Join([]string{
		item("place_order", orderOf(ann, 1)), item("put_customer", fmt.Sprintf(`{"customer_id":%q,"name":"Ann","email":"a@b.example"}`, ann)),
		item("place_order", orderOf(ann, 2)), item("place_order", orderOf(bob, 3)),
	}, ",") + `]}`
	a := s.want(200, "POST", "/v1/batch", body, owner, async)
	var batch struct {
		Results []struct {
			Status  int
			Headers map[string]string
			Body    struct{ Status string }
		}
	}
	if err := json.Unmarshal([]byte(a.body), &batch); err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{202, 201, 202, 403} {
		if r := batch.Results[i]; r.Status != want || want == 202 && r.Body.Status != "pending" {
			t.Errorf("write %d: %+v", i, r)
		}
	}
	s.work()
	for _, i := range []int{0, 2} {
		if o := s.want(200, "GET", batch.Results[i].Headers["Location"]+"?wait=10s", "", owner); o.field(t, "status") != "done" {
			t.Error(o.body)
		}
	}
}

// Where nothing can be accepted, the preference is passed over.
func TestWithoutAcceptor(t *testing.T) {
	s := shop(t)
	owner := token(t, ann)
	if a := s.want(201, "POST", "/v1/place_order", orderOf(ann, 5), owner, async); a.header.Get("Preference-Applied") != "" {
		t.Errorf("%v", a.header)
	}
	s.want(404, "GET", "/v1/operations/x", "", owner)
	s.want(400, "POST", "/v1/place_order", orderOf(ann, 5), owner, "Partita-After: x")
}

var _ httpapi.Acceptor = (*accept.Acceptor)(nil)

func TestAsyncAlways(t *testing.T) {
	m := models(t)["shop"]
	always := *m.Write("place_order")
	always.Async = model.AsyncAlways
	changed := *m
	changed.Writes = append([]*model.Write(nil), m.Writes...)
	changed.Writes[always.ID] = &always
	s := acceptingModel(t, &changed)
	got := s.want(202, "POST", "/v1/place_order", orderOf(ann, 5), token(t, ann))
	if got.header.Get("Preference-Applied") != "" || got.header.Get("Location") == "" {
		t.Errorf("%v", got.header)
	}
}
