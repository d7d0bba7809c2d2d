package partita_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/model"
)

func TestOpenNamesTheBadField(t *testing.T) {
	with := func(change func(*partita.Config)) partita.Config {
		c, _ := config(t, notes)
		change(&c)
		return c
	}
	closed := notes + "access: {rules: {self: auth.sub == person_id}, allow: [self]}\n"
	tests := []struct {
		config partita.Config
		want   string
	}{
		{partita.Config{}, "Config.Model is empty"},
		{partita.Config{Model: "no/such/file.yaml"}, "Config.Model cannot be read"},
		{with(func(c *partita.Config) { c.Listen = "8080" }), "Config.Listen"},
		{with(func(c *partita.Config) { c.Listen = "127.0.0.1:99999" }), "Config.Listen"},
		{with(func(c *partita.Config) { c.Admin = "localhost" }), "Config.Admin"},
		{with(func(c *partita.Config) { c.Auth.Secret = []byte("short") }), "Config.Auth.Secret has 5 bytes"},
		{with(func(c *partita.Config) { c.CacheBytes = 1000 }), "Config.CacheBytes"},
		{with(func(c *partita.Config) { c.MaxBody = -1 }), "Config.MaxBody"},
		{with(func(c *partita.Config) { c.DrainTimeout = -time.Second }), "Config.DrainTimeout"},
		{with(func(c *partita.Config) { c.Store = "redis://localhost" }), "Config.Store"},
		{with(func(c *partita.Config) { c.Store = "mysql://u:secret@db/x" }), "Config.Store"},
		{with(func(c *partita.Config) { c.Bus = []string{"localhost:4222"} }), "Config.Bus"},
		{with(func(c *partita.Config) { c.Bus = []string{"http://u:secret@bus"} }), "Config.Bus"},
		{with(func(c *partita.Config) { c.BacklogBytes = 1 }), "Config.BacklogBytes"},
		{with(func(c *partita.Config) { c.Listen = "0.0.0.0:0" }), "the model has no `access`"},
		{with(func(c *partita.Config) { c.Listen, c.ModelSource = ":0", []byte(closed) }), "development key is for loopback only"},
		{with(func(c *partita.Config) { c.Admin = "0.0.0.0:0" }), "Config.AdminToken"},
	}
	for _, tt := range tests {
		_, err := partita.Open(tt.config)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("want %q, got %v", tt.want, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret@") {
			t.Error("a secret is shown:", err)
		}
	}
}

func TestOpenTellsAllThatIsWrongWithTheModel(t *testing.T) {
	c, _ := config(t, "service: Bad Name\nreads: {x: {get: nothing}}\n")
	_, err := partita.Open(c)
	complaints, ok := errors.AsType[*model.Complaints](err)
	if !ok || len(complaints.List) < 2 || !strings.Contains(err.Error(), "test.yaml:1:") {
		t.Error(err)
	}
}
