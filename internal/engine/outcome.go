package engine

import (
	"encoding/json"
	"errors"

	"github.com/partita-dev/partita/fault"
)

// outcome is what is kept under an idempotency key, so that a repeat gets the same answer.
type outcome struct {
	Kind     WriteKind       `json:"k,omitempty"`
	Body     json.RawMessage `json:"b,omitempty"`
	Location string          `json:"l,omitempty"`
	ETag     string          `json:"e,omitempty"`
	Refused  *refusalRecord  `json:"r,omitempty"`
}

type refusalRecord struct {
	Code    fault.Code     `json:"c"`
	Message string         `json:"m"`
	Details []fault.Detail `json:"d,omitempty"`
}

func encodeOutcome(r *WriteResult) ([]byte, error) {
	return json.Marshal(outcome{Kind: r.Kind, Body: r.Body, Location: r.Location, ETag: r.ETag})
}

// encodeRefusal keeps a deterministic failure; its error is *fault.Error by the store's contract.
func encodeRefusal(err error) []byte {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok {
		return nil
	}
	b, err := json.Marshal(outcome{Refused: &refusalRecord{f.Code, f.Message, f.Details}})
	if err != nil {
		return nil
	}
	return b
}

func decodeOutcome(b []byte) (WriteResult, error) {
	var o outcome
	if err := json.Unmarshal(b, &o); err != nil {
		return WriteResult{}, fault.Wrap(fault.Internal, err, "The outcome kept for this Idempotency-Key cannot be read.")
	}
	if o.Refused != nil {
		return WriteResult{}, &fault.Error{Code: o.Refused.Code, Message: o.Refused.Message, Details: o.Refused.Details}
	}
	return WriteResult{Kind: o.Kind, Body: o.Body, Location: o.Location, ETag: o.ETag}, nil
}
