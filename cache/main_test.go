package cache_test

import (
	"testing"

	"github.com/partita-dev/partita/internal/leaktest"
)

// TestMain fails if a test leaves a goroutine of the cache behind.
func TestMain(m *testing.M) {
	leaktest.Exit(m.Run(), "partita/cache.(*Cache)")
}
