package load

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Draw is one request of a pattern, as numbers: the same numbers make the same request.
type Draw struct {
	Partition int    // of the pattern's family; of a view's source
	Pick      uint64 // which row, which filters, which values
}

func (d Draw) rand() *rand.Rand { return rand.New(rand.NewPCG(d.Pick, 0x6c6f6164)) }

// source gives the entity whose rows a read asks for: of a view that it comes from.
func source(r *model.Read) *model.Entity {
	if v := r.Of.View; v != nil {
		return v.From
	}
	return r.Of
}

// ReadArgs gives what a read is asked with, by Read.Params.
func (w *World) ReadArgs(r *model.Read, d Draw) *model.Args {
	choose := d.rand()
	e := source(r)
	row := w.Row(e, d.Partition, choose.IntN(w.Rows(e)))
	args := &model.Args{Values: make([]model.Value, len(r.Params)), Given: make([]bool, len(r.Params))}
	for i, in := range r.Params {
		if !in.Required && choose.IntN(4) != 0 { // a filter
			continue
		}
		v := w.param(r, in, row)
		if v.IsNull() && !in.Required {
			continue
		}
		args.Values[i], args.Given[i] = v, true
	}
	return args
}

// param gives what a read is given for one of its parameters, so that it finds the row.
func (w *World) param(r *model.Read, in *model.Input, row *model.Row) model.Value {
	if v := r.Of.View; v != nil {
		if in.Name == v.ByField.Name {
			return w.by(v, row)
		}
		if f := v.From.Field(in.Name); f != nil {
			return row.Values[f.Pos]
		}
		return value(in.Field, 0, w.Size.Now)
	}
	f := r.Of.Field(in.Name)
	if len(r.Where) > 0 && !in.Required {
		for _, c := range r.Where {
			if c.Field == f && len(c.Values) > 0 {
				return c.Values[0]
			}
		}
	}
	return row.Values[f.Pos]
}

// by gives the partition of a view in which a source row shows up.
func (w *World) by(v *model.View, row *model.Row) model.Value {
	by := v.By[0]
	if by.Expr == nil {
		return row.Values[by.Field.Pos]
	}
	got, err := by.Expr.Eval(&model.Scope{Now: w.Size.Now, Row: row})
	if err != nil {
		return value(v.ByField, 0, w.Size.Now)
	}
	return got
}

// appendTarget appends the address of a read's request.
func (w *World) appendTarget(b []byte, r *model.Read, args *model.Args) []byte {
	b = append(append(b, "/v1/"...), r.Name...)
	segments := 1
	if !r.List {
		segments = len(r.Params)
	}
	for _, v := range args.Values[:segments] {
		b = append(b, '/')
		b = append(b, url.PathEscape(string(model.AppendText(nil, v)))...)
	}
	sign := byte('?')
	for i, in := range r.Params[segments:] {
		if at := segments + i; args.Given[at] {
			b = append(append(b, sign), in.Name...)
			b = append(append(b, '='), url.QueryEscape(string(model.AppendText(nil, args.Values[at])))...)
			sign = '&'
		}
	}
	return b
}

// role says what an input of a write is for.
type role struct {
	entity *model.Entity // existing: the row of this entity is meant; nil: it is a value
	field  *model.Field  // of entity
	fresh  bool          // the key of a row that is to be made
}

// assign finds out what the inputs of a write are for.
func (w *World) assign(wr *model.Write) {
	for _, s := range wr.Steps {
		for _, src := range slices.Concat(s.Key, s.By) {
			in := src.Input
			if in == nil {
				continue
			}
			have, known := w.roles[in]
			switch {
			case s.Op == model.OpInsert && src.Field != nil && w.refs[src.Field].entity == nil:
				if !known {
					w.roles[in] = role{entity: s.Entity, field: src.Field, fresh: true}
				}
			case !known || have.fresh:
				w.roles[in] = role{entity: s.Entity, field: src.Field}
			}
		}
	}
}

// founds tells whether a write makes the first row of a partition, so that it needs one that is not
// there yet.
func founds(wr *model.Write) bool {
	return slices.ContainsFunc(wr.Steps, func(s *model.Step) bool {
		return s.Op == model.OpInsert && len(s.Entity.Key) == 0 && s.If == nil
	})
}

// appendBody appends the body of a write's request.
func (w *World) appendBody(b []byte, wr *model.Write, d Draw) []byte {
	choose := d.rand()
	partition := w.Partition(wr.Family, d.Partition)
	b = append(b, '{')
	first := true
	for i, in := range wr.Inputs {
		if i > 0 && w.leaveOut(in, choose) {
			continue
		}
		if !first {
			b = append(b, ',')
		}
		first = false
		b = append(append(append(b, '"'), in.Name...), `":`...)
		switch {
		case i == 0:
			b = model.AppendJSON(b, partition)
		case in.Items != nil:
			b = w.appendItems(b, wr, in, d, choose)
		default:
			b = model.AppendJSON(b, w.input(wr, in, d, choose))
		}
	}
	return append(b, '}')
}

func (w *World) appendItems(b []byte, wr *model.Write, list *model.Input, d Draw, choose *rand.Rand) []byte {
	b = append(b, '[')
	for n := range 1 + choose.IntN(min(3, max(1, list.Max))) {
		if n > 0 {
			b = append(b, ',')
		}
		b = append(b, '{')
		first := true
		for _, in := range list.Items {
			if w.leaveOut(in, choose) {
				continue
			}
			if !first {
				b = append(b, ',')
			}
			first = false
			b = append(append(append(b, '"'), in.Name...), `":`...)
			b = model.AppendJSON(b, w.input(wr, in, d, choose))
		}
		b = append(b, '}')
	}
	return append(b, ']')
}

// leaveOut tells whether a request goes without an input: what the service makes itself is left to
// it, and of what else need not be given half.
func (w *World) leaveOut(in *model.Input, choose *rand.Rand) bool {
	if in.Required {
		return false
	}
	switch in.Default {
	case model.NoDefault, model.DefaultLiteral:
		return choose.IntN(2) == 0
	}
	return true
}

// input draws the value of an input.
func (w *World) input(wr *model.Write, in *model.Input, d Draw, choose *rand.Rand) model.Value {
	what, known := w.roles[in]
	if known && !what.fresh {
		row := int(d.Pick>>8) % w.Rows(what.entity) // the same for all inputs: they mean one thing
		return w.Row(what.entity, d.Partition, row).Values[what.field.Pos]
	}
	if !known {
		if v, ok := w.elsewhere(wr, in, d); ok {
			return v
		}
	}
	if known && w.refs[what.field].family != nil {
		family := w.refs[what.field].family
		return w.Partition(family, choose.IntN(w.Partitions(family)))
	}
	if in.Type.Kind == model.KindInt && known {
		return model.Int(within(int64(choose.Uint64()>>20), bound(in.Field.Min, 0, 0), bound(in.Field.Max, 1<<50, 0)))
	}
	return value(in.Field, choose.Uint64(), w.Size.Now)
}

// elsewhere gives the value of an input that repeats a key or a partition.
func (w *World) elsewhere(wr *model.Write, in *model.Input, d Draw) (model.Value, bool) {
	for _, e := range w.Model.Entities {
		if e.Family != wr.Family || e.View != nil {
			continue
		}
		if f := e.Field(in.Name); f != nil && f.Pos > 0 && f.Type.Kind == in.Type.Kind {
			if _, refers := w.refs[f]; refers {
				return w.field(e, f, d.Partition, int(d.Pick>>8)%w.Rows(e)), true
			}
		}
	}
	return model.Null, false
}

// head is what all requests to one service begin with.
type head struct{ host string }

// appendRead appends a whole request of a read.
func (w *World) appendRead(b []byte, h *head, r *model.Read, d Draw, token string) []byte {
	b = w.appendTarget(append(b, "GET "...), r, w.ReadArgs(r, d))
	b = append(append(b, " HTTP/1.1\r\nHost: "...), h.host...)
	return append(appendToken(b, token), "\r\n\r\n"...)
}

// appendWrite appends a whole request of a write.
func (w *World) appendWrite(b []byte, h *head, wr *model.Write, d Draw, token, key string, accept bool) []byte {
	body := w.appendBody(nil, wr, d)
	b = append(append(append(b, "POST /v1/"...), wr.Name...), " HTTP/1.1\r\nHost: "...)
	b = appendToken(append(b, h.host...), token)
	b = append(b, "\r\nContent-Type: application/json\r\nIdempotency-Key: \""...)
	b = append(append(b, key...), '"')
	if accept {
		b = append(b, "\r\nPrefer: respond-async"...)
	}
	b = strconv.AppendInt(append(b, "\r\nContent-Length: "...), int64(len(body)), 10)
	return append(append(b, "\r\n\r\n"...), body...)
}

func appendToken(b []byte, token string) []byte {
	if token == "" {
		return b
	}
	return append(append(b, "\r\nAuthorization: Bearer "...), token...)
}

// Address gives the address of a read's request, for people.
func (w *World) Address(r *model.Read, d Draw) string {
	return strings.TrimPrefix(string(w.appendTarget(nil, r, w.ReadArgs(r, d))), " ")
}
