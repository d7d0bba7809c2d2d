package transfer

import (
	"bytes"
	"errors"
	"strings"

	"github.com/partita-dev/partita/model"
)

// cell is one cell of a CSV record. Unlike encoding/csv, it remembers its quotes: they tell the
// empty string from nothing.
type cell struct {
	text   string
	quoted bool
}

var (
	errQuoteOpen  = errors.New("a quoted cell has no end")
	errQuoteStray = errors.New(`a quote stands in the middle of a cell: quote the whole cell and double the quotes inside, as in "say ""hello"""`)
)

// complete tells whether text ends outside of quotes, so that it is a whole record.
func complete(text []byte) bool { return bytes.Count(text, []byte{'"'})%2 == 0 }

// splitCSV takes one record, without its line end, apart (RFC 4180).
func splitCSV(record string) ([]cell, error) {
	var cells []cell
	for {
		if !strings.HasPrefix(record, `"`) {
			text, rest, more := strings.Cut(record, ",")
			if strings.Contains(text, `"`) {
				return nil, errQuoteStray
			}
			cells = append(cells, cell{text: text})
			if !more {
				return cells, nil
			}
			record = rest
			continue
		}
		text, rest, err := unquoteCSV(record[1:])
		if err != nil {
			return nil, err
		}
		cells = append(cells, cell{text: text, quoted: true})
		switch {
		case rest == "":
			return cells, nil
		case rest[0] != ',':
			return nil, errQuoteStray
		}
		record = rest[1:]
	}
}

// unquoteCSV reads a quoted cell, from behind its first quote.
func unquoteCSV(s string) (text, rest string, err error) {
	var b strings.Builder
	for {
		part, after, found := strings.Cut(s, `"`)
		if !found {
			return "", "", errQuoteOpen
		}
		b.WriteString(part)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, nil
		}
		b.WriteByte('"')
		s = after[1:]
	}
}

// appendCell appends v as one cell.
func appendCell(dst []byte, v model.Value) []byte {
	if v.IsNull() {
		return dst
	}
	start := len(dst)
	dst = model.AppendText(dst, v)
	text := dst[start:]
	if len(text) > 0 && !bytes.ContainsAny(text, "\",\r\n") {
		return dst
	}
	quoted := bytes.ReplaceAll(text, []byte{'"'}, []byte{'"', '"'})
	dst = append(dst[:start], '"')
	dst = append(dst, quoted...)
	return append(dst, '"')
}
