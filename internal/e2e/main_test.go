package e2e

import (
	"context"
	"os"
	"testing"

	"github.com/partita-dev/partita"
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
	app, err := partita.Open(partita.Config{
		Model: "test.yaml", ModelSource: []byte(source), DataDir: t.TempDir(), Store: storeURL,
		Listen: "127.0.0.1:0", Admin: partita.None,
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return "http://" + app.Addr()
}
