package store

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

/*
The body of a stored change is a JSON object that names everything, so that another model can read
what it still knows:

	{"w":"pay_order","m":"5f3c…","r":[{"e":"order","v":3,"b":{"status":"placed"},"a":{…}}],"n":[{"n":"order_paid","d":{…}}]}

w is the write, m the model's revision, r the rows, n the events. Of a row, e is the entity, a the
fields after, b before: after an insert there is no b, after a delete no a, and an update's b has
only what changed. v is the version of the row before; x marks an expiry. Partition, version, id and
time stand beside the body.
*/
type changeBody struct {
	Write    string      `json:"w"`
	Revision string      `json:"m"`
	Rows     []changeRow `json:"r"`
	Events   []struct {
		Name string          `json:"n"`
		Data json.RawMessage `json:"d"`
	} `json:"n"`
}

type changeRow struct {
	Entity  string                     `json:"e"`
	Version uint64                     `json:"v"`
	Before  map[string]json.RawMessage `json:"b"`
	After   map[string]json.RawMessage `json:"a"`
	Expired bool                       `json:"x"`
}

// EncodeChange appends the body of a change: all but partition, version, id and time.
func EncodeChange(dst []byte, c *Change) []byte {
	dst = appendName(append(dst, `{"w":`...), c.Write)
	dst = appendName(append(dst, `,"m":`...), c.Revision)
	for i := range c.Rows {
		dst = append(dst, pick(i == 0, `,"r":[`, `,`)...)
		dst = appendRowChange(dst, &c.Rows[i])
	}
	if len(c.Rows) > 0 {
		dst = append(dst, ']')
	}
	for i, ev := range c.Events {
		dst = append(dst, pick(i == 0, `,"n":[`, `,`)...)
		dst = appendName(append(dst, `{"n":`...), ev.Name)
		if len(ev.Data) > 0 {
			dst = append(append(dst, `,"d":`...), ev.Data...)
		}
		dst = append(dst, '}')
	}
	if len(c.Events) > 0 {
		dst = append(dst, ']')
	}
	return append(dst, '}')
}

func pick(first bool, a, b string) string {
	if first {
		return a
	}
	return b
}

// appendName quotes a name of the model, which has no character that needs care; others go through
// the general way.
func appendName(dst []byte, s string) []byte { return model.AppendJSON(dst, model.String(s)) }

func appendRowChange(dst []byte, c *model.RowChange) []byte {
	dst = appendName(append(dst, `{"e":`...), c.Entity.Name)
	if c.Before != nil {
		dst = strconv.AppendUint(append(dst, `,"v":`...), c.Before.Version, 10)
		dst = appendFields(append(dst, `,"b":`...), c.Entity, c.Before, c.After)
	}
	if c.After != nil {
		dst = appendFields(append(dst, `,"a":`...), c.Entity, c.After, nil)
	}
	if c.Expired {
		dst = append(dst, `,"x":true`...)
	}
	return append(dst, '}')
}

// appendFields writes the fields of a row that differ from another row, all if there is none. The
// partition field stands beside the body.
func appendFields(dst []byte, e *model.Entity, row, other *model.Row) []byte {
	dst = append(dst, '{')
	first := true
	for _, f := range e.Fields[1:] {
		v := row.Values[f.Pos]
		if other != nil && other.Values[f.Pos] == v {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		dst = appendName(dst, f.Name)
		dst = append(dst, ':')
		dst = model.AppendJSON(dst, v)
	}
	return append(dst, '}')
}

// DecodeChange reads a body with the current model. head has what stands beside it: partition,
// version, id and time. What this model does not know makes the change Foreign; a field that is new
// since then has its default, and is in Lacks. An error means that the body is damaged; it has code Internal.
func DecodeChange(m *model.Model, head Change, body []byte) (*Change, error) {
	var b changeBody
	if err := json.Unmarshal(body, &b); err != nil {
		return nil, fault.Wrap(fault.Internal, err, "A stored change is damaged.")
	}
	c := &head
	c.Write, c.Revision, c.Rows, c.Events, c.Foreign = b.Write, b.Revision, nil, nil, false
	c.Lacks = nil
	for _, r := range b.Rows {
		change, ok := decodeRowChange(m, c, r)
		if !ok {
			c.Foreign = true
			continue
		}
		if fields := lacking(change, r); fields != nil {
			if c.Lacks == nil {
				c.Lacks = map[int][]*model.Field{}
			}
			c.Lacks[len(c.Rows)] = fields
		}
		c.Rows = append(c.Rows, change)
	}
	for _, ev := range b.Events {
		c.Events = append(c.Events, Event{Name: ev.Name, Data: bytes.Clone(ev.Data)})
	}
	return c, nil
}

func decodeRowChange(m *model.Model, c *Change, r changeRow) (change model.RowChange, ok bool) {
	e := m.Entity(r.Entity)
	if e == nil || e.Family != c.Partition.Family || r.Before == nil && r.After == nil {
		return change, false
	}
	change = model.RowChange{Entity: e, Expired: r.Expired}
	if r.After != nil {
		values := defaults(e, c.Partition.Value)
		if !decodeFields(e, values, r.After) {
			return change, false
		}
		change.After = &model.Row{Version: c.Version, Values: values}
	}
	if r.Before != nil {
		values := defaults(e, c.Partition.Value)
		if change.After != nil {
			copy(values, change.After.Values)
		}
		if !decodeFields(e, values, r.Before) {
			return change, false
		}
		change.Before = &model.Row{Version: r.Version, Values: values}
	}
	return change, true
}

// lacking gives the fields that the change of a row that was there before says nothing of.
func lacking(c model.RowChange, r changeRow) (fields []*model.Field) {
	given := r.After // all fields that its writer knew
	if given == nil {
		given = r.Before
	}
	if c.Before == nil || len(given) == len(c.Entity.Fields)-1 {
		return nil
	}
	for _, f := range c.Entity.Fields[1:] {
		if _, ok := given[f.Name]; !ok {
			fields = append(fields, f)
		}
	}
	return fields
}

func defaults(e *model.Entity, partition model.Value) []model.Value {
	values := make([]model.Value, len(e.Fields))
	values[0] = partition
	for _, f := range e.Fields[1:] {
		values[f.Pos] = f.DefaultValue
	}
	return values
}

// decodeFields reads fields by name into their places; false if the model does not know one, or
// knows it as something else, or needs one that is not there.
func decodeFields(e *model.Entity, values []model.Value, fields map[string]json.RawMessage) bool {
	for name, raw := range fields {
		f := e.Field(name)
		if f == nil || f.Pos == 0 {
			return false
		}
		// Only the form counts: bounds may have become narrower since.
		loose := model.Field{Name: f.Name, Type: f.Type}
		loose.Type.Size = 1 << 30
		loose.Type.Null = true
		v, err := loose.DecodeJSON(raw)
		if err != nil || v.IsNull() && !f.Type.Null {
			return false
		}
		values[f.Pos] = v
	}
	for _, f := range e.Fields {
		if values[f.Pos].IsNull() && !f.Type.Null {
			return false
		}
	}
	return true
}
