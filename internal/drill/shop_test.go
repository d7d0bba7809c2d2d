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

// whateverTheMachine are the promises that hold on a slow machine with other work too. Those about time
// are for `partita drill`, on a machine that does nothing else.
var whateverTheMachine = []string{"acknowledged writes", "accepted writes", "done once", "age of answers", "order of accepted writes", "a failed fsync is never tried again"}

// TestTheShopKeepsItsPromises carries out every drill, in a short form, on both stores. The long forms of
// two of them come before, where they are wanted.
func TestTheShopKeepsItsPromises(t *testing.T) {
	program := build(t)
	if soak() {
		t.Run("nothing stays bad after an overload", func(t *testing.T) { nothingStaysBadAfterAnOverload(t, program) })
		t.Run("the store is frozen for a minute", func(t *testing.T) { theStoreIsFrozenForAMinute(t, program) })
	}
	for on, without := range map[string][]string{
		stage.SQLite:   {"store cut", "store killed", "bus cut", "cache cut"},
		stage.Postgres: {"disk fails"},
	} {
		t.Run(on, func(t *testing.T) {
			t.Parallel()
			r, err := Run(t.Context(), shop(t, program, on))
			if err != nil {
				t.Fatal(err)
			}
			ran := 0
			for _, o := range r.Drills {
				if o.Timeline == nil {
					if !slices.Contains(without, o.Name) && !(o.Name == "disk full" && on == stage.Postgres) {
						t.Errorf("%s was not run: %s", o.Name, o.Why)
					}
					continue
				}
				ran++
				for _, p := range o.Promises {
					switch {
					case p.Verdict != Broken:
					case slices.Contains(whateverTheMachine, p.Name):
						t.Errorf("%s: %s: %s\n%s", o.Name, p.Name, p.Figure, strings.Join(p.Details, "\n"))
					default:
						t.Logf("%s: %s: %s; promised: %s", o.Name, p.Name, p.Figure, p.Bound)
					}
				}
			}
			if ran < len(catalogue)-len(without)-1 {
				t.Errorf("%d of %d drills were run", ran, len(catalogue))
			}
			if len(r.Left) > 0 {
				t.Error("left out:", r.Left)
			}
		})
	}
}

// nothingStaysBadAfterAnOverload lets ten times the load come for half a minute, from callers who
// ask again, with one seed after the other: afterwards all must be as before, soon.
func nothingStaysBadAfterAnOverload(t *testing.T, program string) {
	for seed := range uint64(50) {
		c := shop(t, program, stage.SQLite)
		c.Only, c.Time, c.Knee, c.Size.Seed = []string{"retry storm"}, 30*time.Second, 0, seed+1
		mustKeep(t, fmt.Sprint("seed ", seed+1), c)
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
	if !r.Kept() || r.Drills[0].Verdict() != Kept {
		t.Errorf("%s: %s", what, r.Drills[0].Verdict())
	}
}
