package relay_test

import (
	"testing"

	"github.com/partita-dev/partita/internal/pgtest"
)

// database is the PostgreSQL that the tests share; each makes a database of its own in it.
var database *pgtest.Server

func TestMain(m *testing.M) { pgtest.Main(m, &database) }
