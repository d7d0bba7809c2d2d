package main

import (
	"errors"
	"strings"

	"github.com/partita-dev/partita/fault"
)

// flags turns the fields of partita.Config, as the library's messages name them, into what the
// command line calls them.
var flags = strings.NewReplacer(
	" (Config.AdminToken)", "", "Config.AdminToken", "PARTITA_ADMIN_TOKEN",
	"Config.AdminTLS.Cert", "--admin-tls-cert", "Config.AdminTLS.Key", "--admin-tls-key", "Config.AdminTLS.ClientCA", "--admin-tls-client-ca",
	"Config.TLS.Cert", "--tls-cert", "Config.TLS.Key", "--tls-key", "Config.TLS.ClientCA", "--tls-client-ca",
	"Config.ConnectionsPerAddress", "--connections-per-address", "Config.Admin", "--admin",
	" (Config.Auth)", "", "Config.Auth.Secret", "the secret of tokens", "Config.Auth.JWKS", "--jwks", "Config.Auth: ", "",
	" (Config.Webhooks.Secrets)", "", "Config.Webhooks.Secrets", "PARTITA_WEBHOOK_SECRET", "Config.Webhooks.Allow", "--webhook-allow",
	"Config.CacheBytes", "--cache-size", "Config.MaxBody", "--max-body", "Config.TraceEndpoint", "--otlp",
	"Config.DataDir", "--data", "Config.Store", "--store", "Config.Bus", "--bus", "Config.Node", "--node", "Config.Listen", "--listen",
)

// words gives what a person is told of an error. Of a fault that is what any caller may see; its
// cause is for logs.
func words(err error) string {
	text := err.Error()
	if f, ok := errors.AsType[*fault.Error](err); ok {
		text = strings.Replace(text, f.Error(), f.Message, 1)
	}
	return flags.Replace(cutPrefix(text))
}
