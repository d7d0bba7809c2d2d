package httpapi

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/partita-dev/partita/model"
)

// form says where a value stands: forms differ in what is taken.
type form uint8

const (
	asOutput form = iota // in an answer
	asInput              // in a body
	asText               // in a path or a query
)

// typeSchemas gives the schema of each type without its bounds.
var typeSchemas = map[model.Kind]object{
	model.KindString:  obj("type", "string"),
	model.KindText:    obj("type", "string"),
	model.KindInt:     obj("type", "integer", "format", "int64"),
	model.KindFloat:   obj("type", "number", "format", "double"),
	model.KindBool:    obj("type", "boolean"),
	model.KindUUID:    obj("type", "string", "format", "uuid"),
	model.KindTime:    obj("type", "string", "format", "date-time"),
	model.KindDate:    obj("type", "string", "format", "date"),
	model.KindBytes:   obj("type", "string", "contentEncoding", "base64"),
	model.KindJSON:    obj("description", "Any JSON."),
	model.KindDecimal: obj("type", "string"),
	model.KindEmail:   obj("type", "string", "format", "email"),
	model.KindURL:     obj("type", "string", "format", "uri"),
	model.KindEnum:    obj("type", "string"),
}

// fieldSchema describes the values of a field.
func fieldSchema(f *model.Field, as form) object {
	t := &f.Type
	schema := append(object{}, typeSchemas[t.Kind]...)
	for i := range schema {
		if schema[i].name != "type" {
			continue
		}
		var types []string
		if t.Kind == model.KindDecimal && as == asInput {
			types = append(types, "number")
		}
		if t.Null && as != asText {
			types = append(types, "null")
		}
		if types != nil {
			schema[i].value = append([]string{schema[i].value.(string)}, types...)
		}
	}
	switch t.Kind {
	case model.KindString, model.KindText, model.KindEmail, model.KindURL:
		if t.Size > 0 {
			schema = schema.with("maxLength", t.Size)
		}
		if f.Addressed {
			schema = schema.with("minLength", 1)
		}
	case model.KindBytes:
		if t.Size > 0 {
			schema = schema.with("maxLength", (t.Size+2)/3*4)
		}
	case model.KindDecimal:
		schema = schema.with("pattern", decimalPattern(t))
	case model.KindEnum:
		values := make([]any, 0, len(t.Enum)+1)
		for _, v := range t.Enum {
			values = append(values, v)
		}
		if t.Null && as != asText {
			values = append(values, nil)
		}
		schema = schema.with("enum", values)
	}
	return withBounds(schema, f, as)
}

func decimalPattern(t *model.Type) string {
	pattern := fmt.Sprintf(`^-?[0-9]{1,%d}`, max(1, t.Precision-t.Scale))
	if t.Scale > 0 {
		pattern += fmt.Sprintf(`(\.[0-9]{1,%d})?`, t.Scale)
	}
	return pattern + "$"
}

// withBounds adds min, max, pattern and default.
func withBounds(schema object, f *model.Field, as form) object {
	numeric := f.Type.Kind == model.KindInt || f.Type.Kind == model.KindFloat
	var words []string
	if !f.Min.IsNull() {
		if numeric {
			schema = schema.with("minimum", raw(f.Min))
		} else {
			words = append(words, "At least "+string(model.AppendText(nil, f.Min))+".")
		}
	}
	if !f.Max.IsNull() {
		if numeric {
			schema = schema.with("maximum", raw(f.Max))
		} else {
			words = append(words, "At most "+string(model.AppendText(nil, f.Max))+".")
		}
	}
	if f.Pattern != nil {
		if text := f.Pattern.String(); strings.Contains(strings.ReplaceAll(text, "(?:", ""), "(?") {
			words = append(words, "Matches the RE2 expression "+text+" .") // has no form in JSON Schema
		} else {
			schema = schema.with("pattern", text)
		}
	}
	if as == asInput {
		switch f.Default {
		case model.DefaultLiteral:
			schema = schema.with("default", raw(f.DefaultValue))
		case model.DefaultNew:
			words = append(words, "Default: a new UUIDv7.")
		case model.DefaultNow:
			words = append(words, "Default: the time of the write.")
		}
	}
	if len(words) > 0 {
		schema = schema.with("description", strings.Join(words, " "))
	}
	return schema
}

func raw(v model.Value) json.RawMessage { return model.AppendJSON(nil, v) }

// inputSchema describes a body, or an item of a list in it.
func inputSchema(inputs []*model.Input) object {
	required, properties := []string{}, object{}
	for _, in := range inputs {
		if in.Required {
			required = append(required, in.Name)
		}
		if in.Items != nil {
			list := obj("type", "array", "items", inputSchema(in.Items))
			if in.Max > 0 {
				list = list.with("maxItems", in.Max)
			}
			properties = properties.with(in.Name, list)
			continue
		}
		properties = properties.with(in.Name, fieldSchema(in.Field, asInput))
	}
	return obj("type", "object", "additionalProperties", false, "required", required, "properties", properties)
}

func rowSchema(fields []*model.Field) object {
	required, properties := []string{}, object{}
	for _, f := range fields {
		required = append(required, f.Name)
		properties = properties.with(f.Name, fieldSchema(f, asOutput))
	}
	return obj("type", "object", "required", required, "properties", properties)
}

// rowSchema of a read is its entity's where the read shows all fields.
func (d *describer) rowSchema(r *model.Read) object {
	if len(r.Fields) == len(r.Of.Fields) {
		return ref("schemas", r.Of.Name)
	}
	return rowSchema(r.Fields)
}

func (d *describer) schemas() object {
	schemas := object{}
	for _, e := range d.model.Entities {
		schemas = schemas.with(e.Name, rowSchema(e.Fields))
	}
	return schemas.with("Operation", operationSchema()).with("Problem", obj(
		"type", "object", "description", "Problem details (RFC 9457).", "required", []string{"type", "title", "status"},
		"properties", obj(
			"type", obj("type", "string", "format", "uri", "description", "The kind of failure; never changes."),
			"title", obj("type", "string"),
			"status", obj("type", "integer", "minimum", 400, "maximum", 599),
			"detail", obj("type", "string", "description", "What is wrong with this request, and what to do."),
			"instance", obj("type", "string", "description", "Names this occurrence to the operator of the service."),
			"errors", obj("type", "array", "items", obj("type", "object", "required", []string{"detail"}, "properties", obj(
				"pointer", obj("type", "string", "description", "JSON pointer (RFC 6901) into the body."),
				"parameter", obj("type", "string", "description", "Name of a parameter."),
				"header", obj("type", "string", "description", "Name of a header."),
				"detail", obj("type", "string")))),
			"violated-policies", obj("type", "array", "items", obj("type", "string"), "description", "The quotas that are used up."))))
}

// writeAnswer gives status, schema and example of a write's answer.
func (d *describer) writeAnswer(w *model.Write) (status string, schema, example object) {
	if w.Code {
		if w.Returns == nil {
			return "204", nil, nil
		}
		return "200", rowSchema(w.Returns), rowExample(w.Returns)
	}
	first := w.Steps[0]
	status = "200"
	switch {
	case deletesOnly(w):
		return "204", nil, nil
	case (first.Op == model.OpInsert || first.Op == model.OpUpsert) && first.Each == nil:
		status = "201"
	}
	if w.Single && first.Each == nil {
		return status, ref("schemas", first.Entity.Name), rowExample(first.Entity.Fields)
	}
	schema, example = object{}, object{}
	for i, s := range w.Steps {
		many, earlier := s.Each != nil, false
		for j, other := range w.Steps {
			if j != i && other.Entity == s.Entity && other.Op != model.OpDelete {
				many, earlier = true, earlier || j < i
			}
		}
		if s.Op == model.OpDelete || earlier {
			continue
		}
		row, shown := any(ref("schemas", s.Entity.Name)), any(rowExample(s.Entity.Fields))
		if many {
			row, shown = obj("type", "array", "items", row), []any{shown}
		}
		schema, example = schema.with(s.Name, row), example.with(s.Name, shown)
	}
	return status, obj("type", "object", "properties", schema), example
}

func deletesOnly(w *model.Write) bool {
	for _, s := range w.Steps {
		if s.Op != model.OpDelete && s.Op != model.OpRead {
			return false
		}
	}
	return true
}

func sharedParameters() object {
	header := func(name, description string, schema object) member {
		return member{name, obj("name", name, "in", "header", "required", false, "description", description, "schema", schema)}
	}
	return object{
		header("If-None-Match", "An ETag: answer 304 if it still holds.", obj("type", "string")),
		header("Partita-Min-Version", "A Partita-Version: answer nothing older, even in trouble.", obj("type", "string")),
		header("Idempotency-Key", "Names this request: a repeat gets the same outcome, and takes effect once.",
			obj("type", "string", "minLength", 1, "maxLength", maxKey+2)),
		header("Prefer", "`respond-async`: accept it and carry it out later; `wait=N`: but wait N seconds for the outcome first (RFC 7240).", obj("type", "string")),
		header("Partita-After", "Operations, by id or Location: carry it out after these.", obj("type", "string")),
		header("If-Match", "An ETag: write only if the row of the first step still has it.", obj("type", "string")),
	}
}

func sharedHeaders() object {
	header := func(name, description string) member {
		return member{name, obj("description", description, "schema", obj("type", "string"))}
	}
	return object{
		header("ETag", "Changes when the answer does."),
		header("Partita-Version", "Partition and version that the answer shows; send it back as Partita-Min-Version."),
		header("Partita-Source-Version", "Of a view: what it took in last, as the Partita-Version of its source's partitions, separated by commas."),
		header("Cache-Status", "What the cache did (RFC 9211)."),
		header("Cache-Control", "Copies must be checked with If-None-Match before they are used again."),
		header("Age", "Seconds since a cached answer was read from the store; of a view's answer, since the oldest change that may not be in it."),
		header("Server-Timing", "Milliseconds in all, and of these in the store."),
		header("Idempotency-Replayed", "true where this is the kept outcome of an earlier request."),
		header("Partita-Degraded", "What of the service is not well, since when, and what that means for this pattern: a list (RFC 9651), such as store; state=down; since=@1764020000; effect=stale. Absent while all is well for it."),
		header("Location", "Where the new row is read, or the operation is followed."),
		header("Preference-Applied", "What was followed of Prefer."),
		header("Retry-After", "Seconds after which to come again; another number to each, so that callers do not come together."),
		header("RateLimit", "What is left of each quota that the request counts in: r requests; t seconds until it is whole again."),
		header("RateLimit-Policy", "The quotas that the request counts in: q requests in w seconds."),
		header("WWW-Authenticate", "How to prove who is asking (RFC 6750)."),
	}
}
