package observe

import (
	"slices"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/health"
)

// calm is how long nothing bad must have been seen before a part is said to be well again.
const calm = 10 * time.Second

// symptom is something that shows in the counters when a part of the service is unwell.
type symptom struct {
	component string
	cause     string
	codes     []fault.Code
	lastSeen  time.Time
}

func symptoms() []*symptom {
	return []*symptom{
		{component: health.Program, codes: []fault.Code{fault.Internal},
			cause: "requests failed inside the service; the log says why"},
	}
}

// judge derives the state of parts from what the last second counted, which is in row.
func (r *Recorder) judge(row []uint64, now time.Time) {
	for _, s := range r.symptoms {
		var seen uint64
		for i, c := range codes {
			if slices.Contains(s.codes, c) {
				seen += row[cellCode+i]
			}
		}
		if seen > 0 {
			s.lastSeen = now
			r.health.SetAt(now, s.component, Degraded, s.cause)
		} else if now.Sub(s.lastSeen) >= calm {
			r.health.SetAt(now, s.component, OK, "it did not happen again for 10 s")
		}
	}
	r.judgeDisk(now)
}

// The room on the disk of the data folder below which it is said to be short, and above which it is said to
// be enough again.
const (
	shortOfRoom = 256 << 20
	enoughRoom  = 2 * shortOfRoom
)

func (r *Recorder) judgeDisk(now time.Time) {
	if r.cfg.DataDir == "" {
		return
	}
	switch free, _ := diskSpace(r.cfg.DataDir); {
	case free < 0:
	case free < shortOfRoom:
		r.health.SetAt(now, health.Disk, Degraded, "there are less than 256 MiB left on the disk of the data folder; when it is full, writes are refused")
	case free > enoughRoom:
		r.health.SetAt(now, health.Disk, OK, "there is enough room again")
	}
}
