package httpapi

import (
	"slices"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// accepts tells whether any write can be accepted for later.
func (d *describer) accepts() bool {
	return slices.ContainsFunc(d.model.Writes, func(w *model.Write) bool { return served(w.Allow) && w.Async != model.Sync })
}

// acceptedWords says how a write is answered.
func acceptedWords(w *model.Write) string {
	switch w.Async {
	case model.AsyncOffered:
		return " With `Prefer: respond-async` it is accepted with 202 and carried out later, once, in the order of its partition."
	case model.AsyncAlways:
		return " It is accepted with 202 and carried out later, once, in the order of its partition."
	}
	return ""
}

// acceptedResponse is the answer to a write that was accepted.
func acceptedResponse(limited bool) object {
	headers := obj("Location", ref("headers", "Location"), "Preference-Applied", ref("headers", "Preference-Applied"),
		"Server-Timing", ref("headers", "Server-Timing"))
	if limited {
		headers = quotaHeaders(headers)
	}
	return obj("description", "Accepted, durably: it will be carried out. The operation tells when, and what came of it.",
		"headers", headers,
		"content", obj("application/json", obj("schema", ref("schemas", "Operation"))))
}

// acceptedParameters are the headers of writes in a service that accepts some for later.
func (d *describer) acceptedParameters(w *model.Write) (list []any) {
	if w.Async != model.Sync {
		list = append(list, ref("parameters", "Prefer"))
	}
	if d.accepts() {
		list = append(list, ref("parameters", "Partita-After"))
	}
	return list
}

// acceptedCodes are the problems that come of accepting and of waiting for operations.
func (d *describer) acceptedCodes(w *model.Write) (codes []fault.Code) {
	if d.accepts() {
		codes = append(codes, fault.Behind)
	}
	if w.Async != model.Sync {
		codes = append(codes, fault.Gone)
	}
	return codes
}

// operation describes GET /v1/operations/{id}.
func (d *describer) operation() object {
	codes := []fault.Code{fault.InvalidInput, fault.NotAcceptable, fault.UnknownPattern, fault.Overloaded, fault.Unavailable, fault.Deadline, fault.Internal}
	codes = append(codes, d.accessCodes(model.Allow{Anyone: true})...)
	responses := obj("200", obj("description", "How it is.", "headers", obj("Partita-Version", ref("headers", "Partita-Version")),
		"content", obj("application/json", obj("schema", ref("schemas", "Operation")))))
	return obj(
		"operationId", "operation",
		"tags", []string{"service"},
		"summary", "Follow an accepted write",
		"description", "For the caller who submitted it; to everybody else there is no such operation.",
		"security", d.security(false),
		"parameters", []any{
			obj("name", "id", "in", "path", "required", true, "schema", obj("type", "string"), "description", "As the Location of the 202 has it."),
			obj("name", "wait", "in", "query", "required", false, "schema", obj("type", "string"), "example", "10s",
				"description", "How long to wait until it is settled, such as 10s; at most 30s."),
		},
		"responses", d.addProblems(responses, codes))
}

// operationSchema is how an operation is told.
func operationSchema() object {
	return obj("type", "object", "required", []string{"id", "status", "write", "family", "partition"}, "properties", obj(
		"id", obj("type", "string"),
		"status", obj("type", "string", "enum", []string{"pending", "done", "failed"}),
		"write", obj("type", "string", "description", "Name of the write."),
		"family", obj("type", "string", "description", "What kind of partition it belongs to."),
		"partition", obj("description", "Value of the partition."),
		"result", obj("type", "object", "description", "Of one that is done: what the write would have answered.", "required", []string{"status"},
			"properties", obj("status", obj("type", "integer"), "headers", obj("type", "object", "additionalProperties", obj("type", "string")),
				"body", obj("type", "object"))),
		"problem", ref("schemas", "Problem")))
}
