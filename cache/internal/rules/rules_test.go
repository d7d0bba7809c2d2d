package rules_test

import (
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/partita-dev/partita/cache/internal/rules"
)

// How far the searches go.
const (
	runSteps  = 80
	fullRuns  = 5_000
	brokenMax = 60_000
)

// prove drives a World without the given rule, and fails with the steps that led to a broken promise.
func prove(without rules.Rule, second bool) func(*rapid.T) {
	return func(t *rapid.T) {
		w := rules.New(without, second, true)
		choose := func(n int) int { return even(t, n) }
		t.Repeat(map[string]func(*rapid.T){
			"": func(t *rapid.T) {
				if why := w.Check(); why != "" {
					t.Fatalf("%s\n%s", why, strings.Join(w.Trace(), "\n"))
				}
			},
			"step": func(*rapid.T) { w.Step(choose) },
		})
	}
}

// even draws a number below n, all alike: rapid's own integers favour the small ones, and then
// hardly a flight comes to its end.
func even(t *rapid.T, n int) int {
	for {
		i := 0
		for range bits.Len(uint(n - 1)) {
			i *= 2
			if coin.Draw(t, "") {
				i++
			}
		}
		if i < n {
			return i
		}
	}
}

var coin = rapid.Bool()

// TestRulesHold searches for a broken promise while every rule is in force.
func TestRulesHold(t *testing.T) {
	t.Run("one tier", func(t *testing.T) { search(t, fullRuns, prove(rules.Nothing, false)) })
	t.Run("two tiers", func(t *testing.T) { search(t, fullRuns, prove(rules.Nothing, true)) })
}

// TestEachRuleIsNeeded takes each rule out and wants a promise broken, within a fixed budget.
func TestEachRuleIsNeeded(t *testing.T) {
	for _, rule := range rules.All() {
		t.Run(rule.String(), func(t *testing.T) {
			defer set(t, map[string]string{"rapid.nofailfile": "true", "rapid.shrinktime": "200ms", "rapid.seed": "1"})()
			v := &verdict{TB: t}
			done := make(chan struct{})
			go func() { // a search that finds something ends its goroutine
				defer close(done)
				search(v, brokenMax, prove(rule, rule.Second()))
			}()
			<-done
			if !v.failed {
				t.Fatalf("%d runs without the rule found nothing wrong", brokenMax)
			}
			t.Log(v.log.String())
		})
	}
}

// search gives rapid a budget of its own, which it takes from a flag only.
func search(t rapid.TB, runs int, prop func(*rapid.T)) {
	defer set(t, map[string]string{"rapid.checks": fmt.Sprint(runs), "rapid.steps": fmt.Sprint(runSteps)})()
	rapid.Check(t, prop)
}

// set sets flags, and returns a function that sets them back.
func set(t rapid.TB, values map[string]string) (undo func()) {
	before := map[string]string{}
	for name, value := range values {
		before[name] = flag.Lookup(name).Value.String()
		if err := flag.Set(name, value); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		for name, value := range before {
			if err := flag.Set(name, value); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestLongSearch is the long form, without shrinking and therefore much faster: set PARTITA_SOAK=1.
func TestLongSearch(t *testing.T) {
	limit := time.Second
	if os.Getenv("PARTITA_SOAK") != "" {
		limit = 5 * time.Minute
	}
	seed, runs := uint64(time.Now().UnixNano()), 0
	for end := time.Now().Add(limit); time.Now().Before(end); runs++ {
		if w := random(seed+uint64(runs), false); w.Broken() != "" {
			w = random(seed+uint64(runs), true)
			t.Fatalf("seed %d: %s\n%s", seed+uint64(runs), w.Broken(), strings.Join(w.Trace(), "\n"))
		}
	}
	t.Logf("%d runs from seed %d", runs, seed)
}

// random drives a World with every rule in force by the numbers of a seed.
func random(seed uint64, tracing bool) *rules.World {
	r := rand.New(rand.NewPCG(seed, 0))
	w := rules.New(rules.Nothing, seed%2 == 1, tracing)
	for range runSteps {
		if w.Step(r.IntN); w.Check() != "" {
			break
		}
	}
	return w
}

// A verdict stands between a search and the test that wants it to fail.
type verdict struct {
	rapid.TB
	failed bool
	log    strings.Builder
}

func (v *verdict) Failed() bool { return v.failed }
func (v *verdict) Fail()        { v.failed = true }
func (v *verdict) FailNow()     { v.failed = true; runtime.Goexit() }
func (v *verdict) Errorf(format string, args ...any) {
	v.failed = true
	fmt.Fprintf(&v.log, format+"\n", args...)
}
func (v *verdict) Logf(string, ...any) {}
