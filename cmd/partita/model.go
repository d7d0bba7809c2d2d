package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/partita-dev/partita/internal/accessplan"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// readModel reads and checks a model file.
func readModel(path string) (*model.Model, error) {
	source, err := readSource(path)
	if err != nil {
		return nil, err
	}
	return model.Parse(path, source, os.LookupEnv)
}

// readSource reads a model file as it is.
func readSource(path string) ([]byte, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, usage{fmt.Errorf("%s is a folder: give the model file in it, such as %s", path, filepath.Join(path, "model.yaml"))}
	}
	source, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, usage{fmt.Errorf("there is no file %s; `partita new` writes a model to start from", path)}
	case err != nil:
		return nil, usage{fmt.Errorf("the model cannot be read: %w", err)}
	}
	return source, nil
}

// cutPrefix takes the library's own prefix from a message.
func cutPrefix(text string) string { return strings.TrimPrefix(text, "partita: ") }

// printJSON prints a value as indented JSON.
func (c *console) printJSON(v any) error {
	e := json.NewEncoder(c.out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// readable is what is printed for people, or as JSON for scripts.
type readable interface{ Text() string }

// print prints a result in one of the two forms.
func (c *console) print(r readable, asJSON bool) error {
	if asJSON {
		return c.printJSON(r)
	}
	_, err := fmt.Fprint(c.out, r.Text())
	return err
}

type checkCommand struct {
	File    string `arg:"" help:"Model file."`
	Access  bool   `help:"Print who may do what instead." xor:"form"`
	Explain string `help:"Print all about one read or write instead: SQL, index, invalidation, cost." placeholder:"NAME" xor:"form"`
	JSON    bool   `help:"Print JSON."`
}

func (k *checkCommand) Run(c *console) error {
	m, err := readModel(k.File)
	if err != nil {
		return k.refuse(c, err)
	}
	var p readable = accessplan.Table(m)
	switch {
	case k.Access:
		p = accessplan.Access(m)
	case k.Explain != "":
		if p, err = accessplan.Explain(m, k.Explain); err != nil {
			return usage{err}
		}
	}
	return c.print(p, k.JSON)
}

// refuse prints complaints as JSON where that was asked for.
func (k *checkCommand) refuse(c *console, err error) error {
	complaints, ok := errors.AsType[*model.Complaints](err)
	if !ok || !k.JSON {
		return err
	}
	type complaint struct {
		Line   int    `json:"line"`
		Column int    `json:"column"`
		Text   string `json:"text"`
		Why    string `json:"why,omitempty"`
		Fix    string `json:"fix,omitempty"`
	}
	list := make([]complaint, len(complaints.List))
	for i, x := range complaints.List {
		list[i] = complaint{x.Line, x.Column, x.Text, x.Why, x.Fix}
	}
	if err := c.printJSON(map[string]any{"file": complaints.File, "complaints": list}); err != nil {
		return err
	}
	return told(badCall)
}

type openapiCommand struct {
	File string `arg:"" help:"Model file."`
}

func (k *openapiCommand) Run(c *console) error {
	m, err := readModel(k.File)
	if err != nil {
		return err
	}
	text, err := httpapi.OpenAPI(m)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s\n", text)
	return err
}

type schemaCommand struct{}

func (schemaCommand) Run(c *console) error {
	_, err := fmt.Fprintf(c.out, "%s\n", strings.TrimSpace(string(model.Schema)))
	return err
}
