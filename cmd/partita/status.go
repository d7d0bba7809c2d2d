package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/dashboard"
	"github.com/partita-dev/partita/internal/observe"
)

type statusCommand struct {
	Admin     string `help:"Admin address of the service." env:"PARTITA_ADMIN" default:"127.0.0.1:8081" placeholder:"ADDR"`
	TokenFile string `help:"File with a token, for a service whose admin address is beyond loopback; or PARTITA_ADMIN_TOKEN in the environment." placeholder:"FILE"`
	JSON      bool   `help:"Print JSON."`
}

func (k *statusCommand) Run(ctx context.Context, c *console) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+strings.TrimPrefix(k.Admin, "http://")+"/status", nil)
	if err != nil {
		return usage{fmt.Errorf("--admin %q is no address: write host:port", k.Admin)}
	}
	token, err := k.token()
	if err != nil {
		return err
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("nothing answers at %s: is the service running, and is this its admin address?", k.Admin)
	}
	defer res.Body.Close()
	switch res.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return fmt.Errorf("what answers at %s is not the admin address of Partita", k.Admin)
	default:
		return fmt.Errorf("%s answers %s: give a token with --token-file if it asks for one", k.Admin, res.Status)
	}
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

func (k *statusCommand) token() (string, error) {
	if k.TokenFile == "" {
		return os.Getenv("PARTITA_ADMIN_TOKEN"), nil
	}
	text, err := os.ReadFile(k.TokenFile)
	if err != nil {
		return "", usage{fmt.Errorf("the token cannot be read: %w", err)}
	}
	return strings.TrimSpace(string(text)), nil
}
