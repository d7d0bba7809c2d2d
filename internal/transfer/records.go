package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// maxRecord bounds one record of a file, in bytes.
const maxRecord = 16 << 20

// record is one row of a file.
type record struct {
	line int         // of its first line, from 1
	args *model.Args // by Field.Pos; nil where err is set
	err  error       // why the row cannot be taken
}

// position is a place between two records of a file.
type position struct {
	Offset int64 `json:"offset"` // in bytes
	Line   int   `json:"line"`   // lines before it
}

// records reads the rows of a file, one after the other.
type records struct {
	source io.Reader
	r      *bufio.Reader
	format Format
	inputs []*model.Input
	header []*model.Input // CSV: by column
	at     position
	buf    []byte
}

// newRecords reads rows of an entity; for CSV it reads the header first.
func newRecords(r io.Reader, format Format, e *model.Entity) (*records, error) {
	s := &records{source: r, r: bufio.NewReaderSize(r, 256<<10), format: format, inputs: inputs(e)}
	if format != CSV {
		return s, nil
	}
	text, err := s.text()
	if errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the file is empty: the first line of a CSV file names the fields")
	}
	if err != nil {
		return nil, err
	}
	cells, err := splitCSV(strings.TrimPrefix(string(text), "\ufeff"))
	if err != nil {
		return nil, fmt.Errorf("line 1: %w", err)
	}
	return s, s.readHeader(e, cells)
}

// seek goes on from an earlier position, after the header was read.
func (s *records) seek(to position) error {
	seeker, ok := s.source.(io.Seeker)
	if !ok {
		return fmt.Errorf("the source cannot be gone back in, so the import cannot be resumed")
	}
	if _, err := seeker.Seek(to.Offset, io.SeekStart); err != nil {
		return err
	}
	s.r.Reset(s.source)
	s.at = to
	return nil
}

func (s *records) readHeader(e *model.Entity, cells []cell) error {
	for i, c := range cells {
		f := e.Field(strings.TrimSpace(c.text))
		if f == nil {
			names := make([]string, len(e.Fields))
			for i, f := range e.Fields {
				names[i] = f.Name
			}
			return fmt.Errorf("line 1: column %d is %q, which is no field of %s: its fields are %s",
				i+1, c.text, e.Name, strings.Join(names, ", "))
		}
		in := s.inputs[f.Pos]
		if slices.Contains(s.header, in) {
			return fmt.Errorf("line 1: the field %s stands twice", f.Name)
		}
		s.header = append(s.header, in)
	}
	for _, in := range s.inputs {
		if in.Required && !slices.Contains(s.header, in) {
			return fmt.Errorf("line 1: the field %s is missing, and it has no default", in.Name)
		}
	}
	return nil
}

// next gives the next row; io.EOF at the end of the file. Empty lines are passed over.
func (s *records) next() (record, error) {
	for {
		line := s.at.Line + 1
		text, err := s.text()
		if err != nil {
			return record{}, err
		}
		if len(bytes.TrimSpace(text)) == 0 {
			continue
		}
		rec := record{line: line}
		if s.format == CSV {
			rec.args, rec.err = s.row(string(text))
		} else {
			rec.args, rec.err = model.DecodeArgs(s.inputs, text)
			rec.err = ofALine(rec.err)
		}
		return rec, nil
	}
}

// ofALine speaks of a line where the fault of a whole object speaks of a body.
func ofALine(err error) error {
	f, ok := errors.AsType[*fault.Error](err)
	if !ok || len(f.Details) > 1 {
		return err
	}
	if rest, ok := strings.CutPrefix(f.Message, "The body "); ok {
		return &fault.Error{Code: f.Code, Message: "the line " + rest, Cause: f.Cause}
	}
	return err
}

// text gives the next record without its line end; it is valid until the next call.
func (s *records) text() ([]byte, error) {
	s.buf = s.buf[:0]
	for {
		part, err := s.r.ReadSlice('\n')
		s.buf = append(s.buf, part...)
		s.at.Offset += int64(len(part))
		if len(s.buf) > maxRecord {
			return nil, fmt.Errorf("line %d is longer than %d MiB", s.at.Line+1, maxRecord>>20)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("reading the file: %w", err)
		}
		if len(part) > 0 {
			s.at.Line++
		}
		if err != nil && len(s.buf) == 0 {
			return nil, io.EOF
		}
		if err == nil && s.format == CSV && !complete(s.buf) {
			continue // a quoted cell goes on in the next line
		}
		return bytes.TrimSuffix(bytes.TrimSuffix(s.buf, []byte{'\n'}), []byte{'\r'}), nil
	}
}

// row reads one CSV record.
func (s *records) row(text string) (*model.Args, error) {
	cells, err := splitCSV(text)
	if err != nil {
		return nil, fault.New(fault.BadRequest, "%s", err)
	}
	if len(cells) != len(s.header) {
		return nil, fault.New(fault.BadRequest, "the line has %d cells, the header has %d", len(cells), len(s.header))
	}
	args := &model.Args{Values: make([]model.Value, len(s.inputs)), Given: make([]bool, len(s.inputs))}
	var details []fault.Detail
	for i, c := range cells {
		in := s.header[i]
		if c.text == "" && !c.quoted {
			switch {
			case in.Type.Null:
				args.Given[in.Index] = true
			case in.Default == model.NoDefault:
				details = append(details, fault.Detail{Pointer: in.Name, Message: "is missing"})
			}
			continue
		}
		v, err := parseCell(in.Field, c.text)
		if err != nil {
			details = append(details, detailsOf(err)...)
			continue
		}
		args.Values[in.Index], args.Given[in.Index] = v, true
	}
	if details != nil {
		return nil, &fault.Error{Code: fault.InvalidInput, Details: details}
	}
	return args, nil
}

// parseCell reads a cell that holds a value, be it the empty string.
func parseCell(f *model.Field, text string) (model.Value, error) {
	if text != "" {
		return f.Parse(text)
	}
	given := *f
	given.Type.Null = false // quoted, it is not null
	return given.Parse(text)
}

// detailsOf gives the details of a fault; one without any is its own.
func detailsOf(err error) []fault.Detail {
	e, ok := errors.AsType[*fault.Error](err)
	switch {
	case !ok:
		return []fault.Detail{{Message: err.Error()}}
	case len(e.Details) == 0:
		return []fault.Detail{{Message: e.Message}}
	}
	return e.Details
}

// sentence puts a refusal into words for the list of refused lines.
func sentence(err error) string {
	var parts []string
	for _, d := range detailsOf(err) {
		name := strings.TrimPrefix(d.Pointer, "/")
		if name != "" && !strings.HasPrefix(d.Message, name) {
			name += ": "
		} else {
			name = ""
		}
		parts = append(parts, name+d.Message)
	}
	return strings.Join(parts, "; ")
}
