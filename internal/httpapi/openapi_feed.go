package httpapi

import (
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// feed describes a feed: its pages, and in words its stream, for which OpenAPI has no form.
func (d *describer) feed(f *model.Feed) object {
	family := f.Of[0].Family
	var changes []any
	for _, e := range f.Of {
		changes = append(changes, obj("type", "object", "required", []string{"entity", "op", "row"}, "properties", obj(
			"entity", obj("type", "string", "const", e.Name),
			"op", obj("type", "string", "enum", []string{"insert", "update", "delete", "expire"}),
			"row", obj("type", "object", "description", "The row as it is now; of one that is gone its partition and key."))))
	}
	items := any(obj("oneOf", changes))
	if len(changes) == 1 {
		items = changes[0]
	}
	change := obj("type", "object", "required", []string{"version", "time", "changes"}, "properties", obj(
		"version", obj("type", "integer", "minimum", 1),
		"time", obj("type", "string", "format", "date-time"),
		"changes", obj("type", "array", "items", items)))
	page := obj("type", "object", "required", []string{"changes", "next", "more"}, "properties", obj(
		"changes", obj("type", "array", "items", change),
		"next", obj("type", "integer", "minimum", 0, "description", "Give it as `after` to go on."),
		"more", obj("type", "boolean", "description", "Whether there is more right now.")))
	stream := "Server-sent events: `event: change` with one change as data and an id to resume by (Last-Event-ID); `event: end` says why the feed ends."
	codes := []fault.Code{fault.InvalidInput, fault.OutOfBounds, fault.Gone, fault.Overloaded, fault.Unavailable, fault.Deadline, fault.Internal}
	codes = append(codes, d.accessCodes(f.Allow)...)
	responses := obj("200", obj("description", "What happened, or a stream of what happens.", "content", obj(
		"application/json", obj("schema", page),
		"text/event-stream", obj("schema", obj("type", "string", "description", stream)))))
	return obj(
		"operationId", "feed_"+f.Name,
		"tags", []string{family.Name},
		"summary", "Follow the changes of one "+family.Name,
		"description", d.rules(f.Allow)+" With `Accept: text/event-stream` it stays open and tells of each change as it happens.",
		"security", d.security(d.model.Access != nil && !f.Allow.Public),
		"parameters", []any{
			obj("name", family.By.Name, "in", "path", "required", true, "schema", fieldSchema(family.By, asText)),
			obj("name", "after", "in", "query", "required", false, "schema", obj("type", "integer", "minimum", 0),
				"description", "Only changes above this version. Without it a page begins with the oldest, a stream with what happens next."),
		},
		"responses", d.addProblems(responses, codes))
}
