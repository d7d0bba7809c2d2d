package httpapi

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// maxParameters bounds the details of one problem.
const maxParameters = 20

// parameter is one query parameter that a read takes.
type parameter struct {
	name string
	set  func(*engine.ReadRequest, string) error
	bit  uint64 // tells which were given
}

// queryParameters are those of a list: by and filter fields, the bounds of its range, cursors.
func queryParameters(r *model.Read) []parameter {
	if !r.List {
		return nil
	}
	var list []parameter
	add := func(name string, set func(*engine.ReadRequest, string) error) {
		list = append(list, parameter{name: name, set: set, bit: 1 << len(list)})
	}
	for _, in := range r.Params[1:] {
		add(in.Name, func(q *engine.ReadRequest, text string) (err error) {
			q.Args.Values[in.Index], err = in.Parse(text)
			q.Args.Given[in.Index] = true
			return err
		})
	}
	if r.Range != nil {
		bound := boundOf(r.Range)
		add(r.Range.Name+".from", func(q *engine.ReadRequest, text string) (err error) {
			q.From, err = bound.Parse(text)
			return err
		})
		add(r.Range.Name+".to", func(q *engine.ReadRequest, text string) (err error) {
			q.To, err = bound.Parse(text)
			return err
		})
	}
	add("after", func(q *engine.ReadRequest, text string) error { return cursorInto(&q.After, text) })
	add("before", func(q *engine.ReadRequest, text string) error { return cursorInto(&q.Before, text) })
	return list
}

// boundOf gives a field as the bounds of a range on it are read: they are of its type, but need not be
// values that it may have, since nothing above 0 may well begin at 0.01.
func boundOf(f *model.Field) *model.Field {
	bound := *f
	bound.Min, bound.Max, bound.Pattern, bound.Addressed = model.Null, model.Null, nil, false
	return &bound
}

func cursorInto(place *string, text string) error {
	if text == "" {
		return fault.New(fault.BadCursor, "The cursor is empty; leave it out to start.")
	}
	*place = text
	return nil
}

// parseQuery reads the query into q. What is wrong goes to bad.
func (route *readRoute) parseQuery(q *engine.ReadRequest, raw string, bad *complaints) {
	var given uint64
	for raw != "" {
		var pair string
		pair, raw, _ = strings.Cut(raw, "&")
		if pair == "" {
			continue
		}
		name, text, _ := strings.Cut(pair, "=")
		name, nameErr := unescapeQuery(name)
		text, textErr := unescapeQuery(text)
		if nameErr != nil || textErr != nil {
			bad.add(name, fault.New(fault.BadRequest, "is not percent-encoded as it should be"))
			if p := route.parameter(name); p != nil {
				given |= p.bit
			}
			continue
		}
		p := route.parameter(name)
		switch {
		case p == nil:
			bad.add(name, fault.New(fault.InvalidInput, "is not a parameter of %s%s", route.read.Name, route.others))
		case given&p.bit != 0:
			bad.add(name, fault.New(fault.InvalidInput, "is given twice"))
		default:
			given |= p.bit
			if err := p.set(q, text); err != nil {
				bad.add(name, err)
			}
		}
	}
	for i := range route.query {
		if p := &route.query[i]; i < route.required && given&p.bit == 0 {
			bad.add(p.name, fault.New(fault.InvalidInput, "is missing"))
		}
	}
	if q.After != "" && q.Before != "" {
		bad.add("before", fault.New(fault.InvalidInput, "cannot be given together with after"))
	}
}

func (route *readRoute) parameter(name string) *parameter {
	for i := range route.query {
		if route.query[i].name == name {
			return &route.query[i]
		}
	}
	return nil
}

// parsePath reads the segments behind the read's name: the partition, then a get's key. False means
// that there are more or fewer than the read has.
func (route *readRoute) parsePath(q *engine.ReadRequest, tail string, escaped bool, bad *complaints) bool {
	for i := range route.segments {
		segment, rest, more := strings.Cut(tail, "/")
		if more != (i < route.segments-1) {
			return false
		}
		tail = rest
		in := route.read.Params[i]
		if escaped {
			var err error
			if segment, err = unescapeSegment(segment); err != nil {
				bad.add(in.Name, fault.New(fault.BadRequest, "is not percent-encoded as it should be"))
				continue
			}
		}
		value, err := in.Parse(segment)
		if err != nil {
			bad.add(in.Name, err)
		} else if value.IsNull() {
			bad.add(in.Name, fault.New(fault.InvalidInput, "must have a value"))
		}
		q.Args.Values[i], q.Args.Given[i] = value, true
	}
	return true
}

func unescapeSegment(s string) (string, error) {
	if strings.IndexByte(s, '%') < 0 {
		return s, nil
	}
	return url.PathUnescape(s)
}

func unescapeQuery(s string) (string, error) {
	if !strings.ContainsAny(s, "%+") {
		return s, nil
	}
	return url.QueryUnescape(s)
}

// complaints gathers all that is wrong with a request's parameters. The zero value has none.
type complaints struct {
	code    fault.Code
	details []fault.Detail
}

// add notes an error about a parameter. A *fault.Error with a detail gives its detail's text.
func (c *complaints) add(name string, err error) {
	f, ok := err.(*fault.Error) //nolint:errorlint // never wrapped here
	if !ok {
		f = fault.New(fault.InvalidInput, "is not valid")
	}
	text := f.Message
	if len(f.Details) > 0 {
		text = f.Details[0].Message
	}
	switch {
	case c.code == "":
		c.code = f.Code
	case c.code != f.Code:
		c.code = fault.InvalidInput
	}
	if len(c.details) < maxParameters {
		c.details = append(c.details, fault.Detail{Pointer: clip(name), Message: text})
	}
}

// err gives all complaints as one error, nil if there is none.
func (c *complaints) err() error {
	if c.code == "" {
		return nil
	}
	message := fmt.Sprintf("%d parameters are wrong; each is listed.", len(c.details))
	if len(c.details) == 1 {
		message = c.details[0].Pointer + " " + strings.TrimSuffix(c.details[0].Message, ".") + "."
		if c.code == fault.BadCursor {
			message = c.details[0].Message
		}
	}
	return &fault.Error{Code: c.code, Message: message, Details: c.details}
}

// clip bounds a name that a caller made up, and makes it printable.
func clip(name string) string {
	name = strings.ToValidUTF8(name, "\uFFFD")
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}
