package model

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/partita-dev/partita/fault"
)

// maxDetails bounds how many problems one answer lists, and maxPointer the bytes of the place of
// one, so that a hostile body cannot make a large answer.
const (
	maxDetails = 100
	// maxBodyDepth is how deep the parser follows a body.
	maxBodyDepth = 10_000
	maxPointer   = 200
)

// DecodeArgs reads a JSON object against the inputs: unknown members, duplicate names, trailing
// data, missing required members, wrong types and broken bounds are all reported at once, as one
// *fault.Error with a Detail (JSON pointer) each; beyond a hundred the rest is left out. Its code
// is BadRequest where the body is not JSON, InvalidInput where anything in it is of the wrong form,
// TooMany or OutOfBounds where only bounds are broken.
//
// Numbers keep their digits. Values are canonical and do not refer to body. How deep a body may
// nest is bounded by MaxJSONDepth within json fields, and by the form of the inputs elsewhere; the parser
// gives up at maxBodyDepth.
func DecodeArgs(inputs []*Input, body []byte) (*Args, error) {
	d := argsDecoders.Get().(*argsDecoder)
	defer d.release()
	d.body = *bytes.NewBuffer(body)
	// Duplicate names are found below, together with everything else that is wrong.
	d.json.Reset(&d.body, jsontext.AllowDuplicateNames(true))

	args := newArgs(inputs)
	if err := d.document(inputs, args); err != nil {
		if depthOver(body, maxBodyDepth) { // this is what the parser broke off for
			return nil, fault.New(fault.BadRequest, "The body nests too deep: objects and arrays may nest %d levels in all, and %d within a json field.", maxBodyDepth, MaxJSONDepth)
		}
		return nil, brokenJSON(err)
	}
	if len(d.problems) > 0 {
		return nil, d.fault()
	}
	return args, nil
}

// newArgs makes room for the values of the inputs.
func newArgs(inputs []*Input) *Args {
	args := &Args{Values: make([]Value, len(inputs)), Given: make([]bool, len(inputs))}
	for _, in := range inputs {
		if in.Items != nil {
			args.Items = make([][]Args, len(inputs))
			break
		}
	}
	return args
}

var argsDecoders = sync.Pool{New: func() any { return &argsDecoder{json: new(jsontext.Decoder)} }}

// argsDecoder reads one body at a time.
type argsDecoder struct {
	body     bytes.Buffer
	json     *jsontext.Decoder
	problems []argsProblem
	more     bool // there were more problems than are kept
}

type argsProblem struct {
	problem
	pointer string
}

func (d *argsDecoder) release() {
	d.body = bytes.Buffer{}
	d.json.Reset(&d.body)
	clear(d.problems)
	d.problems, d.more = d.problems[:0], false
	argsDecoders.Put(d)
}

// document reads the whole body. Its error is that of the JSON itself.
func (d *argsDecoder) document(inputs []*Input, args *Args) error {
	if d.json.PeekKind() != '{' {
		if _, err := d.json.ReadValue(); err != nil {
			return err
		}
		d.note("", invalid("the body must be a JSON object"))
	} else if err := d.object(inputs, args); err != nil {
		return err
	}
	if _, err := d.json.ReadToken(); !errors.Is(err, io.EOF) {
		if err == nil {
			err = errTrailing
		}
		return err
	}
	return nil
}

var errTrailing = errors.New("there is more behind the end of the JSON object")

// object reads one object into args; the next token is its brace.
func (d *argsDecoder) object(inputs []*Input, args *Args) error {
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for d.json.PeekKind() != '}' {
		name, err := d.json.ReadValue()
		if err != nil {
			return err
		}
		in := inputNamed(inputs, name)
		switch {
		case in == nil:
			text, _ := unquote(name)
			if err := d.json.SkipValue(); err != nil {
				return err
			}
			d.note(d.here(), invalid("is not a field that may be given here"+didYouMean(text, inputNames(inputs))))
		case args.Given[in.Index]:
			if err := d.json.SkipValue(); err != nil {
				return err
			}
			d.note(d.here(), invalid("is given twice"))
		case in.Items != nil:
			args.Given[in.Index] = true
			if args.Items[in.Index], err = d.list(in); err != nil {
				return err
			}
		default:
			raw, err := d.json.ReadValue()
			if err != nil {
				return err
			}
			args.Given[in.Index] = true
			v, p := in.decode(raw)
			if p.bad() {
				d.note(d.here(), p)
			}
			args.Values[in.Index] = v
		}
	}
	if _, err := d.json.ReadToken(); err != nil {
		return err
	}
	for _, in := range inputs {
		if in.Required && !args.Given[in.Index] {
			d.note(d.here()+"/"+in.Name, invalid("is missing"))
		}
	}
	return nil
}

// list reads the items of a list; beyond its most items it keeps none.
func (d *argsDecoder) list(in *Input) ([]Args, error) {
	if d.json.PeekKind() != '[' {
		if err := d.json.SkipValue(); err != nil {
			return nil, err
		}
		d.note(d.here(), invalid("must be an array of objects"))
		return nil, nil
	}
	if _, err := d.json.ReadToken(); err != nil {
		return nil, err
	}
	items := []Args{}
	for n := 0; d.json.PeekKind() != ']'; n++ {
		object := d.json.PeekKind() == '{'
		if over := in.Max > 0 && n >= in.Max; over || !object {
			if err := d.json.SkipValue(); err != nil {
				return nil, err
			}
			if !over {
				d.note(d.here(), invalid("must be an object"))
			} else if n == in.Max {
				pointer := strings.TrimSuffix(d.here(), fmt.Sprintf("/%d", n))
				d.note(pointer, problem{fault.TooMany, fmt.Sprintf("must have at most %d items", in.Max)})
			}
			continue
		}
		item := newArgs(in.Items)
		if err := d.object(in.Items, item); err != nil {
			return nil, err
		}
		items = append(items, *item)
	}
	_, err := d.json.ReadToken()
	return items, err
}

// here points to what was read last.
func (d *argsDecoder) here() string { return string(d.json.StackPointer()) }

func (d *argsDecoder) note(pointer string, p problem) {
	if len(d.problems) == maxDetails {
		d.more = true
		return
	}
	if len(pointer) > maxPointer {
		pointer = strings.ToValidUTF8(pointer[:maxPointer], "") + "…"
	}
	d.problems = append(d.problems, argsProblem{p, pointer})
}

// fault tells all problems that were found.
func (d *argsDecoder) fault() error {
	e := &fault.Error{Code: d.problems[0].code, Details: make([]fault.Detail, len(d.problems))}
	for i, p := range d.problems {
		e.Details[i] = fault.Detail{Pointer: p.pointer, Message: p.text}
		switch {
		case p.code == e.Code || e.Code == fault.InvalidInput:
		case p.code == fault.InvalidInput:
			e.Code = fault.InvalidInput
		default:
			e.Code = fault.OutOfBounds
		}
	}
	switch n := len(d.problems); {
	case n == 1 && d.problems[0].pointer == "":
		e.Message = "The body must be a JSON object."
	case n == 1:
		e.Message = strings.TrimPrefix(d.problems[0].pointer, "/") + " " + d.problems[0].text
		if !strings.HasSuffix(e.Message, "?") { // "did you mean …?" ends by itself
			e.Message += "."
		}
	case d.more:
		e.Message = fmt.Sprintf("More than %d fields of the body are wrong; the first of them are listed.", n)
	default:
		e.Message = fmt.Sprintf("%d fields of the body are wrong; each is listed.", n)
	}
	return e
}

// brokenJSON tells where a body stops being JSON.
func brokenJSON(err error) error {
	if errors.Is(err, io.EOF) {
		return fault.New(fault.BadRequest, "The body is empty; send a JSON object.")
	}
	if errors.Is(err, errTrailing) {
		return fault.New(fault.BadRequest, "The body goes on behind the end of its JSON object; send one object and nothing else.")
	}
	e := &fault.Error{Code: fault.BadRequest, Message: "The body is not valid JSON.", Cause: err}
	if s, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		e.Message = fmt.Sprintf("The body is not valid JSON in UTF-8: it breaks at byte %d.", s.ByteOffset)
		if pointer := string(s.JSONPointer); pointer != "" && len(pointer) <= maxPointer && utf8.ValidString(pointer) {
			e.Details = []fault.Detail{{Pointer: pointer, Message: "is not valid JSON"}}
		}
	}
	return e
}

// inputNamed finds the input of a name that stands in quotes.
func inputNamed(inputs []*Input, quoted []byte) *Input {
	bare := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(bare, '\\') >= 0 {
		text, ok := unquote(quoted)
		if !ok {
			return nil
		}
		bare = []byte(text)
	}
	for _, in := range inputs {
		if in.Name == string(bare) {
			return in
		}
	}
	return nil
}

func inputNames(inputs []*Input) []string {
	names := make([]string, len(inputs))
	for i, in := range inputs {
		names[i] = in.Name
	}
	return names
}
