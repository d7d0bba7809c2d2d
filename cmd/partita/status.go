package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/observe"
)

type statusCommand struct {
	admin
	beside
	JSON bool `help:"Print JSON."`
}

func (k *statusCommand) Run(ctx context.Context, c *console) error {
	k.folder = k.Data
	res, err := k.ask(ctx, http.MethodGet, "/status", nil)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	var s observe.Snapshot
	if err := json.NewDecoder(res.Body).Decode(&s); err != nil {
		return fmt.Errorf("what answers at %s is not the admin address of Partita", k.Admin)
	}
	if k.JSON {
		return c.printJSON(s)
	}
	_, err = fmt.Fprint(c.out, dashboard.StatusText(s))
	return err
}
