package dashboard_test

import (
	"encoding/json"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/internal/work"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Where the change log was cut, the page shows what is left and says that there was more.
func TestACutChangeLogIsSaid(t *testing.T) {
	var st store.Store
	d := open(t, func(c *dashboard.Config) {
		var err error
		if st, err = storeurl.Open(t.Context(), "", t.TempDir(), work.Extend(c.Model), store.Options{}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { st.Close() })
		c.Token, c.Data = token, &dashboard.Data{Store: st, Keep: 48 * time.Hour, Logger: slog.Default()}
	})
	customer := d.model.Entity("customer")
	partition := store.Partition{Family: customer.Family, Value: model.String(ada)}
	start := time.Now()
	for i := range 45 { // one version an hour, of one row
		values := []model.Value{partition.Value, model.String("Ada"), model.String("ada@example.com"), model.Int(int64(i))}
		w := &store.Write{Partition: partition, ID: [16]byte{byte(i + 1)}, Name: "add_credit", Now: start.Add(time.Duration(i-45) * time.Hour), Apply: func(tx store.Tx) ([]byte, error) {
			row, err := tx.Get(customer, nil)
			switch {
			case err != nil:
			case row == nil:
				_, err = tx.Insert(customer, values)
			default:
				_, err = tx.Update(customer, row, values)
			}
			return nil, err
		}}
		if st.Commit(t.Context(), w); w.Result.Err != nil {
			t.Fatal(w.Result.Err)
		}
	}
	get := func(path string) (trail dashboard.Trail) {
		t.Helper()
		res, text := d.ask(t, "GET", path+"&entity=customer&partition="+ada, map[string]string{"Authorization": "Bearer " + token}, "")
		if err := json.Unmarshal([]byte(text), &trail); err != nil || res.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s", path, text)
		}
		return trail
	}
	follow := func(path, more string) (versions []uint64, last dashboard.Trail) {
		t.Helper()
		address := path
		for {
			trail := get(address)
			for _, c := range trail.Changes {
				versions = append(versions, c.Version)
			}
			if trail.Next == 0 {
				return versions, trail
			}
			text, err := json.Marshal(trail.Next)
			if err != nil {
				t.Fatal(err)
			}
			address = path + "&" + more + "=" + string(text)
		}
	}
	check := func(want int, pruned bool) {
		t.Helper()
		for path, more := range map[string]string{"/data/changes?": "before", "/data/history?": "version"} {
			versions, last := follow(path, more)
			if len(versions) != want || last.Pruned != pruned || last.Keep != 48*3600 {
				t.Errorf("%s: %d versions, pruned %v; want %d, %v", path, len(versions), last.Pruned, want, pruned)
			}
			for i, v := range versions {
				if v != uint64(45-i) {
					t.Errorf("%s: version %d at place %d", path, v, i)
				}
			}
		}
	}
	check(45, false)
	if err := st.Relayed(t.Context(), store.Lag{Partition: partition, Version: 45, Relayed: 45}); err != nil { // views have them
		t.Fatal(err)
	}
	if _, err := st.Prune(t.Context(), partition, start.Add(-14*time.Hour-time.Minute), start); err != nil {
		t.Fatal(err)
	}
	check(14, true)
}
