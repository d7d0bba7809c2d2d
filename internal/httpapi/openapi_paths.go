package httpapi

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

func (d *describer) read(r *model.Read) object {
	route := newReadRoute(d.model, r)
	summary := "Read one " + r.Of.Name
	codes := []fault.Code{fault.BadRequest, fault.InvalidInput, fault.OutOfBounds, fault.NotAcceptable,
		fault.Overloaded, fault.Unavailable, fault.Behind, fault.Deadline, fault.Internal}
	if r.List {
		summary = "List " + r.Of.Name + " rows of one " + r.Of.Family.Name
		codes = append(codes, fault.BadCursor)
	} else {
		codes = append(codes, fault.NotFound)
	}
	codes = append(codes, d.accessCodes(r.Allow)...)
	limited := slices.ContainsFunc(d.model.Limits, func(l *model.Limit) bool { return slices.Contains(l.Reads, r) })
	if limited {
		codes = append(codes, fault.QuotaExceeded)
	}
	row := d.rowSchema(r)
	schema, example := any(row), any(rowExample(r.Fields))
	if r.List {
		schema = obj("type", "object", "required", []string{"items"}, "properties", obj(
			"items", obj("type", "array", "maxItems", r.Page, "items", row),
			"next", obj("type", "string", "description", "Cursor: give it as `after` for the next page. Absent on the last one."),
			"prev", obj("type", "string", "description", "Cursor: give it as `before` for the page before.")))
		example = obj("items", []any{rowExample(r.Fields)})
	}
	headers, names := obj(), []string{"ETag", "Partita-Version", "Cache-Status", "Age", "Cache-Control", "Server-Timing", "Partita-Degraded"}
	if r.Of.View != nil {
		names = append(names, "Partita-Source-Version")
	}
	for _, name := range names {
		headers = headers.with(name, ref("headers", name))
	}
	if limited {
		headers = quotaHeaders(headers)
	}
	responses := obj(
		"200", obj("description", "The answer.", "headers", headers,
			"content", obj("application/json", obj("schema", schema, "example", example))),
		"304", obj("description", "The caller has this answer already."))
	return obj(
		"operationId", d.readID(r),
		"tags", []string{r.Of.Family.Name},
		"summary", summary,
		"description", d.rules(r.Allow)+" "+freshness(r),
		"security", d.security(route.private),
		"parameters", d.readParameters(r, route),
		"responses", d.addProblems(responses, codes))
}

// readID and writeID keep apart a read and a write of one name.
func (d *describer) readID(r *model.Read) string {
	if d.model.Write(r.Name) != nil {
		return r.Name + "_read"
	}
	return r.Name
}

func (d *describer) writeID(w *model.Write) string {
	if d.model.Read(w.Name) != nil {
		return w.Name + "_write"
	}
	return w.Name
}

func freshness(r *model.Read) string {
	if r.Fresh == 0 {
		return "Always the store's latest." + staleness(r.Stale)
	}
	return "Never older than " + model.DurationText(r.Fresh) + " in health." + staleness(r.Stale)
}

func staleness(stale time.Duration) string {
	if stale == 0 {
		return ""
	}
	return " In trouble an answer may be " + model.DurationText(stale) + " old."
}

func (d *describer) readParameters(r *model.Read, route *readRoute) []any {
	var list []any
	add := func(name, in string, required bool, schema object, description string) {
		p := obj("name", name, "in", in, "required", required, "schema", schema)
		if description != "" {
			p = p.with("description", description)
		}
		list = append(list, p)
	}
	for i, in := range r.Params {
		if i < route.segments {
			add(in.Name, "path", true, fieldSchema(in.Field, asText), "")
			continue
		}
		required, description := i <= len(r.By), "Only rows with this value."
		if in.Type.Null {
			description = "Only rows with this value; empty for those without one."
		}
		add(in.Name, "query", required, fieldSchema(in.Field, asText), description)
	}
	if r.Range != nil {
		bound := boundOf(r.Range)
		add(r.Range.Name+".from", "query", false, fieldSchema(bound, asText), "Only rows from this value on.")
		add(r.Range.Name+".to", "query", false, fieldSchema(bound, asText), "Only rows below this value.")
	}
	if r.List {
		cursor := obj("type", "string", "maxLength", 4096)
		add("after", "query", false, cursor, "The `next` of a page: the page behind it.")
		add("before", "query", false, cursor, "The `prev` of a page: the page before it. Not together with `after`.")
	}
	return append(list, ref("parameters", "If-None-Match"), ref("parameters", "Partita-Min-Version"))
}

// quotaHeaders adds what tells callers of their quotas.
func quotaHeaders(headers object) object {
	return headers.with("RateLimit", ref("headers", "RateLimit")).with("RateLimit-Policy", ref("headers", "RateLimit-Policy"))
}

func (d *describer) write(w *model.Write) object {
	private := newWriteRoute(d.model, w).private
	description := d.rules(w.Allow) + acceptedWords(w)
	responses, headers := object{}, obj("Partita-Version", ref("headers", "Partita-Version"),
		"Server-Timing", ref("headers", "Server-Timing"), "Idempotency-Replayed", ref("headers", "Idempotency-Replayed"),
		"Partita-Degraded", ref("headers", "Partita-Degraded"))
	limited := slices.ContainsFunc(d.model.Limits, func(l *model.Limit) bool { return slices.Contains(l.Writes, w) })
	if limited {
		headers = quotaHeaders(headers)
	}
	status, schema, example := d.writeAnswer(w)
	if status != "204" {
		headers = headers.with("ETag", ref("headers", "ETag"))
	}
	if status == "201" {
		headers = headers.with("Location", ref("headers", "Location"))
	}
	response := obj("description", answerWords[status], "headers", headers)
	if status != "204" {
		response = response.with("content", obj("application/json", obj("schema", schema, "example", example)))
	}
	responses = responses.with(status, response)
	if status == "201" && mayOnlyChange(w) {
		responses = obj("200", obj("description", answerWords["200"], "headers", headers[:len(headers)-1],
			"content", obj("application/json", obj("schema", schema, "example", example)))).with(status, response)
	}
	if w.Async != model.Sync {
		responses = responses.with("202", acceptedResponse(limited))
	}
	parameters := append([]any{ref("parameters", "Idempotency-Key"), ref("parameters", "If-Match")}, d.acceptedParameters(w)...)
	codes := slices.Concat(writeCodes(w), d.acceptedCodes(w), d.accessCodes(w.Allow))
	if limited {
		codes = append(codes, fault.QuotaExceeded)
	}
	return obj(
		"operationId", d.writeID(w),
		"tags", []string{w.Family.Name},
		"summary", writeSummary(w),
		"description", description,
		"security", d.security(private),
		"parameters", parameters,
		"requestBody", obj("required", true, "content", obj("application/json", obj(
			"schema", inputSchema(w.Inputs), "example", inputExample(w.Inputs)))),
		"responses", d.addProblems(responses, codes))
}

var answerWords = map[string]string{
	"200": "Done: the rows as committed.",
	"201": "Done: the new row as committed, and where to read it.",
	"204": "Done: deleted.",
}

func writeSummary(w *model.Write) string {
	if w.Code {
		return "Carry out " + w.Name
	}
	words := map[model.Op]string{model.OpInsert: "insert", model.OpUpdate: "update", model.OpUpsert: "insert or update",
		model.OpDelete: "delete", model.OpRead: "require"}
	parts := make([]string, len(w.Steps))
	for i, s := range w.Steps {
		parts[i] = words[s.Op] + " " + s.Name
	}
	text := strings.Join(parts, ", ")
	return strings.ToUpper(text[:1]) + text[1:]
}

// mayOnlyChange tells whether a write that can create its row may also find it there.
func mayOnlyChange(w *model.Write) bool {
	return slices.ContainsFunc(w.Steps, func(s *model.Step) bool { return s.Op == model.OpUpsert || s.If != nil })
}

// writeCodes gives the problems that a write may answer with.
func writeCodes(w *model.Write) []fault.Code {
	codes := []fault.Code{fault.BadRequest, fault.InvalidInput, fault.OutOfBounds, fault.TooLarge, fault.UnsupportedMedia,
		fault.NotAcceptable, fault.KeyReused, fault.InFlight, fault.Precondition,
		fault.Overloaded, fault.Unavailable, fault.Deadline, fault.Internal}
	if w.Code {
		return append(codes, fault.MissingRow, fault.GuardFailed, fault.Exists, fault.NotUnique, fault.TooMany)
	}
	has := func(test func(*model.Step) bool) bool { return slices.ContainsFunc(w.Steps, test) }
	if has(func(s *model.Step) bool { return s.Op != model.OpInsert && s.Op != model.OpUpsert }) {
		codes = append(codes, fault.MissingRow)
	}
	if has(func(s *model.Step) bool { return s.When != nil }) {
		codes = append(codes, fault.GuardFailed)
	}
	if has(func(s *model.Step) bool { return s.Op == model.OpInsert }) {
		codes = append(codes, fault.Exists)
	}
	if has(func(s *model.Step) bool {
		return len(s.Entity.Unique) > 0 && s.Op != model.OpDelete && s.Op != model.OpRead
	}) {
		codes = append(codes, fault.NotUnique)
	}
	if has(func(s *model.Step) bool { return s.Max > 0 || s.Each != nil }) {
		codes = append(codes, fault.TooMany)
	}
	return codes
}

func (d *describer) batch() object {
	var names []string
	for _, w := range d.model.Writes {
		if served(w.Allow) {
			names = append(names, w.Name)
		}
	}
	item := obj("type", "object", "additionalProperties", false, "required", []string{"write", "input"}, "properties", obj(
		"write", obj("type", "string", "enum", names),
		"input", obj("type", "object", "description", "What the write takes as its body."),
		"idempotency_key", obj("type", "string", "minLength", 1, "maxLength", maxKey, "pattern", "^[!-~]+$"),
		"if_match", obj("type", "string", "maxLength", 1024)))
	result := obj("type", "object", "required", []string{"status"}, "properties", obj(
		"status", obj("type", "integer", "description", "What the write alone would have answered."),
		"headers", obj("type", "object", "additionalProperties", obj("type", "string")),
		"body", obj("type", "object"),
		"problem", ref("schemas", "Problem")))
	codes := []fault.Code{fault.BadRequest, fault.InvalidInput, fault.OutOfBounds, fault.TooMany, fault.TooLarge,
		fault.UnsupportedMedia, fault.NotAcceptable, fault.Overloaded, fault.Internal}
	codes = append(codes, d.accessCodes(model.Allow{Anyone: true})...)
	responses := obj("200", obj("description", "What came of each write, in their order.", "content", obj("application/json", obj("schema",
		obj("type", "object", "required", []string{"results"}, "properties", obj("results", obj("type", "array", "items", result)))))))
	return obj(
		"operationId", "batch",
		"tags", []string{"service"},
		"summary", "Carry out many writes",
		"description", fmt.Sprintf("Each write is allowed, decided and keyed on its own; at most %d.", MaxBatch),
		"security", d.security(false),
		"requestBody", obj("required", true, "content", obj("application/json", obj("schema",
			obj("type", "object", "additionalProperties", false, "required", []string{"writes"}, "properties", obj(
				"writes", obj("type", "array", "maxItems", MaxBatch, "items", item)))))),
		"responses", d.addProblems(responses, codes))
}

func aroundPaths() object {
	answer := func(description string, schema object) object {
		return obj("description", description, "content", obj("application/json", obj("schema", schema)))
	}
	get := func(id, summary string, responses object) object {
		return obj("get", obj("operationId", id, "tags", []string{"service"}, "summary", summary, "security", []any{}, "responses", responses))
	}
	ready := obj("type", "object", "required", []string{"ready", "reasons"}, "properties", obj(
		"ready", obj("type", "boolean"), "reasons", obj("type", "array", "items", obj("type", "string"))))
	wrong := answer("Another method than GET.", ref("schemas", "Problem"))
	wrong[1].value = obj("application/problem+json", obj("schema", ref("schemas", "Problem")))
	return obj(
		"/openapi.json", get("openapi", "This description", obj("200", answer("The description.", obj("type", "object")),
			"304", obj("description", "The caller has it already."), "405", wrong)),
		"/healthz", get("healthz", "Whether the process lives", obj("200", answer("It does.", obj("type", "object",
			"properties", obj("status", obj("type", "string", "const", "ok")))), "405", wrong)),
		"/readyz", get("readyz", "Whether the service can be of use now", obj("200", answer("It can.", ready), "405", wrong,
			"503", answer("It cannot; the reasons say why.", ready))))
}
