package sqlite

import (
	"os"
	"testing"

	"github.com/partita-dev/partita/internal/leaktest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		os.Exit(beKilled(dir))
	}
	leaktest.Exit(m.Run(), "partita-dev/partita/store")
}
