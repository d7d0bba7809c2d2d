package httpapi

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/feed"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Feeds is what the feeds of a model are served from. The zero value serves none.
type Feeds struct {
	Hub   *feed.Hub
	Log   feed.Log
	Allow func(ctx context.Context, f *model.Feed, partition model.Value, claims *model.Claims) error
	// Incarnation is the store's: part of the ids of events, so that a feed is not resumed behind
	// the back of a restore.
	Incarnation string
	Beat        time.Duration   // default 15 s
	Patience    time.Duration   // how long one event may take to leave; default 10 s
	Done        <-chan struct{} // closed when the node stops: feeds end, and say so
	Most        int             // open at once; default 20,000
}

func (f Feeds) withDefaults() Feeds {
	if f.Beat <= 0 {
		f.Beat = 15 * time.Second
	}
	if f.Patience <= 0 {
		f.Patience = 10 * time.Second
	}
	if f.Most <= 0 {
		f.Most = 20_000
	}
	return f
}

// feedRoute is what is known of a feed before any request.
type feedRoute struct {
	feed    *model.Feed
	family  *model.Family
	private bool
	looks   map[*model.Entity]bool
}

func newFeedRoutes(m *model.Model) map[string]*feedRoute {
	routes := map[string]*feedRoute{}
	for _, f := range m.Feeds {
		if !served(f.Allow) {
			continue
		}
		route := &feedRoute{feed: f, family: f.Of[0].Family, private: m.Access != nil && !f.Allow.Public, looks: map[*model.Entity]bool{}}
		for _, rule := range f.Allow.Rules {
			for _, l := range rule.Loads {
				route.looks[l.Entity] = true
			}
		}
		routes[f.Name] = route
	}
	return routes
}

// serveFeed answers GET /v1/feeds/{feed}/{partition}: a page of what happened, or a live stream.
func (a *API) serveFeed(w http.ResponseWriter, r *http.Request, tail string, escaped bool) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		a.wrongMethod(w, r, "GET, HEAD, OPTIONS")
		return
	}
	if err := a.feed(w, r, tail, escaped); err != nil {
		a.fail(w, r, err)
	}
}

func (a *API) feed(w http.ResponseWriter, r *http.Request, tail string, escaped bool) error {
	name, segment, ok := strings.Cut(tail, "/")
	route := a.feeds[name]
	if route == nil || !ok || strings.Contains(segment, "/") || a.feedsFrom.Hub == nil {
		return fault.New(fault.UnknownPattern, "There is no such feed; the address of one is /v1/feeds/{feed}/{%s}.", "partition")
	}
	claims, err := a.caller(r, route.private)
	if err != nil {
		return err
	}
	if escaped {
		if segment, err = unescapeSegment(segment); err != nil {
			return err
		}
	}
	partition, err := route.family.By.Parse(segment)
	if err != nil {
		return err
	}
	admit.Aside(r.Context())
	if err := a.feedsFrom.Allow(r.Context(), route.feed, partition, claims); err != nil {
		return err
	}
	place := store.Partition{Family: route.family, Value: partition}
	live := acceptsStream(r.Header["Accept"])
	after, given, err := a.after(r, live)
	if err != nil {
		return err
	}
	head, err := a.feedsFrom.Log.Head(r.Context(), place)
	if err != nil {
		return err
	}
	if after > head {
		return fault.New(fault.Gone, "There is no version %d yet: the data was restored since, or the number is not from here. Read anew, and follow from there.", after)
	}
	if !live {
		return a.feedPage(w, r, route, place, after)
	}
	if !given {
		after = head
	}
	return a.feedStream(w, r, route, place, claims, after)
}

// after reads where to go on: `after`, or the Last-Event-ID of a stream that broke.
func (a *API) after(r *http.Request, live bool) (version uint64, given bool, err error) {
	text := ""
	query := r.URL.Query()
	for name, values := range query {
		if name != "after" || len(values) > 1 {
			return 0, false, &fault.Error{Code: fault.InvalidInput, Message: "A feed takes the parameter after, once.",
				Details: []fault.Detail{{Pointer: name, Message: "is not a parameter of feeds"}}}
		}
		text = values[0]
	}
	if id := r.Header.Get("Last-Event-ID"); id != "" && live {
		text = id
		if incarnation, version, ok := strings.Cut(id, "."); ok {
			if incarnation != a.feedsFrom.Incarnation {
				return 0, false, fault.New(fault.Gone, "The data was restored since; read anew, and follow from there.")
			}
			text = version
		}
	}
	if text == "" {
		return 0, false, nil
	}
	version, err = strconv.ParseUint(text, 10, 63)
	if err != nil {
		return 0, false, &fault.Error{Code: fault.InvalidInput, Message: "after must be a version, such as 17.",
			Details: []fault.Detail{{Pointer: "after", Message: "must be a version, such as 17"}}}
	}
	return version, true, nil
}

func (a *API) feedPage(w http.ResponseWriter, r *http.Request, route *feedRoute, place store.Partition, after uint64) error {
	items, next, more, err := feed.Page(r.Context(), a.feedsFrom.Log, route.feed, place, after)
	if err != nil {
		return pruned(err)
	}
	var b bytes.Buffer
	b.WriteString(`{"changes":[`)
	for i, item := range items {
		if i > 0 {
			b.WriteByte(',')
		}
		b.Write(item)
	}
	fmt.Fprintf(&b, `],"next":%d,"more":%t}`, next, more)
	h := w.Header()
	h["Cache-Control"] = []string{"no-store"}
	h["Partita-Version"] = []string{a.engine.VersionToken(route.family, place.Value, next)}
	send(w, r, http.StatusOK, b.Bytes())
	return nil
}

// pruned says in the words of feeds that changes are not kept any more.
func pruned(err error) error {
	if fault.CodeOf(err) == fault.NotFound {
		return fault.New(fault.Gone, "The changes behind that version are not kept any more; read the rows anew, and follow from the version of that answer.")
	}
	return err
}

func (a *API) feedStream(w http.ResponseWriter, r *http.Request, route *feedRoute, place store.Partition, claims *model.Claims, after uint64) error {
	if a.feedsOpen.Add(1) > int64(a.feedsFrom.Most) {
		a.feedsOpen.Add(-1)
		return &fault.Error{Code: fault.Overloaded, Message: "This node has as many open feeds as it takes; try again shortly.", RetryAfter: 5 * time.Second}
	}
	defer a.feedsOpen.Add(-1)
	if _, err := a.feedsFrom.Log.Changes(r.Context(), place, after, 1); err != nil {
		return pruned(err)
	}
	ctx, cancel := context.WithCancelCause(r.Context())
	defer cancel(nil)
	if claims != nil && !claims.Expires.IsZero() {
		timer := time.AfterFunc(time.Until(claims.Expires), func() {
			cancel(fault.New(fault.Unauthenticated, "The token is over; come again with a new one."))
		})
		defer timer.Stop()
	}

	h := w.Header()
	h["Content-Type"] = []string{"text/event-stream"}
	h["Cache-Control"] = []string{"no-store"}
	h["X-Accel-Buffering"] = []string{"no"}
	s := &stream{w: w, control: http.NewResponseController(w), patience: a.feedsFrom.Patience, incarnation: a.feedsFrom.Incarnation}
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodHead {
		return nil
	}
	if err := s.stand(after, "following"); err != nil {
		return nil
	}
	follower := &feed.Follower{
		Log: a.feedsFrom.Log, Hub: a.feedsFrom.Hub, Feed: route.feed, Place: place, Looks: route.looks, Beat: a.feedsFrom.Beat,
		Check: func(ctx context.Context) error { return a.feedsFrom.Allow(ctx, route.feed, place.Value, claims) },
		Stop:  a.feedsFrom.Done, Send: s.change, Alive: func(version uint64) error { return s.stand(version, "alive") },
	}
	err := follower.Run(ctx, after)
	if r.Context().Err() == nil && ctx.Err() != nil {
		err = context.Cause(ctx) // the token is over
	}
	s.end(err)
	return nil
}

// stream writes server-sent events. A reader that takes too long is cut off: it comes again with
// Last-Event-ID and misses nothing.
type stream struct {
	w           http.ResponseWriter
	control     *http.ResponseController
	patience    time.Duration
	incarnation string
}

func (s *stream) change(version uint64, data []byte) error {
	b := make([]byte, 0, len(data)+96)
	b = append(append(append(b, "id: "...), s.incarnation...), '.')
	b = strconv.AppendUint(b, version, 10)
	b = append(append(append(b, "\nevent: change\ndata: "...), data...), "\n\n"...)
	return s.write(string(b))
}

// stand tells where the feed stands, without an event: a reader whose connection breaks now misses
// nothing, although nothing has happened yet.
func (s *stream) stand(version uint64, word string) error {
	return s.write(fmt.Sprintf("id: %s.%d\n: %s\n\n", s.incarnation, version, word))
}

func (s *stream) write(text string) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(s.patience)); err != nil {
		return err
	}
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// end says why the stream ends, if the reader is still there.
func (s *stream) end(err error) {
	reason, message := "unavailable", "The feed cannot go on right now; come again."
	f, isFault := errors.AsType[*fault.Error](err)
	switch {
	case errors.Is(err, context.Canceled):
		return // the reader went away
	case errors.Is(err, feed.ErrStop):
		reason, message = "stopping", "This node stops; come again, another one answers."
	case fault.CodeOf(err) == fault.NotFound:
		f, _ = errors.AsType[*fault.Error](pruned(err))
		reason, message = string(f.Code), f.Message
	case isFault && f.Code != fault.Internal:
		reason, message = string(f.Code), f.Message
	}
	s.write("event: end\ndata: " + fmt.Sprintf(`{"type":%q,"detail":%q}`, typePrefix+reason, message) + "\n\n") //nolint:errcheck // a reader that is gone needs no word
}

// acceptsStream tells whether the caller asks for a stream rather than a page.
func acceptsStream(accept []string) bool {
	for _, line := range accept {
		for media := range strings.SplitSeq(line, ",") {
			if kind, _, _ := strings.Cut(media, ";"); strings.EqualFold(strings.TrimSpace(kind), "text/event-stream") {
				return true
			}
		}
	}
	return false
}
