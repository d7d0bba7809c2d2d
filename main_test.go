package partita_test

import (
	"testing"

	"github.com/partita-dev/partita/internal/leaktest"
)

// TestMain fails when an App leaves a goroutine behind.
func TestMain(m *testing.M) {
	leaktest.Exit(m.Run(), "partita-dev/partita", "net/http.")
}
