package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// An answer of a view names what the view took in last: the version that the writer was given.
func TestAnswersOfViewsNameTheirSources(t *testing.T) {
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			url := ""
			if kind == "postgres" {
				url = database.Database(t)
			}
			base := serve(t, strings.Replace(stall, "\nwrites:", stallReads()+"\nwrites:", 1)+stallOnly(), url)
			var written string
			for _, write := range []string{"sell", "pay"} {
				a, err := http.Post(base+"/v1/"+write, "application/json", strings.NewReader(map[string]string{
					"sell": `{"buyer_id":"ann","id":1,"ticket":"t1","total":5,"at":"2026-05-01T10:00:00Z"}`, "pay": `{"buyer_id":"ann","id":1}`}[write]))
				if err != nil {
					t.Fatal(err)
				}
				a.Body.Close()
				if written = a.Header.Get("Partita-Version"); a.StatusCode >= 300 || written == "" {
					t.Fatal(write, a.Status)
				}
			}
			for _, path := range []string{"/v1/tickets/t1", "/v1/day/2026-05-01"} {
				header := whole(t, base+path, `"paid"`, `"taken":5`)
				again := whole(t, base+path, `"paid"`, `"taken":5`) // from the cache
				for _, h := range []http.Header{header, again} {
					if got := h.Get("Partita-Source-Version"); got != written || h.Get("Age") == "" {
						t.Errorf("%s: Partita-Source-Version is %q after %q was written; Age %q", path, got, written, h.Get("Age"))
					}
				}
			}
		})
	}
}

// whole asks until the answer has one of some texts in it, and gives its headers.
func whole(t *testing.T, url string, texts ...string) http.Header {
	t.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
		a, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(a.Body)
		a.Body.Close()
		if err != nil || !json.Valid(body) {
			t.Fatal(err, string(body))
		}
		for _, text := range texts {
			if strings.Contains(string(body), text) {
				return a.Header
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%s answers %s %s", url, a.Status, body)
		}
	}
}
