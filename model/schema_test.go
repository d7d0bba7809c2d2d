package model_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/partita-dev/partita/model"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

func compileSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(model.Schema))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	if err := c.AddResource("model.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("model.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// decode gives the value that an editor's YAML reader would hand to the schema; ok is false where
// the text is no single YAML document, so that no schema is asked.
func decode(src []byte) (value any, ok bool) {
	if !utf8.Valid(src) {
		return nil, false
	}
	src = bytes.TrimPrefix(src, []byte("\ufeff"))
	dec := yaml.NewDecoder(bytes.NewReader(src))
	if err := dec.Decode(&value); err != nil {
		return nil, false
	}
	var second any
	if dec.Decode(&second) == nil {
		return nil, false
	}
	js, err := json.Marshal(value)
	if err != nil {
		return nil, false
	}
	value, err = jsonschema.UnmarshalJSON(bytes.NewReader(js))
	return value, err == nil
}

// The schema accepts every good model, and refuses exactly the bad ones that say so.
func TestSchemaAgreesWithCorpus(t *testing.T) {
	schema := compileSchema(t)
	for name, src := range examples(t) {
		value, ok := decode(src)
		if !ok {
			t.Fatalf("%s is no YAML", name)
		}
		if err := schema.Validate(value); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	refused := 0
	for _, c := range loadCorpus(t) {
		t.Run(c.name(), func(t *testing.T) {
			value, ok := decode(c.input)
			if !ok {
				if c.good {
					t.Fatal("a good model is no YAML")
				}
				return
			}
			err := schema.Validate(value)
			switch wanted := c.schema == "refuses"; {
			case wanted && err == nil:
				t.Error("the schema accepts it")
			case !wanted && err != nil:
				t.Errorf("the schema refuses it: %v", err)
			case wanted:
				refused++
			}
		})
	}
	if refused < 20 {
		t.Errorf("the schema refused %d bad models only", refused)
	}
}

// Editors show help for every key of a model.
func TestSchemaDescribesEveryKey(t *testing.T) {
	var doc map[string]any
	if err := json.Unmarshal(model.Schema, &doc); err != nil {
		t.Fatal(err)
	}
	defs := doc["$defs"].(map[string]any)
	var walk func(at string, x any)
	walk = func(at string, x any) {
		switch x := x.(type) {
		case []any:
			for _, y := range x {
				walk(at, y)
			}
		case map[string]any:
			for key, y := range x {
				if key == "properties" {
					for name, p := range y.(map[string]any) {
						if m, ok := p.(map[string]any); ok && !described(m, defs) {
							t.Errorf("%s/%s has no description", at, name)
						}
					}
				}
				walk(at+"/"+key, y)
			}
		}
	}
	walk("", doc)
}

func described(m, defs map[string]any) bool {
	if m["description"] != nil {
		return true
	}
	ref, _ := m["$ref"].(string)
	const prefix = "#/$defs/"
	if len(ref) <= len(prefix) {
		return false
	}
	def, _ := defs[ref[len(prefix):]].(map[string]any)
	return def["description"] != nil
}
