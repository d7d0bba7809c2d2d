package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/relay"
)

const seen = `
service: seen
partitions: {shop: {by: shop_id, type: string(20), expect: 10}}
entities: {sale: {in: shop, key: id, expect: 100, fields: {id: {type: int, default: next}, cents: int, at: {type: time, default: now}}}}
views: {days: {from: sale, by: {day: = date(row.at)}, fold: {sales: count, total: {sum: cents}}}}
reads: {days: {get: days, fresh: 1m}}
writes: {sell: {insert: sale, input: [cents]}}
`

// during serves a model while do is at work.
func during(t *testing.T, c partita.Config, do func(base string)) error {
	t.Helper()
	app, err := partita.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		return err
	}
	do("http://" + app.Addr())
	return app.Stop(t.Context())
}

// A view is built anew when an operator says so and no service runs, by the next one that does.
func TestViewsAreBuiltAnewFromTheCommandLine(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "seen.yaml")
	if err := os.WriteFile(file, []byte(seen), 0o600); err != nil {
		t.Fatal(err)
	}
	config := partita.Config{Model: file, DataDir: filepath.Join(dir, "data"), Listen: "127.0.0.1:0", Admin: partita.None}
	run := func(do func(base string)) {
		t.Helper()
		if err := during(t, config, do); err != nil {
			t.Fatal(err)
		}
	}
	views := func(args ...string) (list []relay.ViewReport) {
		t.Helper()
		out := must(t, append([]string{"views", file, "--data", config.DataDir, "--json", "--quiet"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); err != nil || len(list) != 1 {
			t.Fatal(out, err)
		}
		return list
	}
	today := time.Now().UTC().Format(time.DateOnly)
	run(func(base string) {
		for range 3 {
			resp, err := http.Post(base+"/v1/sell", "application/json", strings.NewReader(`{"shop_id":"a","cents":200}`))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
		}
		if code, _, err := command(t, "views", file, "--data", config.DataDir, "--rebuild", "days"); code == fine {
			t.Errorf("while a service runs: %d %s", code, err)
		}
	})
	if code, _, err := command(t, "views", file, "--data", config.DataDir, "--rebuild", "weeks"); code != failed || !strings.Contains(err, "days") {
		t.Errorf("a view that is not there: %d %s", code, err)
	}
	if v := views("--rebuild", "days")[0]; v.State != "clearing" {
		t.Errorf("it is %s", v.State)
	}
	run(func(base string) {
		for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) {
			resp, err := http.Get(base + "/v1/days/" + today)
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK || time.Now().After(end) {
				break
			}
		}
	})
	if v := views("--verify")[0]; v.State != "ready" || v.Rows == 0 || !v.Compared || v.Differences > 0 {
		t.Errorf("%+v", v)
	}
}

// A view, or a field of one, is taken out of the model, and comes back later: nothing of the user's is lost by
// that, and what changed meanwhile is in it. Where rows expire, it may hold what cannot be made anew, and a word is asked for.
func TestAViewIsTakenOutAndComesBack(t *testing.T) {
	dir := t.TempDir()
	file, data := filepath.Join(dir, "seen.yaml"), filepath.Join(dir, "data")
	var lines []string
	for line := range strings.Lines(seen) {
		if !strings.HasPrefix(line, "views:") && !strings.HasPrefix(line, "reads:") {
			lines = append(lines, line)
		}
	}
	without := strings.Join(lines, "")
	run := func(model string, do func(base string)) error {
		t.Helper()
		if err := os.WriteFile(file, []byte(model), 0o600); err != nil {
			t.Fatal(err)
		}
		return during(t, partita.Config{Model: file, DataDir: data, Listen: "127.0.0.1:0", Admin: partita.None}, do)
	}
	sell := func(base string) {
		resp, err := http.Post(base+"/v1/sell", "application/json", strings.NewReader(`{"shop_id":"a","cents":200}`))
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	// settled waits for what the view says of today.
	settled := func(want string) func(base string) {
		return func(base string) {
			for end := time.Now().Add(time.Minute); ; time.Sleep(5 * time.Millisecond) { // nothing announces it
				resp, err := http.Get(base + "/v1/days/" + time.Now().UTC().Format(time.DateOnly))
				if err != nil {
					t.Fatal(err)
				}
				said, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err == nil && strings.Contains(string(said), want) {
					return
				}
				if time.Now().After(end) {
					t.Errorf("it says %s (%v), not %s", said, err, want)
					return
				}
			}
		}
	}
	for _, step := range []struct {
		model string
		do    func(base string)
	}{
		{seen, func(base string) { sell(base); settled(`"sales":1`)(base) }},
		{without, sell},
		{seen, settled(`"sales":2,"total":400`)},
		{strings.Replace(seen, ", total: {sum: cents}", "", 1), settled(`"sales":2}`)}, // a field of it leaves, and comes back
		{seen, settled(`"sales":2,"total":400`)},
	} {
		if err := run(step.model, step.do); err != nil {
			t.Fatal(err)
		}
	}
	aging := strings.Replace(without, "key: id,", "key: id, keep: {for: 90d, from: at},", 1)
	if err := run(aging, sell); err == nil || !strings.Contains(err.Error(), "drop-table") {
		t.Errorf("a view that may hold what cannot be made anew: %v", err)
	}
}

// Of a fold over rows that expire it is said what was compared, and what cannot be.
func TestWhatOfAViewCannotBeComparedIsSaid(t *testing.T) {
	aging := strings.NewReplacer("key: id,", "key: id, keep: {for: 90d, from: at},", "input: [cents]", "input: [cents, at]",
		"by: {day: = date(row.at)}", "by: {shop: = row.shop_id}", "fresh: 1m", "fresh: 1s").Replace(seen)
	dir := t.TempDir()
	file, data := filepath.Join(dir, "seen.yaml"), filepath.Join(dir, "data")
	if err := os.WriteFile(file, []byte(aging), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(do func(base string)) {
		t.Helper()
		if err := during(t, partita.Config{Model: file, DataDir: data, Listen: "127.0.0.1:0", Admin: partita.None}, do); err != nil {
			t.Fatal(err)
		}
	}
	run(func(base string) {
		for _, sale := range []string{`"a","cents":200,"at":"2001-01-01T00:00:00Z"`, `"a","cents":300`, `"b","cents":400`} {
			resp, err := http.Post(base+"/v1/sell", "application/json", strings.NewReader(`{"shop_id":`+sale+`}`))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != http.StatusCreated {
				t.Fatal(resp.Status)
			}
		}
	})
	const not, whole = "have expired, and are not compared in full: 1\n", "days is what its source says in 1 row\n"
	for end := time.Now().Add(time.Minute); ; { // a service that runs takes in what is left, and lets what is over expire
		run(func(base string) {
			for time.Now().Before(end) { // it has begun with that when the view has the last sale
				resp, err := http.Get(base + "/v1/days/b")
				if err != nil {
					t.Fatal(err)
				}
				resp.Body.Close()
				if resp.StatusCode == http.StatusOK {
					return
				}
				<-time.After(10 * time.Millisecond)
			}
		})
		_, out, _ := command(t, "views", file, "--data", data, "--verify", "--quiet")
		if strings.Contains(out, not) && strings.Contains(out, whole) {
			return
		}
		if time.Now().After(end) {
			t.Fatal(out)
		}
	}
}
