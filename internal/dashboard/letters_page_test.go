package dashboard_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/dashboard"
)

const hooked = `
service: hooked
partitions: {person: {by: person_id, type: string(20), expect: 1k}}
entities: {note: {in: person, key: note_id, expect: 10, fields: {note_id: {type: int, default: next}, text: string(100)}}}
reads: {note: {get: note}}
writes: {add: {insert: note, input: [text], emit: added}}
events: {added: {data: [note.note_id, note.text], deliver: "http://127.0.0.1:9/hook"}}
`

// The page shows who is told of events, and what was given up, which can be replayed and dropped.
func TestThePageShowsDeadLetters(t *testing.T) {
	app := serve(t, "", func(c *partita.Config) { c.ModelSource = []byte(hooked) })
	for range 2 { // a private address that is not allowed
		resp, err := http.Post("http://"+app.Addr()+"/v1/add", "application/json", strings.NewReader(`{"person_id":"ann","text":"<b>hello</b>"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	b := app.logged(t)
	b.wait(t, `document.querySelectorAll('.letters li').length === 2`)
	if text := ask[string](t, b, `document.querySelector('#letters').innerText`); !strings.Contains(text, "127.0.0.1:9") || !strings.Contains(text, "--webhook-allow") {
		t.Error(text)
	}
	ask[bool](t, b, `(window.confirm = () => true, [...document.querySelectorAll('.letters li button')].find((x) => x.textContent === 'Drop').click(), true)`)
	b.wait(t, `document.querySelectorAll('.letters li').length === 1`)
	givenUp := func() string {
		_, text := app.ask(t, http.MethodGet, "/dead", "", nil)
		var page dashboard.LetterList
		if err := json.Unmarshal([]byte(text), &page); err != nil {
			t.Fatal(err)
		}
		if len(page.Letters) == 0 {
			return ""
		}
		return page.Letters[0].GivenUp.String()
	}
	before := givenUp()
	ask[bool](t, b, `([...document.querySelectorAll('.letters li button')].find((x) => x.textContent === 'Replay').click(), true)`)
	for deadline := time.Now().Add(long); givenUp() == "" || givenUp() == before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not replayed")
		}
	}
	b.quiet(t)
}

// What shows data or deletes it for good is for those who have the admin token, also on this machine.
func TestDataIsNeitherShownNorDeletedWithoutTheAdminToken(t *testing.T) {
	app := serve(t, "", func(c *partita.Config) {
		c.AdminToken = ""
		c.ModelSource = []byte(strings.Replace(hooked, "emit: added}", "emit: added, async: offered}", 1))
	})
	for _, call := range []struct{ method, path, body string }{
		{http.MethodGet, "/accepted", ""},
		{http.MethodPost, "/erase", `{"partition": "person/ann"}`},
		{http.MethodGet, "/dead/x", ""},
		{http.MethodPost, "/dead/drop", `{"all": true}`},
	} {
		if status, text := app.ask(t, call.method, call.path, call.body, nil); status != http.StatusForbidden || !strings.Contains(text, "PARTITA_ADMIN_TOKEN") {
			t.Errorf("%s %s: %d %s", call.method, call.path, status, text)
		}
	}
	if status, text := app.ask(t, http.MethodGet, "/dead", "", nil); status != http.StatusOK {
		t.Errorf("the list of dead letters: %d %s", status, text)
	}
}
