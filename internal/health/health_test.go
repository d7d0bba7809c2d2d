package health_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/health"
	"github.com/partita-dev/partita/model"
)

func shop(t *testing.T) *model.Model {
	t.Helper()
	source, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", source, func(string) (string, bool) { return "", false })
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestATroubleIsToldOnceAndKept follows a part through a trouble that gets worse and better again.
func TestATroubleIsToldOnceAndKept(t *testing.T) {
	var log bytes.Buffer
	var b health.Board
	b.Log(slog.New(slog.NewTextHandler(&log, nil)))
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	set := func(s health.State, cause string) {
		at = at.Add(time.Second)
		b.SetAt(at, "store", s, cause)
	}
	set(health.OK, "")
	for range 3 {
		set(health.Degraded, "it is slow")
	}
	for range 3 {
		set(health.Down, "it does not answer")
	}
	set(health.Degraded, "it takes no writes")
	c, _ := b.Get("store")
	if c.State != health.Degraded || c.Cause != "it takes no writes" || !c.Since.Equal(at) {
		t.Errorf("%+v", c)
	}
	for range 2 {
		set(health.OK, "it answers again")
	}
	if c, _ = b.Get("store"); c.State != health.OK || c.Cause != "" {
		t.Errorf("%+v", c)
	}
	past := b.Past()
	if len(past) != 1 {
		t.Fatalf("%+v", past)
	}
	e := past[0]
	if e.State != health.Down || e.Cause != "it does not answer" || e.Ended != "it answers again" || e.Until.Sub(e.Since) != 7*time.Second {
		t.Errorf("%+v", e)
	}
	if n := strings.Count(log.String(), "\n"); n != 4 { // slow, away, a part back, well
		t.Errorf("%d lines:\n%s", n, log.String())
	}
	if !strings.Contains(log.String(), "lasted=7s") {
		t.Errorf("the log does not say how long it lasted:\n%s", log.String())
	}
	for _, x := range b.Entered() {
		if want := map[health.State]uint64{health.Degraded: 2, health.Down: 1}[x.State]; x.Times != want {
			t.Errorf("%+v", x)
		}
	}
}

func TestTheHistoryIsBounded(t *testing.T) {
	var b health.Board
	for range 150 {
		b.Set("bus", health.Degraded, "away")
		b.Set("bus", health.OK, "back")
	}
	if n := len(b.Past()); n != 100 {
		t.Errorf("%d episodes are kept", n)
	}
}

// TestAnswersNameTheMode looks at the header of patterns that a trouble hits, and of those that it does not.
func TestAnswersNameTheMode(t *testing.T) {
	m := shop(t)
	s := health.Setup{Model: m, Accepts: true, Shared: true}
	var b health.Board
	if b.Read(m.Reads[0]) != nil || b.Write(m.Writes[0]) != nil {
		t.Error("a mode although all is well")
	}
	b.SetAt(time.Unix(1764020000, 0), "store", health.Down, "away", s.NoReads()...)
	b.SetAt(time.Unix(1764020001, 0), "shared cache", health.Degraded, "away", s.NoSharedCache()...)
	for _, r := range m.Reads {
		got := strings.Join(b.Read(r), "|")
		want := "store; state=down; since=@1764020000; effect="
		switch {
		case r.Internal:
			want = ""
		case r.Stale > 0:
			want = "shared-cache; state=degraded; since=@1764020001; effect=reloaded, " + want + "stale"
		case r.Fresh > 0:
			want = "shared-cache; state=degraded; since=@1764020001; effect=reloaded, " + want + "cached"
		default:
			want += "refused"
		}
		if got != want {
			t.Errorf("%s: %q, want %q", r.Name, got, want)
		}
	}
	for _, w := range m.Writes {
		if got := b.Write(w); got != nil {
			t.Errorf("%s: %q", w.Name, got)
		}
	}
	b.Set("store", health.OK, "")
	b.Set("shared cache", health.OK, "")
	if b.Read(m.Reads[0]) != nil {
		t.Error("a mode although all is well again")
	}
}

// TestTheServiceIsDownOnlyWithNothingLeft sums parts up.
func TestTheServiceIsDownOnlyWithNothingLeft(t *testing.T) {
	since := time.Now()
	part := func(name string, s health.State, cause string, effects ...health.Effect) health.Component {
		return health.Component{Name: name, State: s, Since: since, Cause: cause, Effects: effects}
	}
	refused, stale := health.Effect{How: health.Refused}, health.Effect{How: health.Stale}
	for want, parts := range map[string][]health.Component{
		"serving, all well":                       {part("store", health.OK, "")},
		"degraded: store is down – away":          {part("store", health.Down, "away", refused, stale)},
		"down: store – away":                      {part("store", health.Down, "away", refused)},
		"degraded: bus – away":                    {part("bus", health.Degraded, "away"), part("store", health.OK, "")},
		"degraded: store and bus":                 {part("bus", health.Degraded, "away"), part("store", health.Down, "away", stale)},
		"down: program – it failed in the middle": {part("bus", health.Degraded, "away"), part("program", health.Down, "it failed in the middle")},
	} {
		if got := health.Sum(parts, since).Words; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
