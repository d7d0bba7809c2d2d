package httpapi_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/httpapi"
)

func TestBatch(t *testing.T) {
	s, me, paid, placed := stocked(t)
	before := s.head(ann)
	a := s.want(200, "POST", "/v1/batch", `{"writes":[
		{"write":"place_order","input":{"customer_id":"`+ann+`","total":1,"lines":[]},"idempotency_key":"b, 1"},
		{"write":"place_order","input":{"customer_id":"`+ann+`","total":1,"lines":[]},"idempotency_key":"b,1"},
		{"write":"pay_order","input":`+order(paid)+`},
		{"write":"cancel_order","input":`+order(placed)+`},
		{"write":"place_order","input":{"customer_id":"`+ann+`","total":-1,"lines":[],"colour":1}},
		{"write":"place_order","input":{"customer_id":"`+bob+`","total":1,"lines":[]}},
		{"write":"nothing","input":{}},
		{"write":"cancel_order","input":`+order(paid)+`,"if_match":"\"other\""}
	]}`, me)
	var body struct {
		Results []struct {
			Status  int
			Headers map[string]string
			Body    json.RawMessage
			Problem *problem
		}
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		t.Fatal(err)
	}
	want := []struct {
		status       int
		code, places string
	}{
		{400, "bad_request", "pointer /writes/0/idempotency_key"}, {201, "", ""}, {409, "guard_failed", ""}, {200, "", ""},
		{422, "invalid_input", "pointer /writes/4/input/total, pointer /writes/4/input/colour"},
		{403, "forbidden", ""}, {404, "unknown_pattern", "pointer /writes/6/write"}, {412, "precondition_failed", ""},
	}
	if len(body.Results) != len(want) {
		t.Fatalf("%d results: %s", len(body.Results), a.body)
	}
	for i, w := range want {
		r := body.Results[i]
		code, places := "", ""
		if r.Problem != nil {
			code, places = r.Problem.code(), r.Problem.places()
		}
		if r.Status != w.status || code != w.code || places != w.places || (r.Problem == nil) != (r.Body != nil) {
			t.Errorf("result %d = %d %s at %q, want %+v", i, r.Status, code, places, w)
		}
	}
	if h := body.Results[1].Headers; h["Location"] == "" || h["Partita-Version"] == "" || h["ETag"] == "" {
		t.Errorf("headers of an insert = %v", h)
	}
	if got := s.head(ann); got != before+2 {
		t.Errorf("version %d became %d, want two commits", before, got)
	}
}

// A refusal that is kept under its key says so when it is given again, as a success does.
func TestBatchTellsWhatWasRefusedBefore(t *testing.T) {
	s, me, _, _ := stocked(t)
	nowhere := `{"writes":[{"write":"pay_order","idempotency_key":"k","input":` + order("0190f5c7-1111-7abc-8def-0123456789ab") + `}]}`
	for _, again := range []bool{false, true} {
		a := s.want(200, "POST", "/v1/batch", nowhere, me)
		if strings.Contains(a.body, `"Idempotency-Replayed":"true"`) != again || !strings.Contains(a.body, "missing_row") {
			t.Errorf("repeat %v: %s", again, a.body)
		}
	}
}

// In one partition the writes of a batch are carried out as they stand, each upon those before it, and
// one that is refused stops nobody.
func TestBatchKeepsTheOrderInAPartition(t *testing.T) {
	s := diary(t, nil)
	var writes []string
	want := map[string][]string{}
	for i := range 40 {
		for _, book := range []string{"a", "b"} {
			text := fmt.Sprint(book, i)
			writes = append(writes, fmt.Sprintf(`{"write":"add","input":{"book_id":%q,"text":%q}}`, book, text))
			switch i % 4 {
			case 1: // what was just put in is changed
				text += ", again"
				writes = append(writes, fmt.Sprintf(`{"write":"change","input":{"book_id":%q,"n":%d,"text":%q}}`, book, i+1, text))
			case 2:
				writes = append(writes, fmt.Sprintf(`{"write":"change","input":{"book_id":%q,"n":1000,"text":"nowhere"}}`, book))
			case 3:
				writes = append(writes, fmt.Sprintf(`{"write":"drop","input":{"book_id":%q,"n":%d}}`, book, i+1))
				continue
			}
			want[book] = append(want[book], fmt.Sprint(i+1, " ", text))
		}
	}
	a := s.want(200, "POST", "/v1/batch", `{"writes":[`+strings.Join(writes, ",")+`]}`)
	if n := strings.Count(a.body, `"missing_row`) + strings.Count(a.body, `:missing_row`); n != 20 {
		t.Errorf("%d were refused: %s", n, a.body)
	}
	for book, notes := range want {
		var have []string
		for next := "/v1/notes/" + book; next != ""; {
			var p struct {
				Items []struct {
					N    int
					Text string
				}
				Next string
			}
			if err := json.Unmarshal([]byte(s.want(200, "GET", next, "").body), &p); err != nil {
				t.Fatal(err)
			}
			for _, x := range p.Items {
				have = append(have, fmt.Sprint(x.N, " ", x.Text))
			}
			if next = p.Next; next != "" {
				next = "/v1/notes/" + book + "?after=" + next
			}
		}
		if !slices.Equal(have, notes) {
			t.Errorf("%s has %q\nwant %q", book, have, notes)
		}
	}
}

func TestBadBatches(t *testing.T) {
	s, me, _, _ := stocked(t)
	before := s.head(ann)
	many := strings.Repeat(`{"write":"x","input":{}},`, httpapi.MaxBatch+1)
	for _, c := range []struct {
		body, code, places string
		status             int
		headers            []string
	}{
		{`{}`, "invalid_input", "pointer /writes", 422, nil},
		{`{"writes":{}}`, "invalid_input", "pointer /writes", 422, nil},
		{`{"writes":[1]}`, "invalid_input", "pointer /writes/0", 422, nil},
		{`{"writes":[{"write":"x"}]}`, "invalid_input", "pointer /writes/0/input", 422, nil},
		{`{"writes":[{"write":"x","input":{},"colour":1}]}`, "invalid_input", "pointer /writes/0/colour", 422, nil},
		{`{"writes":[` + many[:len(many)-1] + `]}`, "too_many", "pointer /writes", 422, nil},
		{`{"writes":[{"write":"x","input":{"a":1,"a":2}}]}`, "invalid_input", "pointer /writes/0/input", 422, nil},
		{`{"writes":[`, "bad_request", "pointer /writes", 400, nil},
		{`{"writes":[]}`, "bad_request", "header Idempotency-Key", 400, []string{"Idempotency-Key: k"}},
		{`{"writes":[]}`, "bad_request", "header If-None-Match", 400, []string{"If-None-Match: *"}},
		{`{"writes":[]}`, "unauthenticated", "", 401, []string{"Authorization: Bearer x"}},
	} {
		a := s.want(c.status, "POST", "/v1/batch", c.body, append([]string{me}, c.headers...)...)
		if p := problemIn(t, a); p.code() != c.code || p.places() != c.places {
			t.Errorf("%.40s: %s", c.body, a.body)
		}
	}
	if s.head(ann) != before {
		t.Error("a bad batch changed something")
	}
	if a := s.want(200, "POST", "/v1/batch", `{"writes":[]}`, me); a.body != `{"results":[]}` {
		t.Errorf("an empty batch gives %s", a.body)
	}
	if a := s.want(200, "POST", "/v1/batch", `{"writes":[{"write":"cancel_order","input":{}}]}`); !strings.Contains(a.body, `"status":401`) {
		t.Errorf("without a token: %s", a.body)
	}
}
