package relay_test

import (
	"flag"
	"testing"

	"github.com/partita-dev/partita/internal/pgtest"
)

// database is the PostgreSQL that the tests share; each makes a database of its own in it.
var database *pgtest.Server

func TestMain(m *testing.M) {
	flag.Set("rapid.checks", "8") // each takes a database; more by -rapid.checks
	pgtest.Main(m, &database)
}
