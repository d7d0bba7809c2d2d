package observe_test

import (
	"slices"
	"testing"

	"github.com/partita-dev/partita/internal/observe"
)

func TestWhatDoesNotActIsSaid(t *testing.T) {
	want := []string{"async pay_order: these writes are done at once"}
	if got := observe.Inactive(shop()); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
