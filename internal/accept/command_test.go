package accept

import (
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

func sample(claims *model.Claims) (*engine.WriteRequest, *command) {
	f := &model.Family{Name: "account", By: &model.Field{Name: "account_id", Type: model.Type{Kind: model.KindString, Size: 40}}}
	accepted := engine.Accepted{Now: time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), Seed: [32]byte{3},
		Key: store.Key{Hash: [32]byte{1}, Fingerprint: [32]byte{2}}}
	q := &engine.WriteRequest{Write: &model.Write{Name: "note", Family: f}, Args: &model.Args{Values: []model.Value{model.String("ä/1")}},
		Body: []byte(`{"account_id":"ä/1"}`), IfMatch: `"x.1.y"`, Claims: claims, Accepted: &accepted}
	return q, &command{revision: "r1", write: "note", family: "account", partition: "ä/1", accepted: accepted,
		ifMatch: q.IfMatch, claims: claims, body: q.Body}
}

func TestCommandsComeBackAsTheyWere(t *testing.T) {
	for name, claims := range map[string]*model.Claims{
		"none":  nil,
		"plain": {Key: "0:ann", Subject: "ann", Expires: time.Date(2026, 1, 2, 4, 0, 0, 0, time.UTC), All: map[string]any{"sub": "ann"}},
		"all kinds": {Key: "token:\xff\x00", All: map[string]any{"n": int64(-1 << 63), "whole": 2.0, "half": 0.5, "yes": true, "no": false, "nil": nil,
			"list": []any{"a", int64(1), []any{}, map[string]any{}}, "object": map[string]any{"": map[string]any{"x": []any{nil}}}}},
	} {
		q, want := sample(claims)
		got, err := decode(encode(q, "r1"))
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", name, got, err, want)
		}
	}
}

// FuzzCommand looks for bytes that decode is not up to.
func FuzzCommand(f *testing.F) {
	q, _ := sample(&model.Claims{Key: "k", All: map[string]any{"a": []any{int64(1), 0.5, "x", nil, true, map[string]any{"b": "c"}}}})
	f.Add(encode(q, "r1"))
	q, _ = sample(nil)
	f.Add(encode(q, ""))
	f.Add([]byte{commandFormat})
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := decode(b)
		if err != nil {
			return
		}
		fam := &model.Family{Name: c.family, By: &model.Field{Type: model.Type{Kind: model.KindString}}}
		again, err := decode(encode(&engine.WriteRequest{Write: &model.Write{Name: c.write, Family: fam}, Body: c.body, IfMatch: c.ifMatch, Claims: c.claims,
			Args: &model.Args{Values: []model.Value{model.String(c.partition)}}, Accepted: &c.accepted}, c.revision))
		if err != nil || !slices.Equal(again.body, c.body) || (again.claims == nil) != (c.claims == nil) {
			t.Fatalf("%+v, %v; want %+v", again, err, c)
		}
		if c.claims != nil && !slices.Equal(slices.Sorted(maps.Keys(again.claims.All)), slices.Sorted(maps.Keys(c.claims.All))) {
			t.Fatalf("claims %+v; want %+v", again.claims, c.claims)
		}
	})
}
