package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/auth"
)

const chatSecret = "a secret of the tests, 32 bytes."

// chat runs the example chat and gives its address.
func chat(t *testing.T, storeURL string) string {
	t.Helper()
	app := apptest.Start(t, partita.Config{
		Model: "chat.yaml", ModelSource: []byte(chatModel(t)), Store: storeURL, Auth: partita.Auth{Secret: []byte(chatSecret)},
		Admin: partita.None,
	})
	return "http://" + app.Addr()
}

// chatModel is the example with room for more messages than people write.
func chatModel(t *testing.T) string {
	t.Helper()
	source, err := os.ReadFile("../../examples/chat/chat.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Replace(string(source), "rate: 5/s, burst: 20", "rate: 1k/s, burst: 10000", 1)
}

func bearer(t *testing.T, sub string, ttl time.Duration) string {
	t.Helper()
	text, err := auth.Mint([]byte(chatSecret), map[string]any{"sub": sub}, ttl)
	if err != nil {
		t.Fatal(err)
	}
	return "Bearer " + text
}

// post carries out a write that must succeed.
func post(t *testing.T, base, token, write, body string) {
	t.Helper()
	if status, text := try(t, base, token, write, body); status >= 300 {
		t.Fatalf("%s: %d %s", write, status, text)
	}
}

func try(t *testing.T, base, token, write, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "POST", base+"/v1/"+write, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", token)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		t.Fatal(err)
	}
	return a.StatusCode, string(text)
}

// tail is an open feed.
type tail struct {
	t      *testing.T
	body   io.ReadCloser
	lines  *bufio.Scanner
	lastID string
}

func openFeed(t *testing.T, base, token, room, after, lastID string) *tail {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/feeds/live/"+room+after, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept", "text/event-stream")
	r.Header.Set("Authorization", token)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if a.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(a.Body)
		a.Body.Close()
		t.Fatalf("the feed answers %d: %s", a.StatusCode, text)
	}
	t.Cleanup(func() { a.Body.Close() })
	return &tail{t: t, body: a.Body, lines: bufio.NewScanner(a.Body)}
}

// next gives the next event and its data.
func (f *tail) next() (event, data string) {
	f.t.Helper()
	for f.lines.Scan() {
		line := f.lines.Text()
		switch {
		case line == "" && event != "":
			return event, data
		case strings.HasPrefix(line, "id: "):
			f.lastID = line[4:]
		case strings.HasPrefix(line, "event: "):
			event = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		}
	}
	f.t.Fatalf("the feed ended: %v", f.lines.Err())
	return "", ""
}

func (f *tail) version() uint64 {
	f.t.Helper()
	event, data := f.next()
	var c struct{ Version uint64 }
	if err := json.Unmarshal([]byte(data), &c); err != nil || event != "change" {
		f.t.Fatalf("%s %s: %v", event, data, err)
	}
	return c.Version
}

const room = "01890a5d-ac96-774b-bcce-b302099a8057"

func TestFeedMissesNothing(t *testing.T) {
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			storeURL := ""
			if name == "postgres" {
				storeURL = database.Database(t)
			}
			base := chat(t, storeURL)
			ann := bearer(t, "ann", time.Hour)
			post(t, base, ann, "open_room", `{"room_id":"`+room+`","title":"tea"}`)

			f := openFeed(t, base, ann, room, "?after=0", "")
			if event, data := f.next(); event != "change" || !strings.Contains(data, `"entity":"member","op":"insert"`) || strings.Contains(data, `"entity":"room"`) {
				t.Errorf("the first event is %s %s; the feed is of message and member", event, data)
			}
			const messages = 200 // more than wait for one follower
			for i := range messages {
				post(t, base, ann, "post", fmt.Sprintf(`{"room_id":%q,"text":"hello %d"}`, room, i))
			}
			for want := uint64(2); want <= messages+1; want++ {
				if got := f.version(); got != want {
					t.Fatalf("version %d came where %d was next", got, want)
				}
			}
			f.body.Close()
			post(t, base, ann, "post", `{"room_id":"`+room+`","text":"while away"}`)
			again := openFeed(t, base, ann, room, "", f.lastID)
			if got := again.version(); got != messages+2 {
				t.Errorf("the feed goes on at %d, want %d", got, messages+2)
			}
			live := openFeed(t, base, ann, room, "", "")
			post(t, base, ann, "post", `{"room_id":"`+room+`","text":"now"}`)
			if got := live.version(); got != messages+3 {
				t.Errorf("a feed without a start begins at %d, want what happens next, %d", got, messages+3)
			}
		})
	}
}

func TestFeedEndsWithTheRight(t *testing.T) {
	base := chat(t, "")
	ann, bob := bearer(t, "ann", time.Hour), bearer(t, "bob", time.Hour)
	post(t, base, ann, "open_room", `{"room_id":"`+room+`","title":"tea"}`)
	r, err := http.NewRequestWithContext(t.Context(), "GET", base+"/v1/feeds/live/"+room, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", bob)
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	a.Body.Close()
	if a.StatusCode != http.StatusForbidden {
		t.Fatalf("a stranger gets %d", a.StatusCode)
	}
	short := openFeed(t, base, bearer(t, "ann", time.Second), room, "", "")
	if event, data := short.next(); event != "end" || !strings.Contains(data, "urn:partita:problem:unauthenticated") {
		t.Errorf("with the token the feed ends by %s %s", event, data)
	}
}
