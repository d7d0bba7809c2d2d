// Package transfer carries rows in and out of a store, as NDJSON or CSV. What is imported goes
// through the model's own checks; what export writes, import reads back to the same rows.
package transfer

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/partita-dev/partita/model"
)

// Format is how rows are written in a file.
type Format string

// The formats. In CSV the first line names the fields; a cell that is empty is null where the
// type may be null, and otherwise asks for the field's default; a quoted empty cell ("") is the empty
// string.
const (
	NDJSON Format = "ndjson"
	CSV    Format = "csv"
)

// FormatOf tells the format of a file by its name.
func FormatOf(path string) (Format, error) {
	switch ext := strings.ToLower(filepath.Ext(path)); ext {
	case ".ndjson", ".jsonl", ".json":
		return NDJSON, nil
	case ".csv":
		return CSV, nil
	}
	return "", fmt.Errorf("cannot tell the format of %q from its name: say --format ndjson or --format csv", filepath.Base(path))
}

// inputs describes what a line may give: every field of the entity, at its place in the row.
func inputs(e *model.Entity) []*model.Input {
	list := make([]*model.Input, len(e.Fields))
	for i, f := range e.Fields {
		list[i] = &model.Input{Field: f, Index: i, Required: f.Default == model.NoDefault && !f.Type.Null}
	}
	return list
}
