// Package apptest runs a service in the process of a test, as a program that embeds it would.
package apptest

import (
	"cmp"
	"context"
	"testing"

	"github.com/partita-dev/partita"
)

// Start runs a service until the end of the test. Where the Config names none, its data is in a folder of
// its own, and its addresses are free ports of the loopback; partita.None stays. Its program may stop it
// before.
func Start(t testing.TB, c partita.Config) *partita.App {
	t.Helper()
	c.Listen = cmp.Or(c.Listen, "127.0.0.1:0")
	c.Admin = cmp.Or(c.Admin, "127.0.0.1:0")
	if c.DataDir == "" {
		c.DataDir = t.TempDir()
	}
	app, err := partita.Open(c)
	if err != nil {
		t.Fatal(err)
	}
	Run(t, app)
	return app
}

// Run starts a service that a test has opened, and stops it at the end of the test.
func Run(t testing.TB, app *partita.App) {
	t.Helper()
	if err := app.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := app.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
