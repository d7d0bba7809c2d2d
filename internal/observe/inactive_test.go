package observe_test

import (
	"slices"
	"testing"

	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/model"
)

func TestWhatDoesNotActIsSaid(t *testing.T) {
	m := shop()
	m.Limits = []*model.Limit{{Name: "orders"}}
	want := []string{"limits orders: they are not enforced"}
	if got := observe.Inactive(m); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
