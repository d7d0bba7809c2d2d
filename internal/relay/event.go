package relay

import (
	"encoding/json"
	"fmt"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Event is one event that happened, as those hear of it who are told.
type Event struct {
	ID        string // the same however often it is told; also after a restore no other event has it
	Name      string
	Family    string // where it happened
	Partition string // the partition's value in its text form
	Version   uint64 // of the partition: the order of its events
	Time      time.Time
	Data      []byte // a JSON object
}

// CloudEvent gives the event as CloudEvents 1.0 in structured JSON.
func (e *Event) CloudEvent(service string) []byte {
	body, err := json.Marshal(struct {
		SpecVersion  string          `json:"specversion"`
		ID           string          `json:"id"`
		Source       string          `json:"source"`
		Type         string          `json:"type"`
		Subject      string          `json:"subject"`
		Time         time.Time       `json:"time"`
		ContentType  string          `json:"datacontenttype"`
		PartitionKey string          `json:"partitionkey"`
		Sequence     string          `json:"sequence"`
		Data         json.RawMessage `json:"data"`
	}{
		"1.0", e.ID, "/" + service + "/" + e.Family + "/" + url.PathEscape(e.Partition), service + "." + e.Name,
		e.Partition, e.Time.UTC(), "application/json", e.Partition,
		fmt.Sprintf("%020d", e.Version), // texts of one length, so that their order is that of the versions
		e.Data,
	})
	if err != nil {
		return []byte("{}") // not reached: Data comes from the change log, which holds valid JSON only
	}
	return body
}

// occurrence is an event on its way through a batch.
type occurrence struct {
	Event
	declared *model.Event
	source   store.Partition
	index    int  // among the events of its change
	job      *Job // what kept it until it was due; nil where it comes from the change log
	onlyThen bool // nobody is told but the write that follows
}

func newOccurrence(declared *model.Event, c *store.Change, index int) *occurrence {
	data := c.Events[index].Data
	if len(data) == 0 {
		data = []byte("{}")
	}
	return &occurrence{
		Event: Event{
			ID:        fmt.Sprintf("%s-%d", uuid.UUID(c.ID), index),
			Name:      declared.Name,
			Family:    c.Partition.Family.Name,
			Partition: string(model.AppendText(nil, c.Partition.Value)),
			Version:   c.Version,
			Time:      c.Time,
			Data:      data,
		},
		declared: declared, source: c.Partition, index: index,
	}
}

// args reads the event's data as what expressions see as `event`. What this model knows otherwise
// than the one that wrote it counts as not given.
func (o *occurrence) args() *model.Args {
	inputs := o.declared.Inputs
	args := &model.Args{Values: make([]model.Value, len(inputs)), Given: make([]bool, len(inputs))}
	var data map[string]json.RawMessage
	if json.Unmarshal(o.Data, &data) != nil {
		return args
	}
	for _, in := range inputs {
		raw, ok := data[in.Name]
		if !ok {
			continue
		}
		loose := model.Field{Name: in.Name, Type: in.Type} // bounds may have become narrower since
		loose.Type.Size, loose.Type.Null = 1<<30, true
		if v, err := loose.DecodeJSON(raw); err == nil && (!v.IsNull() || in.Type.Null) {
			args.Values[in.Index], args.Given[in.Index] = v, true
		}
	}
	return args
}
