package load

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
)

// kinds is a model with every type of field, with bounds and patterns, as keys and otherwise.
const kinds = `
service: kinds
partitions:
  place: {by: place_id, type: int, expect: 7}
  owner: {by: owner_id, type: string(8)}
entities:
  thing:
    in: place
    key: code
    fields:
      code:    {type: string(12), pattern: '^[A-Z]{2}-[0-9]{3,6}$'}
      state:   {enum: [new, used, gone], default: new}
      count:   {type: int, min: -5, max: 3}
      ratio:   {type: float, min: 0.5, max: 0.75}
      price:   {type: "decimal(8,2)", min: 1.50, max: 9.99}
      born:    date
      seen:    {type: time, default: now}
      on:      bool
      raw:     bytes(16)
      doc:     json(100)
      mail:    email
      site:    url
      note:    text(3)?
      owner_id: string(8)
  part:
    in: place
    key: [code, part_id]
    fields: {code: string(12), part_id: {type: uuid, default: new}, number: {type: int, default: 0}}
  profile: {in: owner, fields: {name: string(40)}}
reads:
  thing:  {get: thing, expect: 30/s}
  things: {list: thing, by: [state], filter: [on]}
  parts:  {list: part, by: [code], filter: [number]}
  by_mail: {list: mailbox, fresh: 10s}
writes:
  put_thing: {upsert: thing, input: [count, ratio, price, born, "on", raw, doc, mail, site, note, owner_id], expect: 10/s}
  add_parts: {steps: [{insert: part, each: parts, max: 5, input: [number]}]}
views:
  mailbox: {from: thing, by: mail, fields: [state]}
`

// models gives the models of the examples, and one with every type.
func models(t *testing.T) map[string]*model.Model {
	t.Helper()
	all := map[string]*model.Model{}
	parse := func(name string, source []byte) {
		m, err := model.Parse(name, source, nil)
		if err != nil {
			t.Fatal(err)
		}
		all[name] = m
	}
	parse("kinds", []byte(kinds))
	files, err := filepath.Glob("../../examples/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if filepath.Base(filepath.Dir(file)) == "refused" {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if m, err := model.Parse(file, source, nil); err == nil {
			all[file] = m
		}
	}
	if len(all) < 4 {
		t.Fatalf("only %d models", len(all))
	}
	return all
}

func TestRowsAreSuchThatTheModelTakesThem(t *testing.T) {
	for name, m := range models(t) {
		w := NewWorld(m, Size{Partitions: 20}, nil)
		for _, e := range w.Seeds() {
			keys := map[string]bool{}
			for p := range w.Partitions(e.Family) {
				for r := range w.Rows(e) {
					row := w.Row(e, p, r)
					for _, f := range e.Fields {
						v := row.Values[f.Pos]
						if v.IsNull() && f.Type.Null {
							continue
						}
						if err := f.Check(v); err != nil {
							t.Errorf("%s: %s.%s = %s: %v", name, e.Name, f.Name, model.AppendText(nil, v), err)
						}
					}
					key := string(model.AppendText(nil, row.Values[0]))
					for _, v := range e.KeyOf(row) {
						key += "/" + string(model.AppendText(nil, v))
					}
					if keys[key] {
						t.Errorf("%s: %s has the key %s twice", name, e.Name, key)
					}
					keys[key] = true
				}
			}
		}
	}
}

func TestTheSameSeedMakesTheSameRequests(t *testing.T) {
	for name, m := range models(t) {
		size := Size{Seed: 7, Now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
		a, b := NewWorld(m, size, nil), NewWorld(m, size, nil)
		size.Seed = 8
		other := NewWorld(m, size, nil)
		differs := false
		for _, p := range NewMix(m, true).Patterns {
			for n := range 20 {
				d := Draw{Partition: n, Pick: hash(uint64(n))}
				d.Partition %= a.Partitions(p.Family())
				text := func(w *World) string {
					if p.Read != nil {
						return string(w.appendRead(nil, &head{"h"}, p.Read, d, ""))
					}
					return string(w.appendWrite(nil, &head{"h"}, p.Write, d, "", "k", p.Accept))
				}
				if text(a) != text(b) {
					t.Errorf("%s: %s differs:\n%s\n%s", name, p.Name, text(a), text(b))
				}
				differs = differs || text(a) != text(other)
			}
		}
		if !differs {
			t.Errorf("%s: another seed makes the same requests", name)
		}
	}
}

func TestBodiesAreSuchThatTheModelTakesThem(t *testing.T) {
	for name, m := range models(t) {
		w := NewWorld(m, Size{Partitions: 20}, nil)
		for _, wr := range m.Writes {
			for n := range 50 {
				d := Draw{Partition: n % w.Partitions(wr.Family), Pick: hash(uint64(n))}
				body := w.appendBody(nil, wr, d)
				if _, err := model.DecodeArgs(wr.Inputs, body); err != nil {
					t.Errorf("%s: %s: %v\n%s", name, wr.Name, err, body)
				}
			}
		}
	}
}

func TestProportionsAreThoseOfTheModel(t *testing.T) {
	m := models(t)["kinds"]
	mix := NewMix(m, true)
	var sum float64
	for _, p := range mix.Patterns {
		sum += p.Share
	}
	if sum < 0.999 || sum > 1.001 {
		t.Errorf("the shares add up to %v", sum)
	}
	read, write, rest := mix.Pattern("thing"), mix.Pattern("put_thing"), mix.Pattern("things")
	if !read.Declared || !write.Declared || rest.Declared {
		t.Error("declared:", read.Declared, write.Declared, rest.Declared)
	}
	if r := read.Share / write.Share; r < 2.99 || r > 3.01 {
		t.Errorf("a read that is expected three times as often is asked for %v times as often", r)
	}
	if r := rest.Share / (read.Share + write.Share); r < assumed*0.99 || r > assumed*1.01 {
		t.Errorf("a pattern of which nothing is expected has %v of what is", r)
	}
	some := mix.Of(func(p *Pattern) bool { return p.Write != nil })
	if len(some.Patterns) != 2 || some.Patterns[0].Share+some.Patterns[1].Share < 0.999 {
		t.Error(some.Patterns)
	}
}

func TestPopularPartitionsAreAskedForMoreOften(t *testing.T) {
	m := models(t)["kinds"]
	owner := m.Families[1]
	if zipf, flat := NewWorld(m, Size{Partitions: 1000}, nil), NewWorld(m, Size{Partitions: 1000, Zipf: -1}, nil); zipf.Hottest(owner) < 0.1 || flat.Hottest(owner) > 0.00101 {
		t.Error(zipf.Hottest(owner), flat.Hottest(owner))
	}
	if n := NewWorld(m, Size{Partitions: 1000}, nil).Partitions(m.Families[0]); n != 7 {
		t.Errorf("%d partitions, where the model expects 7", n)
	}
}

func TestCallersHaveWhatRulesAskFor(t *testing.T) {
	source := `
service: s
partitions: {tenant: {by: tenant_id, type: string(20)}}
entities:
  member: {in: tenant, key: user_id, fields: {user_id: string(64), role: {enum: [guest, boss], default: guest}}}
access:
  load: {me: {member: {user_id: = auth.sub}}}
  rules:
    a: "'staff' in auth.roles"
    b: auth.kind == 'service' && auth.level >= 3
    c: auth.tenant == tenant_id
    d: me.role == 'boss'
  allow: [a, b, c, d]
reads: {members: {list: member}}
`
	m, err := model.Parse("s", []byte(source), nil)
	if err != nil {
		t.Fatal(err)
	}
	w := NewWorld(m, Size{Partitions: 3}, map[string]any{"kind": "given"})
	claims := w.Caller(m.Families[0], 1)
	for name, want := range map[string]any{"sub": "tenant-1", "tenant": "tenant-1", "kind": "given", "level": int64(4)} {
		if claims[name] != want {
			t.Errorf("%s is %v, want %v", name, claims[name], want)
		}
	}
	if roles, ok := claims["roles"].([]any); !ok || len(roles) != 1 || roles[0] != "staff" {
		t.Error("roles", claims["roles"])
	}
	row := w.Row(m.Entity("member"), 1, 0)
	if row.Values[1].Text() != "tenant-1" || row.Values[2].Text() != "boss" {
		t.Error("the row that the rules load is", row.Values)
	}
}
