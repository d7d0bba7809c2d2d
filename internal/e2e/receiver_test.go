package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// told is an event as a receiver outside sees it.
type told struct {
	SpecVersion  string `json:"specversion"`
	ID           string `json:"id"`
	Source       string `json:"source"`
	Type         string `json:"type"`
	Time         string `json:"time"`
	ContentType  string `json:"datacontenttype"`
	PartitionKey string `json:"partitionkey"`
	Sequence     string `json:"sequence"`
	Data         struct {
		Account string `json:"account_id"`
		Amount  int    `json:"amount"`
	} `json:"data"`
}

// heard is what a receiver was told, each event as often as it came.
type heard struct {
	mu     sync.Mutex
	events map[string]int      // by account and amount
	ids    map[string][]string // by account and amount: the ids that it came under
}

func (h *heard) take(t *testing.T, body []byte, from string) {
	var e told
	if err := json.Unmarshal(body, &e); err != nil {
		t.Errorf("%s: %v", body, err)
		return
	}
	if e.SpecVersion != "1.0" || e.ID == "" || e.Source != "/ledger/account/"+e.PartitionKey || e.Type != "ledger.added" || e.Time == "" ||
		e.ContentType != "application/json" || len(e.Sequence) != 20 || e.Data.Account != e.PartitionKey {
		t.Errorf("%s: this is not the event: %s", from, body)
	}
	name := fmt.Sprintf("%s-%d", e.Data.Account, e.Data.Amount)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.events == nil {
		h.events, h.ids = map[string]int{}, map[string][]string{}
	}
	h.events[name]++
	if slices.Contains(h.ids[name], e.ID) {
		return
	}
	if h.ids[name] = append(h.ids[name], e.ID); len(h.ids[name]) > 1 {
		t.Errorf("%s: one event has the ids %v", from, h.ids[name])
	}
}

func (h *heard) of(account string, amount int) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.events[fmt.Sprintf("%s-%d", account, amount)] > 0
}

// counts gives how many events came, and how many came again.
func (h *heard) counts() (events, again int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, n := range h.events {
		again += n - 1
	}
	return len(h.events), again
}

// receiver takes webhooks. While it is mute it keeps its callers waiting.
type receiver struct {
	heard
	*httptest.Server

	gate sync.Mutex
	open chan struct{} // closed: it answers
}

func startReceiver(t *testing.T) *receiver {
	r := &receiver{open: make(chan struct{})}
	close(r.open)
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var body json.RawMessage
		if err := json.NewDecoder(req.Body).Decode(&body); err != nil {
			return // its sender was killed
		}
		r.gate.Lock()
		open := r.open
		r.gate.Unlock()
		select {
		case <-open:
			r.take(t, body, "webhook")
		case <-req.Context().Done():
		}
	}))
	t.Cleanup(func() { r.mute(false); r.Close() })
	return r
}

func (r *receiver) mute(on bool) {
	r.gate.Lock()
	defer r.gate.Unlock()
	select {
	case <-r.open:
		if on {
			r.open = make(chan struct{})
		}
	default:
		if !on {
			close(r.open)
		}
	}
}
