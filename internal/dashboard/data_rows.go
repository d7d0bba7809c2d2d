package dashboard

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// paths are the ways to the rows of one entity: the model's own lists, and its key.
type paths struct {
	get   *model.Read
	byKey *model.Read            // nil: there is one row per partition
	lists map[string]*model.Read // by name
}

func pathsTo(m *model.Model, e *model.Entity) *paths {
	p := &paths{get: work.Row(e), lists: map[string]*model.Read{}}
	if len(e.Key) > 0 {
		p.byKey = work.Rows(e, mostRows)
	}
	for _, r := range m.Reads {
		if r.Of == e && r.List && !r.Internal {
			whole := *r // whole rows, in pages of the page's own size
			whole.Fields, whole.Page = e.Fields, mostRows
			p.lists[r.Name] = &whole
		}
	}
	return p
}

// rows gives a page of rows of one partition, through a list of the model or in the order of the key.
func (s *shelf) rows(ctx context.Context, r *http.Request) ([]byte, error) {
	e, p, err := s.entity(r)
	if err != nil {
		return nil, err
	}
	asked := r.URL.Query()
	way := s.paths[e]
	read := way.byKey
	if name := asked.Get("through"); name != "" {
		if read = way.lists[name]; read == nil {
			return nil, wrong("through", "is no list of "+e.Name)
		}
	} else if read == nil {
		read = way.get
	}
	q, err := query(read, p, asked)
	if err != nil {
		return nil, err
	}
	result, err := s.ask(ctx, p, q)
	if err != nil {
		return nil, err
	}
	b := strconv.AppendUint([]byte(`{"version":`), result.Version, 10)
	b = append(b, `,"rows":[`...)
	shown := 0
	for _, row := range result.Rows {
		if shown > 0 && len(b) > mostBytes {
			break
		}
		if shown > 0 {
			b = append(b, ',')
		}
		b = appendRow(b, e, row)
		shown++
	}
	b = append(b, ']')
	if result.More || shown < len(result.Rows) {
		b = append(b, `,"next":`...)
		b = model.AppendJSON(b, model.String(string(place(read, result.Rows[shown-1]))))
	}
	return append(b, "}\n"...), nil
}

// row gives one row by its key.
func (s *shelf) row(ctx context.Context, r *http.Request) ([]byte, error) {
	e, p, err := s.entity(r)
	if err != nil {
		return nil, err
	}
	row, version, err := s.find(ctx, e, p, r.URL.Query())
	if err != nil {
		return nil, err
	}
	b := strconv.AppendUint([]byte(`{"version":`), version, 10)
	b = append(b, `,"row":`...)
	if row == nil {
		b = append(b, "null"...)
	} else {
		b = appendRow(b, e, row)
	}
	return append(b, "}\n"...), nil
}

// find gets the row of a key; nil where there is none. The version is the partition's.
func (s *shelf) find(ctx context.Context, e *model.Entity, p store.Partition, asked url.Values) (*model.Row, uint64, error) {
	args, err := keyArgs(e, p, asked)
	if err != nil {
		return nil, 0, err
	}
	result, err := s.ask(ctx, p, &store.Query{Read: s.paths[e].get, Args: args})
	if err != nil || len(result.Rows) == 0 {
		version := uint64(0)
		if result != nil {
			version = result.Version
		}
		return nil, version, err
	}
	return result.Rows[0], result.Version, nil
}

// keyArgs reads the key of a row, each part under the name of its field behind "k.".
func keyArgs(e *model.Entity, p store.Partition, asked url.Values) (*model.Args, error) {
	args := &model.Args{Values: []model.Value{p.Value}, Given: []bool{true}}
	for _, f := range e.Key {
		v, err := f.Parse(asked.Get("k." + f.Name))
		if err != nil {
			return nil, wrong("k."+f.Name, reason(err))
		}
		args.Values, args.Given = append(args.Values, v), append(args.Given, true)
	}
	return args, nil
}

// query makes the query of a list: filters stand under the name of their field behind "f.", the range
// under "from" and "to", the place to go on from under "after".
func query(read *model.Read, p store.Partition, asked url.Values) (*store.Query, error) {
	n := len(read.Params)
	q := &store.Query{Read: read, Args: &model.Args{Values: make([]model.Value, n), Given: make([]bool, n)}}
	q.Args.Values[0], q.Args.Given[0] = p.Value, true
	for i, in := range read.Params[1:] {
		name := "f." + in.Name
		if !asked.Has(name) {
			if in.Required {
				return nil, wrong(name, "must be given for "+read.Name)
			}
			continue
		}
		v, err := in.Parse(asked.Get(name))
		if err != nil {
			return nil, wrong(name, reason(err))
		}
		q.Args.Values[i+1], q.Args.Given[i+1] = v, true
	}
	for name, bound := range map[string]*model.Value{"from": &q.From, "to": &q.To} {
		if asked.Get(name) == "" || read.Range == nil {
			continue
		}
		var err error
		if *bound, err = read.Range.Parse(asked.Get(name)); err != nil {
			return nil, wrong(name, reason(err))
		}
	}
	if text := asked.Get("after"); text != "" {
		var err error
		if q.Cursor, err = placeOf(read, text); err != nil {
			return nil, err
		}
	}
	return q, nil
}

func reason(err error) string {
	if f, ok := err.(*fault.Error); ok && len(f.Details) > 0 { //nolint:errorlint // the model returns it as it is
		return f.Details[0].Message
	}
	return "is not valid"
}

// place names a row's place in a list, for placeOf.
func place(read *model.Read, row *model.Row) []byte {
	b := []byte{'['}
	for i, o := range read.Sort {
		if i > 0 {
			b = append(b, ',')
		}
		b = model.AppendJSON(b, row.Values[o.Field.Pos])
	}
	return append(b, ']')
}

func placeOf(read *model.Read, text string) ([]model.Value, error) {
	var list []json.RawMessage
	if json.Unmarshal([]byte(text), &list) != nil || len(list) != len(read.Sort) {
		return nil, fault.New(fault.BadCursor, "The page to go on from is none of this list; begin anew.")
	}
	values := make([]model.Value, len(list))
	for i, raw := range list {
		loose := model.Field{Name: read.Sort[i].Field.Name, Type: read.Sort[i].Field.Type}
		loose.Type.Null = true
		v, err := loose.DecodeJSON(raw)
		if err != nil {
			return nil, fault.New(fault.BadCursor, "The page to go on from is none of this list; begin anew.")
		}
		values[i] = v
	}
	return values, nil
}

// appendRow appends a row with its version.
func appendRow(b []byte, e *model.Entity, row *model.Row) []byte {
	b = strconv.AppendUint(append(b, `{"version":`...), row.Version, 10)
	return append(model.AppendRow(append(b, `,"values":`...), e.Fields, row), '}')
}

// keyText names a row within its partition, for comparison and for people.
func keyText(e *model.Entity, values []model.Value) string {
	parts := make([]string, len(e.Key))
	for i := range e.Key {
		parts[i] = string(model.AppendText(nil, values[i]))
	}
	return strings.Join(parts, " ")
}
