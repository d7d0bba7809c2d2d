package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// MaxBatch is the most writes of one batch.
const MaxBatch = 1000

// The members of one write of a batch, by Input.Index.
const (
	itemWrite = iota
	itemInput
	itemKey
	itemIfMatch
)

// batchRoute knows the form of a batch. It is written down as inputs, so that a batch is read as
// strictly as any other body.
type batchRoute struct{ inputs []*model.Input }

func newBatchRoute(maxBody int64) *batchRoute {
	member := func(index int, name string, t model.Type, required bool) *model.Input {
		return &model.Input{Field: &model.Field{Name: name, Type: t}, Index: index, Required: required}
	}
	writes := member(0, "writes", model.Type{}, true)
	writes.Max = MaxBatch
	writes.Items = []*model.Input{
		itemWrite:   member(itemWrite, "write", model.Type{Kind: model.KindString, Size: 255}, true),
		itemInput:   member(itemInput, "input", model.Type{Kind: model.KindJSON, Size: int(maxBody)}, true),
		itemKey:     member(itemKey, "idempotency_key", model.Type{Kind: model.KindString, Size: maxKey}, false),
		itemIfMatch: member(itemIfMatch, "if_match", model.Type{Kind: model.KindString, Size: 1024}, false),
	}
	return &batchRoute{inputs: []*model.Input{writes}}
}

// batchResult is what came of one write of a batch.
type batchResult struct {
	Status  int               `json:"status"`
	Headers map[string]string `json:"headers,omitempty"`
	Body    json.RawMessage   `json:"body,omitempty"`
	Problem *problem          `json:"problem,omitempty"`
}

func (a *API) serveBatch(w http.ResponseWriter, r *http.Request, start time.Time) {
	ctx, span := a.span(r, "batch")
	var code fault.Code
	items, claims, err := a.prepareBatch(r)
	if err != nil {
		code = a.fail(w, r, err)
	} else {
		results := a.carryOut(ctx, r, items, claims, start)
		body := encodeResults(results)
		h := w.Header()
		h["Content-Type"] = jsonType
		h["Cache-Control"] = noStore
		h["Content-Length"] = []string{strconv.Itoa(len(body))}
		h["Server-Timing"] = []string{string(appendTiming(nil, time.Since(start), 0))}
		w.WriteHeader(http.StatusOK)
		w.Write(body)
	}
	if span != nil {
		status := http.StatusOK
		if code != "" {
			status = kinds[code].status
		}
		span.End(status, code, "", 0)
	}
}

func (a *API) prepareBatch(r *http.Request) ([]model.Args, *model.Claims, error) {
	claims, err := a.caller(r, false)
	if err != nil {
		return nil, nil, err
	}
	if accept := r.Header["Accept"]; len(accept) > 0 && !acceptsJSON(accept) {
		return nil, nil, notAcceptable()
	}
	for _, name := range []string{"Idempotency-Key", "If-Match", "If-None-Match"} {
		if len(r.Header[name]) > 0 {
			return nil, nil, &fault.Error{Code: fault.BadRequest,
				Message: "Each write of a batch has its own idempotency_key and if_match; the headers are not for batches.",
				Details: []fault.Detail{{Pointer: name, Message: "is not for batches"}}}
		}
	}
	if r.URL.RawQuery != "" {
		return nil, nil, fault.New(fault.BadRequest, "A batch takes no query parameters; everything goes into the body.")
	}
	body, err := a.readBody(r)
	if err != nil {
		return nil, nil, err
	}
	args, err := model.DecodeArgs(a.batch.inputs, body)
	if err != nil {
		return nil, nil, err
	}
	return args.Items[0], claims, nil
}

// carryOut decides each write on its own; those that may go on go to the engine together.
func (a *API) carryOut(ctx context.Context, r *http.Request, items []model.Args, claims *model.Claims, start time.Time) []batchResult {
	results := make([]batchResult, len(items))
	requests := make([]*engine.WriteRequest, 0, len(items))
	places := make([]int, 0, len(items))
	var later []laterItem
	for i := range items {
		route := a.writes[items[i].Values[itemWrite].Text()]
		q, err := a.prepareItem(&items[i], route, claims, i)
		if err != nil {
			results[i] = a.refuseItem(r, err, false)
			if route != nil {
				a.recorder.Write(route.write, engine.WriteSample{Code: fault.CodeOf(err), Total: time.Since(start)})
			}
			continue
		}
		if a.preference(r.Header["Prefer"], q.Write).async {
			later = append(later, laterItem{i, q})
			continue
		}
		requests, places = append(requests, q), append(places, i)
	}
	a.submitItems(ctx, r, later, results, start)
	if len(requests) == 0 {
		return results
	}
	done, errs := a.engine.Batch(ctx, requests)
	total := time.Since(start)
	for j, i := range places {
		sample := engine.WriteSample{Replayed: done[j].Replayed, Store: done[j].Store, Total: total}
		if errs[j] != nil {
			sample.Code = fault.CodeOf(errs[j])
			results[i] = a.refuseItem(r, within(pointInto(errs[j], requests[j].Write), i), done[j].Replayed)
		} else {
			results[i] = a.itemResult(requests[j].Write.Family, requests[j].Args.Values[0], &done[j])
		}
		a.recorder.Write(requests[j].Write, sample)
	}
	return results
}

func (a *API) prepareItem(item *model.Args, route *writeRoute, claims *model.Claims, i int) (*engine.WriteRequest, error) {
	if route == nil {
		return nil, &fault.Error{Code: fault.UnknownPattern, Message: "This service has no write of that name; /openapi.json lists them.",
			Details: []fault.Detail{{Pointer: itemPointer(i) + "/write", Message: "is not the name of a write"}}}
	}
	if route.private && claims == nil {
		return nil, fault.New(fault.Unauthenticated, "This needs a token; send it as Authorization: Bearer ….")
	}
	q := &engine.WriteRequest{Write: route.write, Claims: claims, Body: []byte(item.Values[itemInput].Text()), IfMatch: item.Values[itemIfMatch].Text()}
	if item.Given[itemKey] {
		q.IdempotencyKey = item.Values[itemKey].Text()
		if !visible(q.IdempotencyKey) {
			return nil, &fault.Error{Code: fault.BadRequest, Message: "idempotency_key must be 1 to 255 visible ASCII characters.",
				Details: []fault.Detail{{Pointer: itemPointer(i) + "/idempotency_key", Message: "is not a valid key"}}}
		}
	}
	var err error
	if q.Args, err = model.DecodeArgs(route.write.Inputs, q.Body); err != nil {
		return nil, within(err, i)
	}
	return q, nil
}

func itemPointer(i int) string { return "/writes/" + strconv.Itoa(i) }

// within moves the pointers of an error from an item's input to the batch's body.
func within(err error, i int) error {
	f, ok := err.(*fault.Error) //nolint:errorlint // DecodeArgs and pointInto return it as it is
	if !ok || len(f.Details) == 0 {
		return err
	}
	moved := *f
	moved.Details = make([]fault.Detail, len(f.Details))
	for k, d := range f.Details {
		switch {
		case d.Pointer == "If-Match":
			d.Pointer = itemPointer(i) + "/if_match"
		case d.Pointer == "" || d.Pointer[0] == '/':
			d.Pointer = itemPointer(i) + "/input" + d.Pointer
		}
		moved.Details[k] = d
	}
	return &moved
}

func (a *API) refuseItem(r *http.Request, err error, replayed bool) batchResult {
	p, f := problemOf(err)
	a.note(r, &p, f)
	describeExceeded(nil, &p, err)
	headers := map[string]string{}
	if f.RetryAfter > 0 {
		headers["Retry-After"] = retryAfter(f.RetryAfter)
	}
	if replayed {
		headers["Idempotency-Replayed"] = "true"
	}
	return batchResult{Status: p.Status, Headers: headers, Problem: &p}
}

func (a *API) itemResult(f *model.Family, partition model.Value, done *engine.WriteResult) batchResult {
	headers := map[string]string{"Partita-Version": a.engine.VersionToken(f, partition, done.Version)}
	if done.Location != "" {
		headers["Location"] = done.Location
	}
	if done.ETag != "" {
		headers["ETag"] = done.ETag
	}
	if done.Replayed {
		headers["Idempotency-Replayed"] = "true"
	}
	return batchResult{Status: statusOf(done), Headers: headers, Body: done.Body}
}

func encodeResults(results []batchResult) []byte {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(map[string]any{"results": results}); err != nil {
		panic(err) // a body of the engine is not JSON: a defect, answered as one
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n"))
}
