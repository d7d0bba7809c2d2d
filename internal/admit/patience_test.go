package admit

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/model"
)

// Where one thing takes longer than anybody waits in an overload, those who come before others are let in when it is their
// turn: otherwise they would be refused, and a place that is free a moment later be one of the others'.
func TestWhoComesBeforeOthersIsNotRefusedForThem(t *testing.T) {
	for first, others := range map[model.Priority]model.Priority{model.Critical: model.Bulk, model.Normal: model.Bulk} {
		t.Run(PriorityName(first), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				const limit, each = 8, 400 * time.Millisecond
				g := NewGate(GateConfig{Initial: limit, Least: limit, Most: limit})
				var work sync.WaitGroup
				var in, refused [priorities]atomic.Int64
				come := func(p model.Priority) {
					work.Go(func() {
						pass, err := g.Enter(t.Context(), Ask{Priority: p, Partition: partition(int(p))})
						if err != nil {
							refused[p].Add(1)
							return
						}
						in[p].Add(1)
						time.Sleep(each)
						pass.Leave()
					})
				}
				for i := range 400 { // five times as many as can be done, and of those who come first less than can be done
					if i%60 < 9 {
						come(first)
					} else {
						come(others)
					}
					time.Sleep(each / limit / 5)
				}
				work.Wait()
				if n := refused[first].Load(); n > 0 || refused[others].Load() == 0 {
					t.Errorf("refused: %d of those who come first, while %d of the others were let in and %d refused",
						n, in[others].Load(), refused[others].Load())
				}
			})
		})
	}
}
