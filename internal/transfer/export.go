package transfer

import (
	"bufio"
	"context"
	"io"
	"time"

	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// exportPage is how many rows are fetched at once.
const exportPage = 1000

// Export writes all rows of an entity, over all partitions, in the order of partition and key, and
// gives their number. Rows whose time is over are left out. Progress is told after each page; nil:
// nobody is told. It is no snapshot of the store: rows written meanwhile may be in it or not.
func Export(ctx context.Context, s store.Store, e *model.Entity, format Format, w io.Writer, progress func(int)) (int, error) {
	out := bufio.NewWriterSize(w, 256<<10)
	var buf []byte
	if format == CSV {
		for i, f := range e.Fields {
			if i > 0 {
				buf = append(buf, ',')
			}
			buf = append(buf, f.Name...)
		}
		buf = append(buf, '\n')
	}
	n := 0
	var after []model.Value
	for {
		rows, err := s.Scan(ctx, e, after, exportPage)
		if err != nil {
			return n, err
		}
		now := time.Now()
		for _, row := range rows {
			if over(e, row, now) {
				continue
			}
			buf = appendRecord(buf, format, e, row)
			n++
		}
		if _, err := out.Write(buf); err != nil {
			return n, err
		}
		buf = buf[:0]
		if progress != nil {
			progress(n)
		}
		if len(rows) < exportPage {
			return n, out.Flush()
		}
		last := rows[len(rows)-1]
		after = append([]model.Value{last.Values[0]}, e.KeyOf(last)...)
	}
}

// over tells whether a row's time is over, although it was not swept yet.
func over(e *model.Entity, row *model.Row, now time.Time) bool {
	if e.Keep == nil {
		return false
	}
	from := row.Values[e.Keep.From.Pos]
	return !from.IsNull() && !from.Time().Add(e.Keep.For).After(now)
}

func appendRecord(dst []byte, format Format, e *model.Entity, row *model.Row) []byte {
	if format == NDJSON {
		return append(model.AppendRow(dst, e.Fields, row), '\n')
	}
	for i, v := range row.Values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendCell(dst, v)
	}
	return append(dst, '\n')
}
