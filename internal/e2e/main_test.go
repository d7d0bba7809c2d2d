package e2e

import (
	"os"
	"testing"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/apptest"
	"github.com/partita-dev/partita/internal/pgtest"
)

// database is the PostgreSQL that the tests share; each makes a database of its own in it.
var database *pgtest.Server

func TestMain(m *testing.M) {
	if config := os.Getenv(processEnv); config != "" {
		runProcess(config)
	}
	pgtest.Main(m, &database)
}

// serve runs a service in this process for the length of a test, and gives the address of its API.
// No store URL means the embedded store.
func serve(t *testing.T, source, storeURL string) string {
	t.Helper()
	app := apptest.Start(t, partita.Config{
		Model: "test.yaml", ModelSource: []byte(source), Store: storeURL,
		Admin: partita.None,
	})
	return "http://" + app.Addr()
}
