package engine_test

import (
	"context"
	"os"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
	"github.com/partita-dev/partita/store/sqlite"
)

// What a view's answer may be depends on how late the view is: fresh, stale, or none.
func TestAViewsAnswerIsAsOldAsTheView(t *testing.T) {
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: t.TempDir(), Model: m, Options: store.Options{}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	answers := cache.New(cache.Config{})
	defer answers.Close()
	var late time.Duration
	var building error
	asked := 0
	e, err := engine.New(engine.Config{Model: m, Store: s, Cache: answers, AsOf: func(context.Context, *model.View) (time.Time, error) {
		asked++
		return time.Now().Add(-late), building
	}})
	if err != nil {
		t.Fatal(err)
	}
	r := m.Read("sales_of_day") // fresh 10 s, stale 1 h
	read := func(day int64) (engine.ReadResult, error) {
		return e.Read(t.Context(), &engine.ReadRequest{Read: r, Args: &model.Args{Values: []model.Value{model.DateDays(day)}, Given: []bool{true}},
			Claims: &model.Claims{Subject: "me", All: map[string]any{"sub": "me", "roles": []any{"staff"}}}})
	}
	for day, c := range []struct {
		late    time.Duration
		outcome cache.Outcome
		code    fault.Code
	}{
		{0, cache.Miss, ""},
		{5 * time.Second, cache.Miss, ""},
		{30 * time.Second, cache.Stale, ""},
		{2 * time.Hour, 0, fault.Unavailable},
	} {
		late = c.late
		got, err := read(int64(day))
		if fault.CodeOf(err) != c.code || err == nil && (got.Outcome != c.outcome || got.Age < c.late) {
			t.Errorf("%v late: %v, outcome %d, age %v", c.late, err, got.Outcome, got.Age)
		}
	}

	late, asked = 5*time.Second, 0
	if got, err := read(1); err != nil || got.Outcome != cache.Hit || got.Age < late || asked != 0 {
		t.Errorf("again: %v, outcome %d, age %v, asked %d times", err, got.Outcome, got.Age, asked)
	}
	building = fault.New(fault.Unavailable, "The view is being built.")
	if _, err := read(100); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("while it is built: %v", err)
	}
}
