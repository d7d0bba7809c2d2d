package e2e

import (
	"bufio"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"
)

// followed is one reader of an account's feed, that comes again wherever it can when the feed breaks.
type followed struct {
	w       *onceWorld
	account string
	id      string

	mu   sync.Mutex
	last uint64
}

func (f *followed) at() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.last
}

func (f *followed) run(r *rand.Rand) {
	for !f.w.over.Load() && f.w.t.Context().Err() == nil {
		f.follow(f.w.nodes[r.IntN(len(f.w.nodes))].address())
		wait(20 * time.Millisecond)
	}
}

// follow reads one stream until it ends. Each version must come once, in order.
func (f *followed) follow(base string) {
	ctx, cancel := context.WithCancel(f.w.t.Context())
	defer cancel()
	go func() { // a connection that broke in silence must not be waited for
		for at := f.at(); ; {
			select {
			case <-ctx.Done():
				return
			case <-time.After(3 * time.Second):
			}
			if now := f.at(); now == at || f.w.over.Load() {
				cancel()
				return
			} else {
				at = now
			}
		}
	}()
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/feeds/all/"+f.account, nil)
	if err != nil {
		f.w.t.Error(err)
		return
	}
	if f.id == "" {
		req.URL.RawQuery = "after=1"
	} else {
		req.Header.Set("Last-Event-ID", f.id)
	}
	req.Header.Set("Accept", "text/event-stream")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return
	}
	defer res.Body.Close()
	id, ending := "", false
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		switch line := lines.Text(); {
		case strings.HasPrefix(line, "id: "):
			id = line[4:]
		case line == "event: end":
			ending = true
		case strings.HasPrefix(line, "data: ") && !ending:
			var c struct{ Version uint64 }
			if err := json.Unmarshal([]byte(line[6:]), &c); err != nil {
				return // half a line
			}
			f.mu.Lock()
			if c.Version != f.last+1 {
				f.w.t.Errorf("the feed of %s tells of version %d after %d", f.account, c.Version, f.last)
			}
			f.last = c.Version
			f.mu.Unlock()
			f.id = id
		}
	}
}
