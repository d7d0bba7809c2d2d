package httpapi

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/accept"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Acceptor takes writes that are carried out later, and tells what came of them; *accept.Acceptor is
// one.
type Acceptor interface {
	Submit(ctx context.Context, q *engine.WriteRequest, wait time.Duration) (accept.State, error)
	Operation(ctx context.Context, id string, claims *model.Claims, wait time.Duration) (accept.State, error)
	After(ctx context.Context, ids []string, claims *model.Claims, p store.Partition, ahead bool) error
}

// preference is what a caller wishes of a write, as far as it is granted.
type preference struct {
	async   bool
	asked   bool          // by the caller, not by the model
	wait    time.Duration // for the outcome, before the answer says that it is not there yet
	waiting bool          // asked for wait
}

// preference reads the Prefer header (RFC 7240). Without an acceptor every write is synchronous.
func (a *API) preference(given []string, w *model.Write) (p preference) {
	if a.accepts == nil || w.Async == model.Sync {
		return p
	}
	p.async = w.Async == model.AsyncAlways
	named := false // wait was
	for _, line := range given {
		for one := range strings.SplitSeq(line, ",") {
			one, _, _ = strings.Cut(one, ";") // parameters that no preference here has
			name, value, _ := strings.Cut(one, "=")
			name, value = strings.ToLower(strings.TrimSpace(name)), strings.Trim(strings.TrimSpace(value), `"`)
			switch {
			case name == "respond-async":
				p.async, p.asked = true, true
			case name == "wait" && !named: // the first counts
				named = true
				if n, err := strconv.ParseUint(value, 10, 31); err == nil {
					p.wait, p.waiting = min(time.Duration(n)*time.Second, accept.MaxWait), true
				}
			}
		}
	}
	return p
}

// applied says which preferences were followed.
func (p *preference) applied() string {
	var list []string
	if p.asked {
		list = append(list, "respond-async")
	}
	if p.waiting {
		list = append(list, "wait="+strconv.Itoa(int(p.wait/time.Second)))
	}
	return strings.Join(list, ", ")
}

// maxAfter bounds the operations that a write can be told to come after.
const maxAfter = 16

// comeAfter waits for the operations that Partita-After names.
func (a *API) comeAfter(ctx context.Context, r *http.Request, q *engine.WriteRequest, async bool) error {
	given := r.Header["Partita-After"]
	if len(given) == 0 {
		return nil
	}
	var ids []string
	for id := range strings.SplitSeq(strings.Join(given, ","), ",") {
		ids = append(ids, strings.TrimPrefix(strings.TrimSpace(id), operationsPath))
	}
	if a.accepts == nil || len(ids) > maxAfter {
		message := "Partita-After names operations, and this service has none."
		if a.accepts != nil {
			message = "Partita-After names more operations than the " + strconv.Itoa(maxAfter) + " that it can."
		}
		return &fault.Error{Code: fault.BadRequest, Message: message,
			Details: []fault.Detail{{Pointer: "Partita-After", Message: "cannot be followed"}}}
	}
	admit.Aside(ctx)
	return a.accepts.After(ctx, ids, q.Claims, store.Partition{Family: q.Write.Family, Value: q.Args.Values[0]}, async)
}

// submit hands a write over to be carried out later. It may be done already then: because the caller wanted to wait for
// that, or because it could not be accepted and was carried out at once.
func (a *API) submit(ctx context.Context, q *engine.WriteRequest, p preference) (came written) {
	defer caught(&came.err)
	admit.Aside(ctx)
	s, err := a.accepts.Submit(ctx, q, p.wait)
	came.result.Quotas = s.Quotas
	if err != nil {
		came.err = pointInto(err, q.Write)
		return came
	}
	if !s.AtOnce {
		came.applied = p.applied()
	}
	if s.Done {
		came.result, came.err = s.Result, pointInto(s.Err, q.Write)
		came.result.Quotas = s.Quotas
		return came
	}
	came.pending = &s
	return came
}

// operationsPath is what the addresses of operations begin with.
const operationsPath = "/v1/operations/"

func (a *API) writeAccepted(w http.ResponseWriter, came *written, total time.Duration) {
	s := came.pending
	body := a.operationBody(s)
	h := w.Header()
	h["Location"] = []string{operationsPath + s.ID}
	h["Server-Timing"] = []string{string(appendTiming(nil, total, 0))}
	h["Cache-Control"] = noStore
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	describeQuotas(h, came.result.Quotas)
	w.WriteHeader(http.StatusAccepted)
	w.Write(body)
}

// laterItem is one write of a batch that is accepted for later.
type laterItem struct {
	index int
	q     *engine.WriteRequest
}

// submitItems accepts writes of a batch, those of one partition in their order.
func (a *API) submitItems(ctx context.Context, r *http.Request, items []laterItem, results []batchResult, start time.Time) {
	by := map[store.Partition][]laterItem{}
	for _, it := range items {
		p := store.Partition{Family: it.q.Write.Family, Value: it.q.Args.Values[0]}
		by[p] = append(by[p], it)
	}
	var wg sync.WaitGroup
	for _, some := range by {
		wg.Go(func() {
			for _, it := range some {
				results[it.index] = a.submitItem(ctx, r, it, start)
			}
		})
	}
	wg.Wait()
}

func (a *API) submitItem(ctx context.Context, r *http.Request, it laterItem, start time.Time) batchResult {
	came := a.submit(ctx, it.q, preference{})
	sample := came.sample(start)
	sample.Code = fault.CodeOf(came.err)
	a.recorder.Write(it.q.Write, sample)
	switch pending := came.pending; {
	case came.err != nil:
		return a.refuseItem(r, within(came.err, it.index), came.result.Replayed)
	case pending != nil:
		return batchResult{Status: http.StatusAccepted, Headers: map[string]string{"Location": operationsPath + pending.ID}, Body: a.operationBody(pending)}
	}
	return a.itemResult(it.q.Write.Family, it.q.Args.Values[0], &came.result)
}
