package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/certtest"
)

// What can be said on the command line is called there what it is called there.
func TestFieldsAreCalledByTheirFlags(t *testing.T) {
	library := map[string]bool{ // what only a program can say
		"Env": true, "BacklogBytes": true, "HandlerTimeout": true, "DrainTimeout": true, "KeepChanges": true, "KeepOutcomes": true, "Logger": true,
	}
	for field := range reflect.TypeFor[partita.Config]().Fields() {
		name := field.Name
		if said := flags.Replace("Config." + name); library[name] != strings.Contains(said, "Config.") || !library[name] && strings.ContainsAny(said, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && said != "PARTITA_ADMIN_TOKEN" {
			t.Errorf("Config.%s is called %q", name, said)
		}
	}
}

func TestTheLogCallsFieldsByTheirFlags(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(worded{slog.NewTextHandler(&out, nil)})
	log.With("field", "Config.TLS.Key").WithGroup("g").Warn("raise Config.ConnectionsPerAddress", "n", 7,
		slog.Group("h", "error", fmt.Errorf("it is so: %w", errors.New("Config.AdminTLS.Cert is old"))), "other", errors.New("plain"))
	for _, part := range []string{`msg="raise --connections-per-address"`, "field=--tls-key", "g.n=7", `g.h.error="it is so: --admin-tls-cert is old"`, "g.other=plain"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is not in %s", part, out.String())
		}
	}
}

// A service that is served by the command tells of its certificate and of callers by the flags.
func TestTheServiceLogsFlags(t *testing.T) {
	ca := certtest.New(t)
	pair := ca.Issue(t, "server", time.Hour) // so it ends soon
	ctx, stop := context.WithCancel(t.Context())
	out, errs := &lines{more: make(chan struct{}, 1)}, &lines{more: make(chan struct{}, 1)}
	ended := make(chan int)
	go func() {
		ended <- run(ctx, []string{"serve", "../../examples/shop/shop.yaml", "--data", t.TempDir(), "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0",
			"--admin-tls-cert", pair.Cert, "--admin-tls-key", pair.Key, "--connections-per-address", "1"}, &console{out: out, err: errs})
	}()
	api := strings.TrimPrefix(out.after(t, "API "), "http://")
	for range 3 {
		if c, err := net.Dial("tcp", api); err == nil { // those that are too many may be reset at once
			defer c.Close()
		}
	}
	for _, part := range []string{"field=--admin-tls-cert", "raise --connections-per-address"} {
		errs.line(t, func(line string) bool { return strings.Contains(line, part) })
	}
	stop()
	if code := <-ended; code != fine {
		t.Error("exit code", code)
	}
	if strings.Contains(errs.text, "Config.") {
		t.Error(errs.text)
	}
}

func TestNumbersFitTheirWords(t *testing.T) {
	for n, want := range map[int]string{0: "0 partitions", 1: "1 partition", 2: "2 partitions"} {
		if got := counted(n, "partition"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
