package drill

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
)

// soak tells whether the long form of the tests is wanted: make soak, or PARTITA_SOAK=1.
func soak() bool { return os.Getenv("PARTITA_SOAK") != "" }

// build makes the partita program.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "partita")
	if out, err := exec.Command("go", "build", "-o", program, "../../cmd/partita").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// shop is a Config for the shop of the examples.
func shop(t *testing.T, program, on string) Config {
	t.Helper()
	file := "../../examples/shop/shop.yaml"
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Stage: stage.Config{Program: []string{program}, File: file, Source: source, Store: on},
		Size:  load.Size{Partitions: 300}, Version: "test", Time: time.Second, Knee: 300,
		Told: func(format string, args ...any) { t.Logf(format, args...) },
	}
}

// TestTheShopKeepsItsPromises carries out a few drills on each store, which hold whatever else the machine
// does; `make drills` carries out all. The long forms of two of them come before, where they are wanted.
func TestTheShopKeepsItsPromises(t *testing.T) {
	program := build(t)
	if soak() {
		t.Run("nothing stays bad after an overload", func(t *testing.T) { nothingStaysBadAfterAnOverload(t, program) })
		t.Run("the store is frozen for a minute", func(t *testing.T) { theStoreIsFrozenForAMinute(t, program) })
	}
	for on, names := range map[string][]string{
		stage.SQLite:   {"disk full", "node killed"},
		stage.Postgres: {"store killed"},
	} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			c := shop(t, program, on)
			c.Only = names
			r, err := Run(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			for _, o := range r.Drills {
				if o.Timeline == nil {
					t.Errorf("%s was not run: %s", o.Name, o.Why)
				}
				for _, p := range o.Promises {
					if p.Verdict == Broken && slices.Contains(books, p.Name) {
						t.Errorf("%s: %s: %s\n%s", o.Name, p.Name, p.Figure, strings.Join(p.Details, "\n"))
					} else if p.Verdict == Broken {
						t.Logf("%s: %s: %s; promised: %s", o.Name, p.Name, p.Figure, p.Bound)
					}
				}
			}
			if len(r.Drills) != len(names) || len(r.Left) > 0 {
				t.Error(len(r.Drills), "drills; left out:", r.Left)
			}
		})
	}
}

// books are the promises that hold beside tests of other packages, with the race detector too.
var books = []string{"acknowledged writes", "accepted writes", "done once", "age of answers", "order of accepted writes"}

// nothingStaysBadAfterAnOverload lets ten times the load come from callers who ask again, with 50 seeds, for
// 4 s each and for half a minute once: afterwards all must be as before, soon.
func nothingStaysBadAfterAnOverload(t *testing.T, program string) {
	for _, on := range []string{stage.SQLite, stage.Postgres} {
		for _, form := range []struct {
			time time.Duration
			runs int
		}{{4 * time.Second, 25}, {30 * time.Second, 1}} {
			c := shop(t, program, on)
			c.Only, c.Time, c.Runs, c.Again, c.Knee = []string{"retry storm"}, form.time, form.runs, 1, 0
			mustKeep(t, fmt.Sprint(on, ", ", form.time), c)
		}
	}
}

// theStoreIsFrozenForAMinute freezes it under a mixed load, on both stores.
func theStoreIsFrozenForAMinute(t *testing.T, program string) {
	for _, on := range []string{stage.SQLite, stage.Postgres} {
		c := shop(t, program, on)
		c.Only, c.Time, c.Knee = []string{"store frozen"}, time.Minute, 1000
		mustKeep(t, on, c)
	}
}

func mustKeep(t *testing.T, what string, c Config) {
	t.Helper()
	r, err := Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%s:\n%s", what, r.Text())
	if !r.Kept() || r.Drills[0].Timeline == nil {
		t.Errorf("%s: not kept", what)
	}
}
