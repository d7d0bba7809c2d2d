package drill

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/load"
)

// operation is what came of an accepted write.
type operation struct {
	version uint64
	failed  bool // refused by the model: nothing was to be done
}

// settleTimeout bounds how long accepted writes may take after a drill.
const settleTimeout = 60 * time.Second

// operations asks after every accepted write until it is done, as a caller does.
func (s *scene) operations(ctx context.Context) (map[*load.Note]operation, []Promise, error) {
	var pending []*load.Note
	for i := range s.result.Notes {
		if n := &s.result.Notes[i]; n.Status == http.StatusAccepted {
			pending = append(pending, n)
		}
	}
	if len(pending) == 0 {
		return nil, nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var (
		mu     sync.Mutex
		done   = map[*load.Note]operation{}
		wrong  []string
		work   sync.WaitGroup
		queue  = make(chan *load.Note)
		client = &http.Client{Timeout: 30 * time.Second}
	)
	for range 16 {
		work.Go(func() {
			for n := range queue {
				op, why := s.operation(ctx, client, n)
				mu.Lock()
				if why == "" {
					done[n] = op
				} else {
					note(&wrong, "%s accepted after %.1f s: %s", s.mix.Patterns[n.Pattern].Write.Name, n.Done.Seconds(), why)
				}
				mu.Unlock()
			}
		})
	}
	for _, n := range pending {
		queue <- n
	}
	close(queue)
	work.Wait()
	p := kept("accepted writes", "each is carried out", len(wrong) == 0, "%d accepted, %s of them not carried out within %s of the end", len(pending), several(wrong), settleTimeout)
	p.Details = wrong
	return done, []Promise{p}, nil
}

// operation asks after one accepted write until it is known what came of it.
func (s *scene) operation(ctx context.Context, client *http.Client, n *load.Note) (operation, string) {
	p := &s.mix.Patterns[n.Pattern]
	token := ""
	if s.stage.Model.Access != nil {
		var err error
		if token, err = auth.Mint(s.stage.Secret, s.world.Caller(p.Family(), n.Draw.Partition), time.Hour); err != nil {
			return operation{}, err.Error()
		}
	}
	last := "it was not asked"
	for ctx.Err() == nil {
		op, again, why := ask(ctx, client, "http://"+s.stage.Nodes[0].Address+n.Operation+"?wait=5s", token)
		if !again {
			return op, why
		}
		last = why
	}
	return operation{}, last
}

func ask(ctx context.Context, client *http.Client, address, token string) (op operation, again bool, why string) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return op, false, err.Error()
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	a, err := client.Do(r)
	if err != nil {
		sleepUntil(ctx, time.Now().Add(100*time.Millisecond))
		return op, true, "no answer: " + err.Error()
	}
	defer a.Body.Close()
	body, err := io.ReadAll(a.Body)
	if err != nil {
		return op, true, err.Error()
	}
	if a.StatusCode >= 500 {
		sleepUntil(ctx, time.Now().Add(100*time.Millisecond))
		return op, true, fmt.Sprintf("asked after it, the service answers %d", a.StatusCode)
	}
	var doc struct {
		Status  string
		Problem struct{ Type, Detail string }
	}
	if a.StatusCode != http.StatusOK || json.Unmarshal(body, &doc) != nil {
		return op, false, fmt.Sprintf("asked after it, the service answers %d", a.StatusCode)
	}
	switch doc.Status {
	case "pending":
		return op, true, "it is pending still"
	case "failed":
		if strings.HasSuffix(doc.Problem.Type, ":internal") {
			return op, false, "it was given up: " + doc.Problem.Detail
		}
		return operation{failed: true}, false, ""
	}
	token = a.Header.Get("Partita-Version")
	version, err := strconv.ParseUint(token[strings.LastIndexByte(token, '/')+1:], 10, 64)
	if err != nil {
		return op, false, "it is done, and its version is not told"
	}
	return operation{version: version}, false, ""
}
