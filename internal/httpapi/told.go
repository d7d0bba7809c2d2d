package httpapi

import (
	"net/http"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// Problem gives an error as the API tells it: the status and the body, application/problem+json.
// Details that are about fields of a write's body have pointers into it; w may be nil. It also gives
// the code, by which the error is counted.
func Problem(err error, w *model.Write) (status int, body []byte, code fault.Code) {
	if w != nil {
		err = pointInto(err, w)
	}
	p, f := problemOf(err)
	return p.Status, p.encode(), f.Code
}

// Key gives the Idempotency-Key of a request, "" where there is none.
func Key(h http.Header) (string, error) { return idempotencyKey(h["Idempotency-Key"]) }
