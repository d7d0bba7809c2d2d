package partita_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/bus"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

const bookings = `
service: bookings
partitions:
  person: {by: person_id, type: string(20), expect: 1k}
entities:
  note: {in: person, key: note_id, expect: 10k, fields: {note_id: {type: int, default: next}, text: string(100)}}
reads:
  note: {get: note}
writes:
  add:  {insert: note, input: [text], async: offered}
  put:  {insert: note, input: [text]}
  book: {code: true, in: person, async: always}
`

// One accepted write cannot go on, and what waits for it is moved apart. The service says so everywhere
// that one looks: in /status with what it means for whom, in answers, in /metrics and in the log; and what
// ended it.
func TestAShardThatIsStuckIsSaid(t *testing.T) {
	c, log := config(t, bookings)
	c.BacklogBytes = 32 << 20
	app := open(t, c)
	var mended atomic.Bool
	partita.Handle(app, "book", func(context.Context, *partita.Tx, struct{}) (struct{}, error) {
		if !mended.Load() {
			return struct{}{}, fault.New(fault.Unavailable, "The airline does not answer.")
		}
		return struct{}{}, nil
	})
	start(t, app)
	caller := &tenant{t: t, base: "http://" + app.Addr()}
	ask := func(write, person string, headers ...string) said {
		t.Helper()
		body := fmt.Sprintf(`{"person_id":%q,"text":"x"%s}`, person, strings.Repeat(" ", 400<<10))
		if write == "book" {
			body = fmt.Sprintf(`{"person_id":%q}`, person)
		}
		return caller.ask("POST", "/v1/"+write, body, headers...)
	}
	later := func(person string) said { t.Helper(); return ask("add", person, "Prefer: respond-async") }

	if a := ask("book", "ada"); a.status != http.StatusAccepted {
		t.Fatal(a)
	}
	others := elsewhere(t, "ada", 50)
	// rush accepts for ada first, and then for others what fills more than half of the log.
	rush := func(waiting int) {
		t.Helper()
		for range waiting {
			if a := later("ada"); a.status != http.StatusAccepted {
				t.Fatal(a)
			}
		}
		for _, other := range others {
			for later(other).status != http.StatusAccepted {
				<-time.After(5 * time.Millisecond) // more comes than is done
			}
		}
	}
	rush(3)
	s := awaitStatus(t, app, func(s observe.Snapshot) bool { return s.State.State == health.Degraded })
	part := partOf(s, "accepted writes")
	for _, words := range []string{"shard ", "is stuck at the write book in person ada", "The airline does not answer.", "It goes on when that is mended"} {
		if !strings.Contains(part.Cause, words) || !strings.Contains(s.State.Words, words) {
			t.Errorf("the cause does not say %q: %+v, %+v", words, part, s.State)
		}
	}
	if code, open := call(t, "GET", "http://"+app.Addr()+"/readyz", ""); code != http.StatusOK || !strings.Contains(open, "accepted writes: degraded; /status says why") {
		t.Errorf("what anybody may see: %d, %s", code, open)
	}
	if len(part.Effects) != 1 || part.Effects[0].How != health.Delayed || fmt.Sprint(part.Effects[0].Writes) != "[add book]" || part.Since.IsZero() {
		t.Errorf("what it means: %+v", part)
	}
	if a := later(others[0]); !strings.Contains(a.header.Get("Partita-Degraded"), "accepted-writes; state=degraded; since=@") {
		t.Errorf("an answer says %v", a.header)
	}
	if a := ask("put", "ada"); a.status != http.StatusCreated || a.header.Get("Partita-Degraded") != "" {
		t.Errorf("a synchronous write: %d, %v", a.status, a.header)
	}
	rush(4)
	awaitStatus(t, app, func(s observe.Snapshot) bool { // 1/16 of the bound stands apart, and no more
		return partOf(s, "accepted writes").Effects[0].How == health.Shed
	})
	if a := later("ada"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.header.Get("Partita-Degraded"), "effect=shed") {
		t.Errorf("more in the part that is held up: %d, %v", a.status, a.header)
	}
	_, text := call(t, "GET", "http://"+app.AdminAddr()+"/metrics", "")
	if line := `partita_component_state{component="accepted writes"} 1`; !strings.Contains(text, line) {
		t.Errorf("/metrics lacks %q", line)
	}
	for _, name := range []string{"partita_accepted_stuck_shards", "partita_accepted_apart_bytes"} {
		if !strings.Contains(text, "\n"+name+" ") || strings.Contains(text, "\n"+name+" 0\n") {
			t.Errorf("/metrics lacks %s, or says that there is none", name)
		}
	}

	mended.Store(true)
	s = awaitStatus(t, app, func(s observe.Snapshot) bool { return s.State.State == health.OK })
	if len(s.History) != 1 || s.History[0].Ended != "what held them up is done, and what waited for it too" || !strings.Contains(s.History[0].Cause, "book") {
		t.Errorf("the history is %+v", s.History)
	}
	if s.Accepted == nil || len(s.Accepted.Stuck) != 0 {
		t.Errorf("accepted writes: %+v", s.Accepted)
	}
	if said := log.String(); strings.Count(said, "accepted writes is degraded") != 1 || strings.Count(said, "accepted writes is ok again") != 1 {
		t.Errorf("the log: %s", said)
	}
}

// elsewhere gives n people whose shard is not that of somebody.
func elsewhere(t *testing.T, somebody string, n int) (list []string) {
	t.Helper()
	m, err := model.Parse("test.yaml", []byte(bookings), os.LookupEnv)
	if err != nil {
		t.Fatal(err)
	}
	f := m.Family("person")
	shard := func(person string) int {
		v, err := f.By.Parse(person)
		if err != nil {
			t.Fatal(err)
		}
		return bus.ShardOf(f.Bucket(v))
	}
	for i := 0; len(list) < n; i++ {
		if other := fmt.Sprint("other", i); shard(other) != shard(somebody) {
			list = append(list, other)
		}
	}
	return list
}

// awaitStatus asks for the status until it is so.
func awaitStatus(t *testing.T, app *partita.App, so func(observe.Snapshot) bool) observe.Snapshot {
	t.Helper()
	for began := time.Now(); ; <-time.After(50 * time.Millisecond) {
		_, text := call(t, "GET", "http://"+app.AdminAddr()+"/status", "")
		var s observe.Snapshot
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err, text)
		}
		if so(s) {
			return s
		}
		if time.Since(began) > time.Minute {
			t.Fatalf("the status never became what it should: %+v; %+v; %+v", s.State, s.Components, s.Accepted)
		}
	}
}

func partOf(s observe.Snapshot, name string) health.Component {
	for _, c := range s.Components {
		if c.Name == name {
			return c
		}
	}
	return health.Component{Effects: []health.Effect{{}}}
}
