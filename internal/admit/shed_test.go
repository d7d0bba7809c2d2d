package admit

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
)

const kept = `
service: kept
partitions:
  house: {by: house_id, type: string(20), expect: 1k}
entities:
  ring: {in: house, key: n, expect: 10, fields: {n: {type: int, default: next}, colour: string(20)}}
reads:
  ring: {get: ring, fresh: 1s, stale: 1h}
`

// One that was let in for an old answer only is refused where there is none, and counts once then; where there is one it
// was not refused.
func TestWhoIsLetInForAnOldAnswerCountsAsRefusedOnce(t *testing.T) {
	for name, old := range map[string]bool{"an old answer": true, "none": false} {
		t.Run(name, func(t *testing.T) {
			m, err := model.Parse("kept.yaml", []byte(kept), nil)
			if err != nil {
				t.Fatal(err)
			}
			synctest.Test(t, func(t *testing.T) {
				told := 0
				reads := NewGate(GateConfig{})
				d := NewDoor(DoorConfig{Model: m, Reads: reads, Shut: func() bool { return true },
					Refused: func(*model.Read, *model.Write, time.Duration) { told++ }})
				d.reads["ring"].need.Store(whole) // it was not in the cache lately
				c, in := d.Stream(t.Context(), "GET", plainTarget, "127.0.0.1:1")
				if !in || !Shed(WithConn(t.Context(), c)) {
					t.Fatal("it is not let in for an old answer")
				}
				want := uint64(0)
				if !old {
					want = 1
					if err := reads.Refuse(model.Normal); fault.CodeOf(err) != fault.Overloaded {
						t.Errorf("at the gate: %v", err)
					}
				}
				c.Idle()
				if n := d.Figures().Classes[1].Shed; n != 1 {
					t.Errorf("%d were let in for an old answer only", n)
				}
				if door, gate := d.Figures().Classes[1].Refused, reads.Figures().Classes[1].Refused; door != 0 || gate != want || told != 0 {
					t.Errorf("counted as refused: %d at the door, which told of %d, and %d at the gate", door, told, gate)
				}
			})
		})
	}
}
