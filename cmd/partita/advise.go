package main

import (
	"context"
	"net/http"

	"github.com/partita-dev/partita/internal/advise"
)

type adviseCommand struct {
	admin
	beside
	JSON bool `help:"Print JSON."`
}

func (k *adviseCommand) Run(ctx context.Context, c *console) error {
	k.folder = k.Data
	var r advise.Report
	if err := k.read(ctx, http.MethodGet, "/advice", nil, &r); err != nil {
		return err
	}
	return c.print(&r, k.JSON)
}
