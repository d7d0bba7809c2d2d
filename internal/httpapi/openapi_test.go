package httpapi_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// zoo is a model with what the examples lack: every type, bounds of every kind, code, no access.
const zoo = `
service: zoo
partitions:
  pen: {by: pen_no, type: int, expect: 100}
entities:
  animal:
    in: pen
    key: [species, born]
    unique: [[tag]]
    expect: 20
    fields:
      species: {enum: [cat, emu]}
      born:    date
      tag:     {type: string(8), pattern: "^[A-Z]+$"}
      weight:  {type: "decimal(6,2)"}
      length:  {type: float, min: 0.5, max: 9.5}
      tame:    {type: bool, default: false}
      photo:   bytes(64)?
      notes:   json(500)?
      page:    url?
      keeper:  email?
      mood:    {enum: [calm, wild], default: calm}
      seen_at: {type: time, default: now}
reads:
  animal:  {get: animal, fresh: 1m}
  animals: {list: animal, by: [species], filter: [mood, tame], range: born, sort: born, fields: [tag, weight], stale: 90s}
writes:
  add_animal:  {insert: animal, input: [tag, weight, length, tame, photo, notes, page, keeper, mood]}
  keep_animal: {upsert: animal, input: [tag, weight, length, keeper]}
  move_out:    {delete: animal}
  weigh:       {code: true, in: pen, input: {kilos: {type: int, min: 1, max: 9000}}, returns: {sum: int}}
  greet:       {code: true, in: pen}
`

func models(t testing.TB) map[string]*model.Model {
	t.Helper()
	sources := map[string][]byte{"zoo": []byte(zoo)}
	for _, name := range []string{"shop", "chat"} {
		source, err := os.ReadFile("../../examples/" + name + "/" + name + ".yaml")
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = source
	}
	all := map[string]*model.Model{}
	for name, source := range sources {
		m, err := model.Parse(name+".yaml", source, func(string) (string, bool) { return "", false })
		if err != nil {
			t.Fatal(err)
		}
		all[name] = m
	}
	return all
}

func TestOpenAPIPassesThePublicLinter(t *testing.T) {
	dir := t.TempDir()
	args := []string{}
	for name, m := range models(t) {
		text, err := httpapi.OpenAPI(m)
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, name+".json")
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	out, err := exec.Command("../../scripts/lint-openapi.sh", args...).CombinedOutput()
	if err != nil || strings.Contains(string(out), "You have ") { // warnings
		t.Errorf("the linter complains (%v):\n%s", err, out)
	}
}

func TestOpenAPISaysExactlyWhatIsServed(t *testing.T) {
	m := models(t)["shop"]
	text, err := httpapi.OpenAPI(m)
	if err != nil {
		t.Fatal(err)
	}
	again, err := httpapi.OpenAPI(m)
	if err != nil || string(again) != string(text) {
		t.Error("the same model gives two descriptions")
	}
	var document struct {
		Info  struct{ Title, Version, Description string }
		Paths map[string]map[string]struct {
			OperationID string
			Parameters  []struct {
				Name, In string
				Required bool
				Schema   map[string]any
			}
			RequestBody struct {
				Content map[string]struct {
					Schema struct {
						Required   []string
						Properties map[string]map[string]any
					}
				}
			}
			Responses map[string]any
			Security  []any
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	if document.Info.Title != "shop" {
		t.Errorf("info = %+v", document.Info)
	}
	for path, method := range map[string]string{
		"/v1/order/{customer_id}/{order_id}": "get", "/v1/orders/{customer_id}": "get", "/v1/lines/{customer_id}": "get",
		"/v1/order_by_number/{number}": "get", "/v1/sales_of_day/{day}": "get",
		"/v1/place_order": "post", "/v1/forget_order": "post", "/v1/batch": "post", "/healthz": "get",
	} {
		if _, ok := document.Paths[path][method]; !ok {
			t.Errorf("%s %s is not described", method, path)
		}
	}
	parameters := map[string]string{}
	for _, p := range document.Paths["/v1/orders/{customer_id}"]["get"].Parameters {
		parameters[p.Name] = p.In
	}
	for name, in := range map[string]string{"customer_id": "path", "status": "query", "placed_at.from": "query", "placed_at.to": "query", "after": "query", "before": "query"} {
		if parameters[name] != in {
			t.Errorf("parameter %s is in %q, want %q", name, parameters[name], in)
		}
	}
	credit := document.Paths["/v1/add_credit"]["post"].RequestBody.Content["application/json"].Schema
	if credit.Properties["amount"]["minimum"] != 1.0 || strings.Join(credit.Required, " ") != "customer_id amount" {
		t.Errorf("input of add_credit = %+v", credit)
	}
	forget := document.Paths["/v1/forget_order"]["post"].Responses
	if forget["204"] == nil || forget["200"] != nil || forget["404"] == nil {
		t.Errorf("answers of forget_order = %v", forget)
	}
}
