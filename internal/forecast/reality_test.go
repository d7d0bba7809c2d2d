package forecast_test

import (
	"math"
	"testing"

	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/internal/forecast"
	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store/sqlite"
)

// What a small store was measured to take foretells a store four times as large.
func TestSizesComeTrue(t *testing.T) {
	m := example(t, "shop")
	small, _ := filled(t, m, 60)
	_, whole := filled(t, m, 240)
	r := &bench.Report{Format: bench.Format, Service: "shop", Store: "sqlite", Entities: small, Zipf: 0.99, Machine: bench.Machine{Cores: 2}}
	declared := m.Families[0].Expect
	f := plan(t, forecast.Config{Model: m, Measured: r, Growth: 240 / declared})
	var foretold float64
	for _, e := range f.Entities {
		if !e.View {
			foretold += e.Bytes.Value
		}
	}
	if off := math.Abs(foretold/whole - 1); off > 0.15 {
		t.Errorf("foretold %.0f bytes, there are %.0f: off by %.0f %%", foretold, whole, off*100)
	}
	unmeasured := plan(t, forecast.Config{Model: m, Growth: 240 / declared})
	var guessed float64
	for _, e := range unmeasured.Entities {
		if !e.View {
			guessed += e.Bytes.Value
		}
	}
	t.Logf("measured before: %.0f, from the model alone: %.0f, there are: %.0f", foretold, guessed, whole)
}

// filled makes a store of so many customers, and gives what the rows of each entity take, and all.
func filled(t *testing.T, m *model.Model, partitions int) (list []bench.Entity, whole float64) {
	t.Helper()
	dir := t.TempDir()
	size := func() float64 {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Model: m})
		if err != nil {
			t.Fatal(err)
		}
		st, err := s.Stats(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		return float64(st.Bytes)
	}
	world := load.NewWorld(m, load.Size{Partitions: partitions, Rows: 1000, Seed: 1}, nil)
	empty := size()
	before := empty
	for _, e := range world.Seeds() {
		s, err := sqlite.Open(t.Context(), sqlite.Config{Dir: dir, Model: m})
		if err != nil {
			t.Fatal(err)
		}
		rows, err := world.SeedEntity(t.Context(), s, e)
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		after := size()
		list = append(list, bench.Entity{Name: e.Name, Rows: rows, BytesPerRow: (after - before) / float64(rows)})
		before = after
	}
	return list, before - empty
}

// Throughput at 1, 2, 4 … 32 requests at a time, and then at 48, as the bench found it on a machine with
// two cores.
func TestThroughputComesTrue(t *testing.T) {
	for name, found := range map[string][]float64{
		"reads, SQLite":      {12985, 18684, 24596, 27492, 29420, 33230, 33391},
		"writes, SQLite":     {2928, 3982, 6800, 9262, 12661, 14370, 15321},
		"reads, PostgreSQL":  {6192, 10381, 14406, 16679, 19613, 24987, 27308},
		"writes, PostgreSQL": {1870, 2726, 4007, 6759, 9945, 14467, 16523},
	} {
		r := &bench.Report{Format: bench.Format, Service: "shop", Store: "sqlite", Machine: bench.Machine{Cores: 2}}
		for i, x := range found[:6] {
			r.Steps = append(r.Steps, bench.Step{InFlight: float64(int(1) << i), Goodput: x, Followed: true})
		}
		f := plan(t, forecast.Config{Model: example(t, "shop"), Measured: r})
		if off := f.Scaling.Ahead.Value/found[6] - 1; math.Abs(off) > 0.15 {
			t.Errorf("%s: %.0f/s foretold, %.0f/s found: off by %+.0f %%", name, f.Scaling.Ahead.Value, found[6], 100*off)
		}
	}
}
