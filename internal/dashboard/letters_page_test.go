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
	app := serve(t, "", func(c *partita.Config) { c.ModelSource, c.AdminToken = []byte(hooked), "" })
	for range 2 { // a private address that is not allowed
		resp, err := http.Post("http://"+app.Addr()+"/v1/add", "application/json", strings.NewReader(`{"person_id":"ann","text":"<b>hello</b>"}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	b := browse(t, "http://"+app.AdminAddr()+"/")
	b.wait(t, `document.querySelectorAll('.letters li').length === 2`)
	if text := ask[string](t, b, `document.querySelector('#letters').innerText`); !strings.Contains(text, "127.0.0.1:9") || !strings.Contains(text, "--webhook-allow") {
		t.Error(text)
	}
	ask[bool](t, b, `(window.confirm = () => true, [...document.querySelectorAll('.letters li button')].find((x) => x.textContent === 'Drop').click(), true)`)
	b.wait(t, `document.querySelectorAll('.letters li').length === 1`)
	givenUp := func() string {
		resp, err := http.Get("http://" + app.AdminAddr() + "/dead")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		var page dashboard.LetterList
		if err := json.NewDecoder(resp.Body).Decode(&page); err != nil {
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
