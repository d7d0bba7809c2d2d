package httpapi

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

// OpenAPI describes the service of a model as an OpenAPI 3.1 document in JSON: every address, what
// it takes, and every answer. The same model gives the same bytes.
func OpenAPI(m *model.Model) ([]byte, error) {
	d := &describer{model: m, problems: map[string]object{}}
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.document()); err != nil {
		return nil, fmt.Errorf("the model cannot be described: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// object is a JSON object whose members keep their order.
type object []member

type member struct {
	name  string
	value any
}

// obj makes an object of names and values in turn.
func obj(pairs ...any) object {
	o := make(object, 0, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		o = append(o, member{pairs[i].(string), pairs[i+1]})
	}
	return o
}

func (o object) with(name string, value any) object { return append(o, member{name, value}) }

// MarshalJSON encodes the members in their order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		if err := encoder.Encode(m.name); err != nil {
			return nil, err
		}
		b.WriteByte(':')
		if err := encoder.Encode(m.value); err != nil {
			return nil, err
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func ref(kind, name string) object { return obj("$ref", "#/components/"+kind+"/"+name) }

// describer writes the description of one model.
type describer struct {
	model    *model.Model
	problems map[string]object // components/responses: one for each set of codes that shares a status
}

func (d *describer) document() object {
	paths := object{}
	for _, r := range d.model.Reads {
		if !r.Internal && served(r.Allow) {
			paths = paths.with(newReadRoute(d.model, r).template, obj("get", d.read(r)))
		}
	}
	for _, w := range d.model.Writes {
		if served(w.Allow) {
			paths = paths.with("/v1/"+w.Name, obj("post", d.write(w)))
		}
	}
	if len(d.model.Writes) > 0 {
		paths = paths.with("/v1/batch", obj("post", d.batch()))
	}
	if d.accepts() {
		paths = paths.with("/v1/operations/{id}", obj("get", d.operation()))
	}
	for _, f := range d.model.Feeds {
		if served(f.Allow) {
			paths = paths.with("/v1/feeds/"+f.Name+"/{"+f.Of[0].Family.By.Name+"}", obj("get", d.feed(f)))
		}
	}
	paths = append(paths, aroundPaths()...)
	about := "Rows live in partitions. A write is one transaction in one partition; each commit takes the partition's next version, " +
		"which answers name in Partita-Version."
	document := obj(
		"openapi", "3.1.0",
		"info", obj("title", d.model.Service, "version", d.model.Revision, "description", about),
		"servers", []any{obj("url", "/", "description", "This service")},
		"tags", d.tags(),
		"paths", paths,
		"components", d.components(paths),
	)
	return document
}

func (d *describer) tags() []any {
	var tags []any
	for _, f := range d.model.Families {
		about := "Partitions by " + f.By.Name + "."
		if f.View != nil {
			about = "A view, kept up to date from " + f.View.From.Name + ", by " + f.By.Name + ". Age says how late an answer may be."
		}
		tags = append(tags, obj("name", f.Name, "description", about))
	}
	return append(tags, obj("name", "service", "description", "The service itself, and what spans partitions."))
}

// components holds what paths refer to, and nothing else.
func (d *describer) components(paths object) object {
	names := make([]string, 0, len(d.problems))
	for name := range d.problems {
		names = append(names, name)
	}
	slices.Sort(names)
	responses := object{}
	for _, name := range names {
		responses = responses.with(name, d.problems[name])
	}
	components := obj(
		"schemas", used("schemas", d.schemas(), paths, responses),
		"parameters", used("parameters", sharedParameters(), paths),
		"headers", used("headers", sharedHeaders(), paths, responses),
		"responses", responses)
	if d.model.Access != nil {
		components = components.with("securitySchemes", obj("token", obj(
			"type", "http", "scheme", "bearer", "bearerFormat", "JWT",
			"description", "A JWT with exp, signed with the algorithm of the key that the service trusts.")))
	}
	return components
}

// used gives those of all that a reference in one of the places names.
func used(kind string, all object, places ...object) object {
	text, err := json.Marshal(places)
	if err != nil {
		return all // the document fails likewise, and says why
	}
	return slices.DeleteFunc(all, func(m member) bool {
		return !bytes.Contains(text, []byte(`"#/components/`+kind+`/`+m.name+`"`))
	})
}

// security says who may call: everybody needs a token, or may give one, or tokens are not looked at.
func (d *describer) security(private bool) []any {
	switch {
	case private:
		return []any{obj("token", []string{})}
	case d.model.Access != nil:
		return []any{obj(), obj("token", []string{})}
	}
	return []any{}
}

// accessCodes gives the problems that come of access: a bad token is refused even where none is needed.
// Without access in the model, a host name that may be a stranger's is.
func (d *describer) accessCodes(allow model.Allow) []fault.Code {
	switch {
	case d.model.Access == nil:
		return []fault.Code{fault.Forbidden}
	case allow.Public || allow.Anyone:
		return []fault.Code{fault.Unauthenticated}
	}
	return []fault.Code{fault.Unauthenticated, fault.Forbidden}
}

// rules says in words who may use a pattern.
func (d *describer) rules(allow model.Allow) string {
	switch {
	case d.model.Access == nil || allow.Public:
		return "Open to everyone."
	case allow.Anyone:
		return "Needs a token; any verified caller may."
	}
	names := make([]string, len(allow.Rules))
	for i, rule := range allow.Rules {
		names[i] = rule.Name
	}
	return "Needs a token; allowed by the rules: " + strings.Join(names, ", ") + "."
}

// addProblems adds the responses for the codes, grouped by status, in the order of the statuses.
func (d *describer) addProblems(responses object, codes []fault.Code) object {
	byStatus := map[int][]fault.Code{}
	var statuses []int
	for _, code := range codes {
		status := kinds[code].status
		if byStatus[status] == nil {
			statuses = append(statuses, status)
		}
		byStatus[status] = append(byStatus[status], code)
	}
	slices.Sort(statuses)
	for _, status := range statuses {
		group := byStatus[status]
		slices.Sort(group)
		texts := make([]string, len(group))
		for i, code := range group {
			texts[i] = string(code)
		}
		name := strings.Join(texts, "-")
		if _, known := d.problems[name]; !known {
			d.problems[name] = problemResponse(status, group)
		}
		responses = responses.with(fmt.Sprint(status), ref("responses", name))
	}
	return responses
}

// ofWrites tells refusals that are kept under an Idempotency-Key.
func ofWrites(code fault.Code) bool {
	switch code {
	case fault.MissingRow, fault.GuardFailed, fault.Exists, fault.NotUnique, fault.Precondition:
		return true
	}
	return false
}

func problemResponse(status int, codes []fault.Code) object {
	examples, types, titles := object{}, []string{}, []string{}
	for _, code := range codes {
		types = append(types, typePrefix+string(code))
		titles = append(titles, kinds[code].title+".")
		examples = examples.with(string(code), obj("summary", kinds[code].title, "value",
			obj("type", typePrefix+string(code), "title", kinds[code].title, "status", status)))
	}
	response := obj("description", strings.Join(titles, " "))
	switch status {
	case 404, 409, 412:
		if slices.ContainsFunc(codes, ofWrites) {
			response = response.with("headers", obj("Idempotency-Replayed", ref("headers", "Idempotency-Replayed")))
		}
	case 401:
		response = response.with("headers", obj("WWW-Authenticate", ref("headers", "WWW-Authenticate")))
	case 429:
		response = response.with("headers", quotaHeaders(obj("Retry-After", ref("headers", "Retry-After"))))
	case 503:
		response = response.with("headers", obj("Retry-After", ref("headers", "Retry-After"), "Partita-Degraded", ref("headers", "Partita-Degraded")))
	}
	schema := obj("allOf", []any{ref("schemas", "Problem"), obj("properties", obj("type", obj("enum", types)))})
	return response.with("content", obj("application/problem+json", obj("schema", schema, "examples", examples)))
}
