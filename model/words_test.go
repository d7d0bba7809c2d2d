package model_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
)

// A duration is written as it may stand in a model file.
func TestDurationText(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0s", 90 * 24 * time.Hour: "90d", 90 * time.Minute: "1h30m", 1500 * time.Millisecond: "1s500ms", 36 * time.Hour: "1d12h", 30 * time.Second: "30s",
		1500 * time.Microsecond: "1ms500µs",
	} {
		if got := model.DurationText(d); got != want {
			t.Errorf("%v is written %q, want %q", d, got, want)
		}
	}
}
