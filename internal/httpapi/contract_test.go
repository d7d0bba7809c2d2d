package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// contract holds what a service answers against what its OpenAPI document says.
type contract struct {
	document map[string]any
	compiler *jsonschema.Compiler
}

const contractURL = "mem:///openapi.json"

func contractOf(t testing.TB, m *model.Model) *contract {
	t.Helper()
	text, err := httpapi.OpenAPI(m)
	if err != nil {
		t.Fatal(err)
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	c := &contract{document.(map[string]any), jsonschema.NewCompiler()}
	c.compiler.AssertFormat()
	if err := c.compiler.AddResource(contractURL, document); err != nil {
		t.Fatal(err)
	}
	return c
}

// check complains where an answer to a described address is not described.
func (c *contract) check(t testing.TB, method, path string, a answer) {
	t.Helper()
	template, operation := c.operation(method, path)
	if operation == nil || a.status == http.StatusNotImplemented {
		return
	}
	status := fmt.Sprint(a.status)
	pointer := "/paths/" + escapePointer(template) + "/" + strings.ToLower(strings.Replace(method, "HEAD", "GET", 1)) + "/responses/" + status
	response, ok := operation["responses"].(map[string]any)[status].(map[string]any)
	if !ok {
		t.Errorf("%s %s answers %s, which is not described: %s", method, path, status, a.body)
		return
	}
	if ref, ok := response["$ref"].(string); ok {
		pointer = strings.TrimPrefix(ref, "#")
		response = c.document["components"].(map[string]any)["responses"].(map[string]any)[pointer[strings.LastIndex(pointer, "/")+1:]].(map[string]any)
	}
	if method == http.MethodHead {
		return
	}
	content, _ := response["content"].(map[string]any)
	if content == nil {
		if a.body != "" {
			t.Errorf("%s %s answers %s with a body that is not described: %s", method, path, status, a.body)
		}
		return
	}
	media := a.header.Get("Content-Type")
	if content[media] == nil {
		t.Errorf("%s %s answers %s as %q, which is not described", method, path, status, media)
		return
	}
	schema, err := c.compiler.Compile(contractURL + "#" + pointer + "/content/" + escapePointer(media) + "/schema")
	if err != nil {
		t.Fatal(err)
	}
	body, err := jsonschema.UnmarshalJSON(strings.NewReader(a.body))
	if err != nil {
		t.Fatal(err)
	}
	if err := schema.Validate(body); err != nil {
		t.Errorf("%s %s answers %s, which does not fit its description: %v", method, path, a.body, err)
	}
}

// operation finds what describes a request; nil if nothing does.
func (c *contract) operation(method, path string) (string, map[string]any) {
	path, _, _ = strings.Cut(path, "?")
	method = strings.ToLower(strings.Replace(method, "HEAD", "GET", 1))
	given := strings.Split(path, "/")
	for template, item := range c.document["paths"].(map[string]any) {
		segments := strings.Split(template, "/")
		fits := len(segments) == len(given)
		for i := 0; fits && i < len(segments); i++ {
			fits = segments[i] == given[i] || strings.HasPrefix(segments[i], "{")
		}
		if operation, ok := item.(map[string]any)[method].(map[string]any); ok && fits {
			return template, operation
		}
	}
	return "", nil
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1", "{", "%7B", "}", "%7D").Replace(s)
}

// TestDescribedBodiesAreTaken sends each example of the description to the service it describes.
func TestDescribedBodiesAreTaken(t *testing.T) {
	for name, m := range models(t) {
		if m.Access != nil {
			continue // examples know nothing of who may use them
		}
		t.Run(name, func(t *testing.T) {
			s := serve(t, m, nil)
			sent := 0
			for path, item := range s.contract.document["paths"].(map[string]any) {
				post, ok := item.(map[string]any)["post"].(map[string]any)
				if !ok {
					continue
				}
				media := post["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)
				if media["example"] == nil {
					continue
				}
				body, err := json.Marshal(media["example"])
				if err != nil {
					t.Fatal(err)
				}
				sent++
				if a := s.do("POST", path, string(body)); a.status == 400 || a.status == 422 {
					t.Errorf("%s does not take its own example %s: %s", path, body, a.body)
				}
			}
			if sent == 0 {
				t.Error("no example was sent")
			}
		})
	}
}
