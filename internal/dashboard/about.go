package dashboard

import (
	"slices"
	"strings"

	"github.com/partita-dev/partita/internal/accessplan"
	"github.com/partita-dev/partita/model"
)

// about tells what the service is: what does not change while it runs.
type about struct {
	Plan       *accessplan.Plan       `json:"plan"`
	Access     *accessplan.AccessPlan `json:"access"`
	Entities   []entity               `json:"entities"`
	Writes     []write                `json:"writes"`
	Paths      map[string]string      `json:"paths"`      // address by pattern
	Objectives map[string]float64     `json:"objectives"` // promised p99 in seconds by pattern, where there is one
	Try        string                 `json:"try"`        // a command that asks the service something
	Rows       string                 `json:"rows"`       // shown; login: to who shows the admin token; token: not, since there is none; none
	Advice     bool                   `json:"advice"`     // there is an address for it
}

// describe tells it to who has shown the admin token, or not.
func describe(cfg *Config, shown bool) about {
	m := cfg.Model
	a := about{Plan: accessplan.Table(m), Access: accessplan.Access(m), Entities: entities(m), Writes: writes(m), Try: try(m, cfg.API),
		Paths: map[string]string{}, Objectives: map[string]float64{}, Rows: "shown", Advice: cfg.Advice != nil}
	for _, r := range m.Reads {
		a.Paths[r.Name] = "GET " + addressOf(r)
		a.promise(r.Name, r.Objective)
	}
	for _, w := range m.Writes {
		a.Paths[w.Name] = "POST /v1/" + w.Name
		a.promise(w.Name, w.Objective)
	}
	switch {
	case cfg.Data == nil:
		a.Rows = "none"
	case cfg.Token == "":
		a.Rows = "token"
	case !shown:
		a.Rows = "login"
	}
	return a
}

func (a *about) promise(pattern string, o model.Objective) {
	if o.Quantile == 0.99 {
		a.Objectives[pattern] = o.Latency.Seconds()
	}
}

// addressOf is the address of a read, with names in place of values.
func addressOf(r *model.Read) string {
	address := "/v1/" + r.Name
	for i, p := range r.Params {
		if i == 0 || !r.List {
			address += "/{" + p.Name + "}"
		}
	}
	var query []string
	for _, f := range append(slices.Clone(r.By), r.Filter...) {
		query = append(query, f.Name)
	}
	if r.Range != nil {
		query = append(query, r.Range.Name+".from", r.Range.Name+".to")
	}
	if query != nil {
		address += "?" + strings.Join(query, "&")
	}
	return address
}

// try gives a command that reads something, so that a person sees the page move. It asks as the
// subject that has the partition's name, which is the owner in most models.
func try(m *model.Model, api string) string {
	read := readToTry(m)
	if read == nil {
		return ""
	}
	if api == "" {
		api = "http://127.0.0.1:8080"
	}
	var values []string
	for i, p := range read.Params {
		if i == 0 || !read.List {
			values = append(values, sample(p.Type))
		}
	}
	command := "curl " + api + "/v1/" + read.Name + "/" + strings.Join(values, "/")
	if m.Access != nil && !read.Allow.Public {
		command += ` \` + "\n" + `  -H "Authorization: Bearer $(partita token --sub ` + values[0] + `)"`
	}
	return command
}

// readToTry is a read that needs least: a list of a partition, or else any.
func readToTry(m *model.Model) *model.Read {
	var found *model.Read
	for _, r := range m.Reads {
		if r.Internal || r.Allow.None || r.Of.View != nil || len(r.Params) == 0 || r.List && len(r.By) > 0 {
			continue
		}
		if found == nil || r.List && !found.List {
			found = r
		}
	}
	return found
}

// sample is a value that a partition or key of that type may have.
func sample(t model.Type) string {
	switch t.Kind {
	case model.KindUUID:
		return "00000000-0000-4000-8000-000000000001"
	case model.KindInt:
		return "1"
	case model.KindEnum:
		return t.Enum[0]
	case model.KindDate:
		return "2026-01-31"
	case model.KindBool:
		return "true"
	}
	return "demo"
}
