package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/partita-dev/partita/fault"
)

// flags turns the fields of partita.Config, as the library's messages name them, into what the
// command line calls them.
var flags = strings.NewReplacer(
	" (Config.AdminToken)", "", "Config.AdminToken", "PARTITA_ADMIN_TOKEN",
	"Config.AdminTLS.Cert", "--admin-tls-cert", "Config.AdminTLS.Key", "--admin-tls-key", "Config.AdminTLS.ClientCA", "--admin-tls-client-ca",
	"Config.AdminTLS", "--admin-tls-cert and --admin-tls-key",
	"Config.TLS.Cert", "--tls-cert", "Config.TLS.Key", "--tls-key", "Config.TLS.ClientCA", "--tls-client-ca",
	"Config.TLS", "--tls-cert and --tls-key",
	"Config.ConnectionsPerAddress", "--connections-per-address", "Config.Admin", "--admin",
	" (Config.Auth)", "", "Config.Auth.Secret", "the secret of tokens", "Config.Auth.JWKS", "--jwks", "Config.Auth: ", "",
	" (Config.Webhooks.Secrets)", "", " (Config.Bus)", "", "Config.Webhooks.Secrets", "PARTITA_WEBHOOK_SECRET", "Config.Webhooks.Allow", "--webhook-allow",
	"Config.CacheBytes", "--cache-size", "Config.MaxBody", "--max-body", "Config.TraceEndpoint", "--otlp",
	"Config.SharedCacheTimeout", "--cache-timeout", "Config.SharedCache", "--cache", "Config.RequestTimeout", "--request-timeout", "Config.StopDelay", "--stop-delay",
	"Config.DataDir", "--data", "Config.Store", "--store", "Config.Bus", "--bus", "Config.Node", "--node", "Config.Listen", "--listen",
	"Config.ModelSource", "the model file", "Config.Model", "the model file", "Config.Auth", "the secret of tokens or --jwks", "Config.Webhooks", "--webhook-allow",
)

// counted gives a number with what is counted, whose plural is regular.
func counted[N int | int64](n N, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprint(n, " ", one, "s")
}

// words gives what a person is told of an error. Of a fault that is what any caller may see; its
// cause is for logs.
func words(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		text = strings.Replace(text, f.Error(), f.Message, 1)
	}
	return flags.Replace(cutPrefix(text))
}

// worded is a log whose lines call things what the command line calls them.
type worded struct{ slog.Handler }

// Handle implements slog.Handler.
func (h worded) Handle(ctx context.Context, rec slog.Record) error {
	out := slog.NewRecord(rec.Time, rec.Level, flags.Replace(rec.Message), rec.PC)
	rec.Attrs(func(a slog.Attr) bool {
		out.AddAttrs(reworded(a))
		return true
	})
	return h.Handler.Handle(ctx, out)
}

// WithAttrs implements slog.Handler.
func (h worded) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		out[i] = reworded(a)
	}
	return worded{h.Handler.WithAttrs(out)}
}

// WithGroup implements slog.Handler.
func (h worded) WithGroup(name string) slog.Handler { return worded{h.Handler.WithGroup(name)} }

// reworded replaces in an attribute the names of fields. What is neither text nor error has none.
func reworded(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, flags.Replace(v.String()))
	case slog.KindGroup:
		group := make([]slog.Attr, len(v.Group()))
		for i, x := range v.Group() {
			group[i] = reworded(x)
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}
	case slog.KindAny:
		if err, ok := v.Any().(error); ok && strings.Contains(err.Error(), "Config.") {
			return slog.String(a.Key, flags.Replace(err.Error()))
		}
	}
	return a
}
