package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/store"
)

var update = flag.Bool("update", false, "write the golden files anew")

// panics is the Go function of every code write in these tests: a defect.
func panics(context.Context, store.Tx, *engine.Input) ([]byte, error) {
	panic("a defect with a secret in it")
}

// stocked starts the shop with one customer, who has a paid order and a placed one.
func stocked(t *testing.T) (s *service, me, paid, placed string) {
	s = shop(t)
	me = token(t, ann)
	s.want(201, "POST", "/v1/put_customer", `{"customer_id":"`+ann+`","name":"Ann","email":"ann@example.com"}`, me)
	s.want(200, "POST", "/v1/add_credit", `{"customer_id":"`+ann+`","amount":100}`, token(t, "ops", "staff"))
	place := func() string {
		a := s.want(201, "POST", "/v1/place_order", `{"customer_id":"`+ann+`","total":60,"lines":[{"sku":"tea","quantity":2,"price":30}]}`, me)
		var body struct {
			Order struct {
				ID string `json:"order_id"`
			}
		}
		if err := json.Unmarshal([]byte(a.body), &body); err != nil {
			t.Fatal(err)
		}
		return body.Order.ID
	}
	paid, placed = place(), place()
	s.want(200, "POST", "/v1/pay_order", order(paid), me)
	return s, me, paid, placed
}

func order(id string) string { return `{"customer_id":"` + ann + `","order_id":"` + id + `"}` }

type badCase struct {
	name, method, path, body string
	headers                  []string
	status                   int
	code, places             string
}

func badCases(t *testing.T, me, paid, placed string) []badCase {
	const place, gone = "/v1/place_order", "01890a5d-ac96-774b-bcce-b302099a80ff"
	post := func(name, path, body string, status int, code, places string, headers ...string) badCase {
		return badCase{name, "POST", path, body, append([]string{me}, headers...), status, code, places}
	}
	get := func(name, path string, status int, code, places string, headers ...string) badCase {
		return badCase{name, "GET", path, "", append([]string{me}, headers...), status, code, places}
	}
	with := func(rest string) string { return `{"customer_id":"` + ann + `"` + rest + `}` }
	good := with(`,"total":1,"lines":[]`)
	expired, err := mintExpired()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Repeat(`{"sku":"a","quantity":1,"price":1},`, 101)
	cases := []badCase{
		post("unknown field", place, with(`,"total":1,"lines":[],"colour":"red"`), 422, "invalid_input", "pointer /colour"),
		post("field that input does not list", place, with(`,"total":1,"lines":[],"status":"paid"`), 422, "invalid_input", "pointer /status"),
		post("field that input does not list, in an item", place, with(`,"total":1,"lines":[{"sku":"a","quantity":1,"price":1,"order_id":"`+placed+`"}]`), 422, "invalid_input", "pointer /lines/0/order_id"),
		post("wrong type", place, with(`,"total":"much","lines":[]`), 422, "invalid_input", "pointer /total"),
		post("fraction", place, with(`,"total":1.5,"lines":[]`), 422, "invalid_input", "pointer /total"),
		post("null", place, with(`,"total":null,"lines":[]`), 422, "invalid_input", "pointer /total"),
		post("missing field", place, with(`,"lines":[]`), 422, "invalid_input", "pointer /total"),
		post("missing partition", place, `{"total":1,"lines":[]}`, 422, "invalid_input", "pointer /customer_id"),
		post("partition that is no uuid", place, `{"customer_id":"ann","total":1,"lines":[]}`, 422, "invalid_input", "pointer /customer_id"),
		post("out of range", place, with(`,"total":-1,"lines":[]`), 422, "out_of_bounds", "pointer /total"),
		post("beyond 64 bits", place, with(`,"total":9223372036854775808,"lines":[]`), 422, "out_of_bounds", "pointer /total"),
		post("out of range, in an item", place, with(`,"total":1,"lines":[{"sku":"a","quantity":0,"price":1}]`), 422, "out_of_bounds", "pointer /lines/0/quantity"),
		post("too many items", place, with(`,"total":1,"lines":[`+lines[:len(lines)-1]+`]`), 422, "too_many", "pointer /lines"),
		post("too long a text", place, with(`,"total":1,"lines":[],"note":"`+strings.Repeat("x", 2001)+`"`), 422, "out_of_bounds", "pointer /note"),
		post("several at once", place, with(`,"total":"x","lines":[{"sku":1}],"colour":1`), 422, "invalid_input",
			"pointer /total, pointer /lines/0/sku, pointer /lines/0/quantity, pointer /lines/0/price, pointer /colour"),
		post("too large a body", place, with(`,"note":"`+strings.Repeat("x", 1<<20)+`"`), 413, "too_large", ""),
		post("broken JSON", place, `{"customer_id":`, 400, "bad_request", "pointer /customer_id"),
		post("empty body", place, ``, 400, "bad_request", ""),
		post("array", place, `[]`, 422, "invalid_input", "pointer "),
		post("trailing data", place, good+`{}`, 400, "bad_request", ""),
		post("duplicate key", place, with(`,"total":1,"total":2,"lines":[]`), 422, "invalid_input", "pointer /total"),
		post("not UTF-8", place, with(",\"note\":\"\xff\",\"total\":1,\"lines\":[]"), 400, "bad_request", "pointer /note"),
		post("form", place, "total=1", 415, "unsupported_media", "header Content-Type", "Content-Type: application/x-www-form-urlencoded"),
		post("other charset", place, good, 415, "unsupported_media", "header Content-Type", "Content-Type: application/json; charset=latin1"),
		post("compressed", place, good, 415, "unsupported_media", "header Content-Encoding", "Content-Encoding: gzip"),
		post("query on a write", place+"?dry=1", good, 400, "bad_request", ""),
		post("accepts no JSON", place, good, 406, "not_acceptable", "header Accept", "Accept: text/html, application/json;q=0"),
		{"no token", "POST", place, good, nil, 401, "unauthenticated", ""},
		{"no token to read", "GET", "/v1/orders/" + ann, "", nil, 401, "unauthenticated", ""},
		post("wrong token", place, good, 401, "unauthenticated", "", me+"x"),
		post("other scheme", place, good, 401, "unauthenticated", "", "Authorization: Basic YTpi"),
		post("two tokens", place, good, 401, "unauthenticated", "", "+"+me),
		post("expired token", place, good, 401, "unauthenticated", "", "Authorization: Bearer "+expired),
		post("foreign partition", place, `{"customer_id":"`+bob+`","total":1,"lines":[]}`, 403, "forbidden", ""),
		get("foreign partition to read", "/v1/orders/"+bob, 403, "forbidden", ""),
		post("not staff", "/v1/add_credit", with(`,"amount":1`), 403, "forbidden", ""),
		get("unknown read", "/v1/nothing/"+ann, 404, "unknown_pattern", ""),
		post("unknown write", "/v1/nothing", `{}`, 404, "unknown_pattern", ""),
		get("outside", "/admin", 404, "unknown_pattern", ""),
		get("read without its partition", "/v1/orders", 404, "unknown_pattern", ""),
		get("read with too short a key", "/v1/order/"+ann, 404, "unknown_pattern", ""),
		get("read with too long a key", "/v1/order/"+ann+"/"+placed+"/", 404, "unknown_pattern", ""),
		get("write by GET", place, 405, "method_not_allowed", ""),
		post("read by POST", "/v1/orders/"+ann, `{}`, 405, "method_not_allowed", ""),
		{"DELETE", "DELETE", "/v1/order/" + ann + "/" + placed, "", []string{me}, 405, "method_not_allowed", ""},
		get("no such row", "/v1/order/"+ann+"/"+gone, 404, "not_found", ""),
		get("key that is no uuid", "/v1/order/"+ann+"/7", 422, "invalid_input", "parameter order_id"),
		get("path and query both wrong", "/v1/orders/7?status=lost&colour=red", 422, "invalid_input", "parameter customer_id, parameter status, parameter colour"),
		get("unknown parameter", "/v1/order/"+ann+"/"+placed+"?colour=red", 422, "invalid_input", "parameter colour"),
		get("parameter twice", "/v1/orders/"+ann+"?status=paid&status=placed", 422, "invalid_input", "parameter status"),
		get("bound that is no time", "/v1/orders/"+ann+"?placed_at.from=yesterday", 422, "invalid_input", "parameter placed_at.from"),
		get("missing parameter", "/v1/lines/"+ann, 422, "invalid_input", "parameter order_id"),
		get("broken percent", "/v1/orders/"+ann+"?status=%25zz%", 400, "bad_request", "parameter status"),
		get("broken percent in what is needed", "/v1/lines/"+ann+"?order_id=%zz", 400, "bad_request", "parameter order_id"),
		get("forged cursor", "/v1/orders/"+ann+"?after=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 400, "bad_cursor", ""),
		get("empty cursor", "/v1/orders/"+ann+"?after=", 400, "bad_cursor", "parameter after"),
		get("two cursors", "/v1/orders/"+ann+"?after=AA&before=AA", 422, "invalid_input", "parameter before"),
		get("forged version", "/v1/orders/"+ann, 400, "bad_request", "header Partita-Min-Version", "Partita-Min-Version: 17"),
		get("a view without the row", "/v1/sales_of_day/2026-01-31", 404, "not_found", "", token(t, "ops", "staff")),
		get("operations", "/v1/operations/x", 404, "unknown_pattern", ""),
		get("unknown feed", "/v1/feeds/orders/"+ann, 404, "unknown_pattern", ""),
		get("feed of another's partition", "/v1/feeds/my_orders/"+bob, 403, "forbidden", ""),
		get("feed behind the future", "/v1/feeds/my_orders/"+ann+"?after=99999", 410, "gone", ""),
		get("feed behind no version", "/v1/feeds/my_orders/"+ann+"?after=x", 422, "invalid_input", "parameter after"),
		post("guard fails", "/v1/pay_order", order(paid), 409, "guard_failed", ""),
		post("credit does not suffice", "/v1/pay_order", order(placed), 409, "guard_failed", ""),
		post("row is missing", "/v1/pay_order", order(gone), 404, "missing_row", ""),
		post("tag does not match", "/v1/cancel_order", order(placed), 412, "precondition_failed", "", `If-Match: "other"`),
		post("only where there is no row yet", "/v1/put_customer", with(`,"name":"Ann","email":"ann@example.com"`), 400, "bad_request", "header If-None-Match", "If-None-Match: *"),
	}
	for name, key := range map[string]string{"empty": ``, "empty in quotes": `""`, "with a space": `a b`, "with a quote": `a"b`, "two": `a,b`,
		"with parameters": `"a";b=1`, "not ASCII": "\u00e9", "too long": strings.Repeat("k", 256)} {
		cases = append(cases, post("idempotency key "+name, place, good, 400, "bad_request", "header Idempotency-Key", "Idempotency-Key: "+key))
	}
	return cases
}

func mintExpired() (string, error) {
	claims := jwt.MapClaims{"sub": ann, "exp": time.Now().Add(-time.Minute).Unix()}
	return jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(secret)
}

func TestBadInput(t *testing.T) {
	s, me, paid, placed := stocked(t)
	golden := map[string]string{}
	hide := strings.NewReplacer(paid, "{paid}", placed, "{placed}")
	before := s.head(ann)
	rows := func() string {
		return s.want(200, "GET", "/v1/orders/"+ann, "", me).body + s.want(200, "GET", "/v1/customer/"+ann, "", me).body
	}
	had := rows()
	for _, c := range badCases(t, me, paid, placed) {
		t.Run(c.name, func(t *testing.T) {
			s.t = t
			a := s.do(c.method, c.path, c.body, c.headers...)
			if a.status != c.status {
				t.Fatalf("status %d, want %d: %s", a.status, c.status, a.body)
			}
			p := problemIn(t, a)
			if p.code() != c.code || p.places() != c.places {
				t.Errorf("problem %s at %q, want %s at %q: %s", p.code(), p.places(), c.code, c.places, a.body)
			}
			if a.status == http.StatusMethodNotAllowed && a.header.Get("Allow") == "" {
				t.Error("no Allow")
			}
			golden[c.name] = hide.Replace(a.body)
		})
	}
	s.t = t
	if s.head(ann) != before || s.head(bob) != 0 || rows() != had {
		t.Errorf("bad input changed something: version %d became %d", before, s.head(ann))
	}
	if strings.Contains(s.log.String(), "failed inside") {
		t.Errorf("a defect showed: %s", s.log.String())
	}
	compareGolden(t, "testdata/problems.golden.json", golden)
}

// compareGolden compares what people see with what was agreed on; -update agrees on it anew.
func compareGolden(t *testing.T, path string, got map[string]string) {
	t.Helper()
	documents := map[string]json.RawMessage{}
	for name, body := range got {
		documents[name] = json.RawMessage(body)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(documents); err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(path, text.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(want, text.Bytes()) {
		t.Errorf("%s differs; look at it and run the test with -update. Now it would be:\n%s", path, text.Bytes())
	}
}

func TestBodyIsReadNoFurtherThanItsBound(t *testing.T) {
	s, me, _, _ := stocked(t)
	for _, declared := range []bool{true, false} {
		body := &endless{left: 64 << 20}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/v1/place_order", body)
		if err != nil {
			t.Fatal(err)
		}
		r.ContentLength = -1 // chunked
		if declared {
			r.ContentLength = int64(body.left)
		}
		name, value, _ := strings.Cut(me, ": ")
		r.Header.Set(name, value)
		r.Header.Set("Content-Type", "application/json")
		rec := &recorder{header: http.Header{}}
		r.Body, r.RequestURI = io.NopCloser(body), r.URL.RequestURI()
		s.api.ServeHTTP(rec, r)
		if rec.status != http.StatusRequestEntityTooLarge || rec.header.Get("Connection") != "close" {
			t.Errorf("declared %v: status %d: %s", declared, rec.status, rec.body.String())
		}
		if body.read > 1<<20+1 || declared && body.read > 0 {
			t.Errorf("declared %v: %d bytes were read", declared, body.read)
		}
	}
}

// endless is a long body.
type endless struct{ left, read int }

func (e *endless) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n := min(len(p), e.left)
	for i := range n {
		p[i] = ' '
	}
	e.left, e.read = e.left-n, e.read+n
	return n, nil
}

// recorder is a ResponseWriter that keeps what is written.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(p)
}

func TestDefectsAreNotTold(t *testing.T) {
	s := serve(t, models(t)["zoo"], nil)
	a := s.want(500, "POST", "/v1/greet", `{"pen_no":1}`)
	p := problemIn(t, a)
	if p.code() != "internal" || !strings.HasPrefix(p.Instance, "urn:partita:request:") || strings.Contains(a.body, "secret") {
		t.Errorf("problem = %s", a.body)
	}
	if log := s.log.String(); !strings.Contains(log, p.Instance) || !strings.Contains(log, "a defect with a secret in it") {
		t.Errorf("the log does not help: %s", log)
	}
	s.want(201, "POST", "/v1/add_animal", `{"pen_no":1,"species":"cat","born":"2026-01-31","tag":"A","weight":"4.5","length":0.7}`)
}

func TestRandomRequestsNeverBreak(t *testing.T) {
	s, me, paid, placed := stocked(t)
	seed := uint64(time.Now().UnixNano())
	if given := os.Getenv("PARTITA_SEED"); given != "" {
		if _, err := fmt.Sscan(given, &seed); err != nil {
			t.Fatal(err)
		}
	}
	fmt.Printf("random requests: PARTITA_SEED=%d\n", seed)
	g := newGenerator(seed, me, token(t, bob), token(t, "ops", "staff"), paid, placed)
	statuses := map[int]int{}
	for i := range 10_000 {
		r, text := g.request()
		rec := &recorder{header: http.Header{}}
		s.api.ServeHTTP(rec, r)
		statuses[rec.status]++
		s.contract.check(t, r.Method, r.URL.EscapedPath(), answer{rec.status, rec.header, rec.body.String()})
		if rec.status == 500 {
			t.Fatalf("request %d gets 500 (%s):\n%s", i, rec.body.String(), text)
		}
		if rec.status >= 400 && r.Method != http.MethodHead {
			problemIn(t, answer{rec.status, rec.header, rec.body.String()})
		} else if rec.body.Len() > 0 && !json.Valid(rec.body.Bytes()) {
			t.Errorf("the answer is not JSON: %s", rec.body.String())
		}
		if t.Failed() {
			t.Fatalf("request %d was:\n%s", i, text)
		}
	}
	if log := s.log.String(); strings.Contains(log, "failed inside") {
		t.Errorf("a defect showed: %s", log)
	}
	for _, status := range []int{200, 400, 401, 403, 404, 405, 415, 422} {
		if statuses[status] == 0 {
			t.Errorf("no request got %d: %v", status, statuses)
		}
	}
}
