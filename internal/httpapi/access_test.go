package httpapi_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// doors is a model with every kind of `allow`.
const doors = `
service: doors
partitions: {house: {by: house_id, type: string(20), expect: 10}}
entities:
  room: {in: house, key: n, expect: 5, fields: {n: int, colour: string(20)}}
access:
  rules: {owner: auth.house == house_id}
  allow: [owner]
reads:
  room:   {get: room, fresh: 1m}
  facade: {list: room, fresh: 1m, allow: public}
  hall:   {list: room, fresh: 1m, allow: anyone}
  safe:   {list: room, fresh: 1m, allow: none}
writes:
  paint: {upsert: room, input: [colour]}
  ring:  {upsert: room, input: [colour], allow: public}
  hide:  {upsert: room, input: [colour], allow: none}
`

func TestWhoMayDoWhat(t *testing.T) {
	m, err := model.Parse("doors.yaml", []byte(doors), nil)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, m, nil)
	some := token(t, "ann") // verified, but without the claim that the rule looks at
	const body = `{"house_id":"h","n":1,"colour":"red"}`
	for _, c := range []struct {
		method, path string
		open, some   int
	}{
		{"GET", "/v1/facade/h", 200, 200},
		{"GET", "/v1/hall/h", 401, 200},
		{"GET", "/v1/room/h/1", 401, 403},
		{"GET", "/v1/safe/h", 404, 404},
		{"POST", "/v1/ring", 201, 200},
		{"POST", "/v1/paint", 401, 403},
		{"POST", "/v1/hide", 404, 404},
	} {
		s.want(c.open, c.method, c.path, body)
		s.want(c.some, c.method, c.path, body, some)
		if c.open != 404 { // a bad token is refused even where none is needed
			a := s.want(401, c.method, c.path, body, some+"x")
			if got := a.header.Get("WWW-Authenticate"); got != `Bearer realm="doors", error="invalid_token"` {
				t.Errorf("WWW-Authenticate = %q", got)
			}
		}
	}
	if got := s.want(401, "GET", "/v1/hall/h", "").header.Get("WWW-Authenticate"); got != `Bearer realm="doors"` {
		t.Errorf("WWW-Authenticate = %q", got)
	}
	s.want(200, "GET", "/v1/hall/h", "", strings.Replace(some, "Bearer", "bearer", 1))
}

func TestRolesThatAreRows(t *testing.T) {
	s := serve(t, models(t)["chat"], nil)
	annT, bobT := token(t, "ann"), token(t, "bob")
	const room = "01890a5d-ac96-774b-bcce-b302099a8059"
	s.want(401, "POST", "/v1/open_room", `{"room_id":"`+room+`","title":"x"}`)
	s.want(201, "POST", "/v1/open_room", `{"room_id":"`+room+`","title":"x"}`, annT)
	post := `{"room_id":"` + room + `","text":"hello"}`
	s.want(403, "POST", "/v1/post", post, bobT)
	s.want(403, "GET", "/v1/messages/"+room, "", bobT)
	s.want(403, "POST", "/v1/add_member", `{"room_id":"`+room+`","user_id":"bob","role":"member"}`, bobT)
	s.want(201, "POST", "/v1/add_member", `{"room_id":"`+room+`","user_id":"bob","role":"member"}`, annT)
	s.want(201, "POST", "/v1/post", post, bobT)
	if a := s.want(200, "GET", "/v1/messages/"+room, "", bobT); !strings.Contains(a.body, `"author_id":"bob"`) {
		t.Errorf("messages = %s", a.body)
	}
	s.want(404, "POST", "/v1/touch_inbox", `{}`, annT)
}

func TestKeysOfTokensAway(t *testing.T) {
	away := verifierFunc(func(context.Context, string) (*model.Claims, error) {
		return nil, &fault.Error{Code: fault.Unavailable, Message: "The keys cannot be fetched now.", RetryAfter: 1500 * time.Millisecond}
	})
	s := serve(t, models(t)["shop"], func(c *httpapi.Config) { c.Verifier = away })
	a := s.want(503, "GET", "/v1/orders/"+ann, "", "Authorization: Bearer x")
	if problemIn(t, a).code() != "unavailable" || a.header.Get("Retry-After") != "2" {
		t.Errorf("Retry-After = %q: %s", a.header.Get("Retry-After"), a.body)
	}
}

type verifierFunc func(context.Context, string) (*model.Claims, error)

func (f verifierFunc) Verify(ctx context.Context, token string) (*model.Claims, error) {
	return f(ctx, token)
}

func TestEachRequestIsRecordedAndTracedOnce(t *testing.T) {
	var seen notes
	s := diary(t, func(c *httpapi.Config) { c.Recorder, c.Tracer = &seen, &seen })
	for _, step := range []struct {
		method, path, body string
		want               []string
	}{
		{"POST", "/v1/add", `{"book_id":"a","text":"x"}`, []string{"start add 00-1", "write add ", "end 201 "}},
		{"GET", "/v1/note/a/1", "", []string{"start note 00-1", "read note  miss", "end 200  miss"}},
		{"GET", "/v1/note/a/1", "", []string{"start note 00-1", "read note  hit", "end 200  hit"}},
		{"GET", "/v1/note/a/2", "", []string{"start note 00-1", "read note not_found miss", "end 404 not_found miss"}},
		{"GET", "/v1/note/a/x", "", []string{"start note 00-1", "read note invalid_input bypass", "end 422 invalid_input bypass"}},
		{"POST", "/v1/add", `{`, []string{"start add 00-1", "write add bad_request", "end 400 bad_request"}},
		{"POST", "/v1/batch", `{"writes":[{"write":"add","input":{"book_id":"a","text":"x"}},{"write":"drop","input":{}}]}`,
			[]string{"start batch 00-1", "write drop invalid_input", "write add ", "end 200 "}},
		{"GET", "/v1/nothing", "", nil},
	} {
		s.do(step.method, step.path, step.body, "Traceparent: 00-1")
		got := seen.take()
		for i := range got {
			got[i] = strings.TrimRight(got[i], " ")
		}
		for i := range step.want {
			step.want[i] = strings.TrimRight(step.want[i], " ")
		}
		if strings.Join(got, "\n") != strings.Join(step.want, "\n") {
			t.Errorf("%s %s noted %q, want %q", step.method, step.path, got, step.want)
		}
	}
}

// notes writes down what a recorder and a tracer are told.
type notes struct {
	mu   sync.Mutex
	list []string
}

func (n *notes) add(format string, args ...any) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.list = append(n.list, fmt.Sprintf(format, args...))
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	list := n.list
	n.list = nil
	return list
}

var outcomes = []string{"bypass", "hit", "miss", "joined", "refreshed", "stale"}

func (n *notes) Read(r *model.Read, s engine.ReadSample) {
	n.add("read %s %s %s", r.Name, s.Code, outcomes[s.Outcome])
	if s.Total <= 0 || s.Store > s.Total {
		n.add("times are wrong: %+v", s)
	}
}

func (n *notes) Write(w *model.Write, s engine.WriteSample) {
	n.add("write %s %s", w.Name, s.Code)
	if s.Total <= 0 || s.Store > s.Total {
		n.add("times are wrong: %+v", s)
	}
}

func (n *notes) Start(r *http.Request, pattern string) (context.Context, httpapi.Span) {
	n.add("start %s %s", pattern, r.Header.Get("Traceparent"))
	return r.Context(), n
}

func (n *notes) End(status int, code fault.Code, outcome string, _ time.Duration) {
	n.add("end %d %s %s", status, code, outcome)
}
