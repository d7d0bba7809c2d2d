package advise

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/study"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

var update = flag.Bool("update", false, "write what is seen as what is wanted")

// shop gives figures of the example shop after an hour in which nothing was out of the ordinary.
func shop(t *testing.T) *Figures {
	t.Helper()
	text, err := os.ReadFile("../../examples/shop/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	m, err := model.Parse("shop.yaml", text, nil)
	if err != nil {
		t.Fatal(err)
	}
	f := &Figures{Model: m, File: "shop.yaml", Text: text, Now: observe.Snapshot{
		Service: "shop", Time: time.Date(2026, 11, 25, 1, 0, 0, 0, time.UTC), Covered: 3600, Merged: 2,
		Total: observe.Total{Requests: 1_000_000}, Study: &study.Figures{Seconds: 3600, Nodes: 2}}}
	for _, r := range m.Reads {
		s := study.Read{Name: r.Name, Answers: 400, OneIn: 64, Asked: 5000, Looked: 5000, Outdated: make([]uint64, 24), Used: make([]uint64, len(r.IndexOf))}
		for i := range s.Used {
			s.Used[i] = 100
		}
		for _, fresh := range []float64{r.Fresh.Seconds(), 1, 5, 15, 60, 300, 900, 3600} {
			s.Tries = append(s.Tries, study.Try{Fresh: fresh, Loads: 4900})
		}
		f.Now.Study.Reads = append(f.Now.Study.Reads, s)
		f.Now.Reads = append(f.Now.Reads, observe.Pattern{Name: r.Name, Requests: 100_000, Cache: &observe.Outcomes{Hit: 2000, Miss: 98_000},
			Stored: observe.Stored{Requests: 98_000, Mean: 0.002}})
	}
	for _, w := range m.Writes {
		f.Now.Writes = append(f.Now.Writes, observe.Pattern{Name: w.Name, Requests: 20_000})
		f.Now.Study.Writes = append(f.Now.Study.Writes, study.Write{Name: w.Name, Done: 20_000, Waited: 20, Took: 60})
	}
	return f
}

func (f *Figures) read(t *testing.T, name string) *study.Read {
	t.Helper()
	for i := range f.Now.Study.Reads {
		if f.Now.Study.Reads[i].Name == name {
			return &f.Now.Study.Reads[i]
		}
	}
	t.Fatal("no read", name)
	return nil
}

// loads sets what each `fresh` would need.
func loads(s *study.Read, n ...uint64) {
	for i := range n {
		s.Tries[i].Loads = n[i]
	}
}

// obeyed is a model changed as told.
func obeyed(t *testing.T, text []byte, c *Change) []byte {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	at := &lines[c.Line-1]
	switch {
	case c.Old == "":
		*at = c.New + "\n" + *at
	case !strings.Contains(*at, c.Old):
		t.Fatalf("line %d is %q, not %q", c.Line, *at, c.Old)
	default:
		*at = strings.Replace(*at, c.Old, c.New, 1)
	}
	return []byte(strings.Join(lines, "\n"))
}

// Each case changes something of an ordinary hour; what is said then is in testdata.
func TestAdvice(t *testing.T) {
	cases := map[string]func(t *testing.T, f *Figures){
		"ordinary": func(*testing.T, *Figures) {},
		"caches": func(t *testing.T, f *Figures) {
			open := f.read(t, "open_orders")
			loads(open, 5000, 3000, 2000, 1500, 1400, 1390, 1390, 1390)
			open.Changes = 900
			loads(f.read(t, "order"), 1500, 4000, 3000, 2000, 1200, 600, 500, 490)
			sales := f.read(t, "sales_of_day")
			sales.Tries[0].Fresh = 10
			loads(sales, 4000, 4900, 4200, 3800, 3000, 500, 400, 400)
			sales.Answers, sales.OneIn = 3, 1
		},
		"too_long": func(t *testing.T, f *Figures) {
			s := f.read(t, "customer")
			loads(s, 1000, 1200, 1010, 1001, 1000, 1000, 1000, 1000)
			s.Changes, s.Served, s.Old = 1000, 4500, 900
			s.Outdated[10], s.Outdated[11], s.Outdated[13] = 600, 350, 50
		},
		"hot": func(_ *testing.T, f *Figures) {
			x := study.Family{Name: "customer", Cost: 60, Requests: 9000}
			for p := range strings.SplitSeq("abcdefghijklmnop", "") {
				x.Partitions = append(x.Partitions, study.Partition{Name: p, Cost: 1, Requests: 100,
					Patterns: []study.Share{{Name: "order", Cost: 1}}, Callers: []study.Share{{Name: p, Cost: 1}}})
			}
			x.Partitions[0] = study.Partition{Name: "8f2e", Cost: 31, Over: 1, Requests: 4000,
				Patterns: []study.Share{{Name: "place_order", Cost: 25}, {Name: "order", Cost: 6, Over: 1}}, Callers: []study.Share{{Name: "importer", Cost: 29}, {Name: "ann", Cost: 1}}}
			x.Partitions[1] = study.Partition{Name: "77aa", Cost: 16, Requests: 3000,
				Patterns: []study.Share{{Name: "open_orders", Cost: 16}}, Callers: []study.Share{{Name: "", Cost: 8}, {Name: "ann", Cost: 8}}}
			f.Now.Study.Families = []study.Family{x}
		},
		"contention": func(_ *testing.T, f *Figures) {
			for i, w := range f.Now.Writes {
				switch w.Name {
				case "pay_order":
					f.Now.Writes[i].Errors = []observe.ErrorCount{{Code: "guard_failed", Count: 3000}}
				case "place_order":
					f.Now.Study.Writes[i].Waited, f.Now.Study.Writes[i].Took = 1800, 2000
				case "add_credit":
					f.Now.Study.Writes[i].Again, f.Now.Study.Writes[i].Waited, f.Now.Study.Writes[i].Took = 4000, 900, 1000
				}
			}
			f.Now.Store = &observe.StoreFigures{GroupSize: 1.2, QueueBound: 4096}
		},
		"unused_index": func(t *testing.T, f *Figures) {
			f.read(t, "orders").Used[1] = 0
			f.read(t, "open_orders").Used[0] = 0
			for _, ix := range f.Model.Entity("order").Indexes {
				f.Indexes = append(f.Indexes, store.IndexUse{Index: ix, Bytes: 120 << 20, Since: time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)})
			}
		},
		"just_started": func(_ *testing.T, f *Figures) {
			for i := range f.Now.Study.Reads {
				f.Now.Study.Reads[i].Looked, f.Now.Study.Reads[i].Used = 12, nil
				f.Now.Reads[i].Requests = 12
			}
			for i := range f.Now.Writes {
				f.Now.Writes[i].Requests = 3
			}
			f.Now.Covered, f.Now.Total.Requests = 4, 117
			f.Now.Nodes = []observe.Node{{Name: "b"}}
		},
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			f := shop(t)
			change(t, f)
			r := Make(*f)
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(r.Text()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Text(); got != string(want) {
				t.Errorf("%s is not what is seen; look at it, then run with -update:\n%s", path, got)
			}
			if _, err := json.Marshal(r); err != nil {
				t.Error(err)
			}
			for _, a := range r.Advice {
				if _, err := model.Parse("shop.yaml", obeyed(t, f.Text, a.Change), nil); err != nil {
					t.Errorf("%s: %v", a.Says, err)
				}
			}
		})
	}
}
