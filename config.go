package partita

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strconv"
	"time"

	"github.com/partita-dev/partita/cache/redis"
	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/hosts"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/secure"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/model"
)

// None means, as the value of Config.Listen or Config.Admin, that the App opens no such listener.
const None = "none"

// Config is what an App is made of. Only a model is required: the zero value of every other field
// takes the default written beside it.
type Config struct {
	// Model is the path of the model file. Either it or ModelSource is required.
	Model string
	// ModelSource is the model file's text; Model is then only its name in complaints.
	ModelSource []byte
	// Env looks up what stands as ${NAME} in the model. Default: os.LookupEnv.
	Env func(name string) (string, bool)

	// DataDir is where the embedded store and the development key live; it is made where it is
	// missing. Default: "./partita-data".
	DataDir string
	// Store is the store's URL: "sqlite:" and the path of a folder, or
	// "postgres://USER:PASSWORD@HOST:PORT/DATABASE". Default: the embedded SQLite store in DataDir.
	Store string

	// Bus are the URLs of the message bus, a NATS cluster with JetStream, such as
	// "nats://10.0.0.1:4222". Default: with the embedded store a bus in this process, under DataDir,
	// where the model needs one; with a shared store none, and then writes are not accepted for later.
	Bus []string
	// BacklogBytes bounds accepted writes that wait to be carried out. Default: 512 MiB, at least 32 MiB.
	BacklogBytes int64

	// Node names this node among those that share the store or the bus: letters, digits, '.', '_' and
	// '-', no other node's. Default: the host's name and a suffix that is new with each Open.
	Node string

	// Listen is the address of the API, or None. Port 0 takes a free port. Default: "127.0.0.1:8080".
	Listen string
	// Admin is the address of the page, /metrics, /status and profiles, or None.
	// Default: "127.0.0.1:8081".
	Admin string
	// TLS secures Listen, and AdminTLS secures Admin. Default: none, and both speak plain HTTP.
	TLS, AdminTLS TLS
	// ConnectionsPerAddress bounds the connections that one caller's address, or /64 network of IPv6, may
	// have open at the same time, at Listen and at Admin. Default: 1024, and no bound for loopback.
	ConnectionsPerAddress int
	// AdminToken is what callers of Admin must show, at least 16 characters. Required for an address
	// beyond loopback. Default: only this machine is answered. Figures are shown there to everyone, and
	// data is shown and deleted for who has the token in the file admin.token of DataDir, which is made;
	// for nobody, if nothing else is kept in DataDir.
	AdminToken string

	// Auth says how callers' tokens are verified. Default: a development key in DataDir, and then
	// on loopback only.
	Auth Auth

	// SharedCache is the URL of a cache that the nodes share, Redis or Valkey, such as
	// "redis://USER:PASSWORD@HOST:6379/0", or rediss:// for TLS. Default: none; each node has its own only.
	SharedCache string
	// SharedCacheTimeout bounds each call of the shared cache. Default: 25 ms.
	SharedCacheTimeout time.Duration
	// CacheBytes bounds the memory of the cache. Default: 64 MiB; at least 1 MiB.
	CacheBytes int64
	// MaxBody bounds the body of a request, in bytes. Default: 1 MiB.
	MaxBody int64
	// RequestTimeout bounds the work on one request. Default: 10 s.
	RequestTimeout time.Duration
	// HandlerTimeout bounds one run of a Go handler: it holds up its partition. Default: 2 s.
	HandlerTimeout time.Duration
	// DrainTimeout bounds how long Stop waits for requests under way. Default: 10 s.
	DrainTimeout time.Duration
	// StopDelay is how long Run goes on serving when it is to end, while /readyz says 503: whoever sends
	// requests here hears of it before they would be refused a connection. Default: 0.
	StopDelay time.Duration

	// KeepChanges is how long changes stay readable in the change log. Default: 7 days.
	KeepChanges time.Duration
	// KeepOutcomes is how long a request with an Idempotency-Key may be repeated. It is at least
	// KeepChanges, since what follows a change must be able to be repeated as long. Default: 7 days.
	KeepOutcomes time.Duration

	// Webhooks says how events are delivered to the web addresses that the model names.
	Webhooks Webhooks

	// TraceEndpoint is the URL that OpenTelemetry traces are sent to, over OTLP/HTTP, such as
	// "http://127.0.0.1:4318". Default: no traces.
	TraceEndpoint string
	// Logger takes what the App has to say. Default: slog.Default().
	Logger *slog.Logger
}

// TLS names the files that an address is secured with. They are looked at every two seconds, and taken
// up when they change; connections that are open stay so.
type TLS struct {
	// Cert is the path of the certificate in PEM, followed by those that lead to its root. Default: no TLS.
	Cert string
	// Key is the path of its private key in PEM. Required with Cert.
	Key string
	// ClientCA is the path of the certificates, in PEM, of those who sign callers' certificates. Then
	// only callers who show one that is signed so are let in. Default: callers need none.
	ClientCA string
}

// Auth says how tokens are verified.
type Auth struct {
	// Secret is the shared key of HS256 tokens, at least 32 bytes. Default: none.
	Secret []byte
	// JWKS is the URL of a key set for RS256, ES256 and EdDSA tokens. Default: none.
	JWKS string
	// Issuer is what a token's `iss` must be. Default: not checked.
	Issuer string
	// Audience is what a token's `aud` must have. Default: not checked.
	Audience string
}

// Webhooks says how events are delivered to web addresses, by Standard Webhooks 1.0.0.
type Webhooks struct {
	// Secrets sign the deliveries, each "whsec_" and 24 to 64 bytes in base64. Every delivery is
	// signed with all of them, so that receivers can change from one to the next. Default: one is
	// made in DataDir; nodes that share a store need one that is given.
	Secrets []string
	// Allow are networks that may be called although they are not public, such as 127.0.0.0/8.
	// Default: none.
	Allow []netip.Prefix
	// Timeout bounds one delivery. Default: 15 s.
	Timeout time.Duration
}

// configured tells whether tokens can be verified without the development key.
func (a *Auth) configured() bool { return len(a.Secret) > 0 || a.JWKS != "" }

// withDefaults returns c with every default filled in.
func (c Config) withDefaults() Config {
	fill(&c.DataDir, "partita-data")
	fill(&c.Node, nodeName())
	fill(&c.Listen, "127.0.0.1:8080")
	fill(&c.Admin, "127.0.0.1:8081")
	fill(&c.CacheBytes, 64<<20)
	fill(&c.MaxBody, 1<<20)
	fill(&c.BacklogBytes, 512<<20)
	fill(&c.RequestTimeout, 10*time.Second)
	fill(&c.HandlerTimeout, 2*time.Second)
	fill(&c.DrainTimeout, 10*time.Second)
	fill(&c.KeepChanges, 7*24*time.Hour)
	c.KeepOutcomes = max(c.KeepOutcomes, c.KeepChanges)
	if c.Env == nil {
		c.Env = os.LookupEnv
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func fill[T comparable](field *T, otherwise T) {
	var zero T
	if *field == zero {
		*field = otherwise
	}
}

// validate names the first bad field of a Config that has its defaults.
func (c *Config) validate() error {
	if c.Model == "" && c.ModelSource == nil {
		return fmt.Errorf("partita: Config.Model is empty: give the path of a model file, or its text in ModelSource")
	}
	for _, l := range []struct{ field, address string }{{"Listen", c.Listen}, {"Admin", c.Admin}} {
		if l.address == None {
			continue
		}
		_, port, err := net.SplitHostPort(l.address)
		if n, bad := strconv.ParseUint(port, 10, 16); err != nil || bad != nil || n > 65535 {
			return fmt.Errorf("partita: Config.%s is %q: give host:port, such as 127.0.0.1:8080, or %q", l.field, l.address, None)
		}
	}
	for _, t := range []struct {
		field, listener, address string
		files                    TLS
	}{{"TLS", "Listen", c.Listen, c.TLS}, {"AdminTLS", "Admin", c.Admin, c.AdminTLS}} {
		if err := secure.Files(t.files).Check("Config." + t.field); err != nil {
			return fmt.Errorf("partita: %w", err)
		}
		if t.files.Cert != "" && t.address == None {
			return fmt.Errorf("partita: Config.%s.Cert is given, but Config.%s is %q: there is nothing to secure", t.field, t.listener, None)
		}
	}
	if c.ConnectionsPerAddress < 0 {
		return fmt.Errorf("partita: Config.ConnectionsPerAddress is %d: give a number above 0", c.ConnectionsPerAddress)
	}
	if err := storeurl.Check(c.Store); err != nil {
		return fmt.Errorf("partita: Config.Store: %w", err)
	}
	if !nodeRule.MatchString(c.Node) {
		return fmt.Errorf("partita: Config.Node is %q: give 1 to 64 letters, digits, '.', '_' or '-'", c.Node)
	}
	for _, address := range c.Bus {
		if err := checkBus(address); err != nil {
			return fmt.Errorf("partita: Config.Bus: %w", err)
		}
	}
	if n := len(c.AdminToken); n > 0 && n < 16 {
		return fmt.Errorf("partita: Config.AdminToken has %d characters: give at least 16, such as the output of `openssl rand -hex 32`", n)
	}
	if c.SharedCache != "" {
		if err := redis.Check(c.SharedCache); err != nil {
			return fmt.Errorf("partita: Config.SharedCache: %w", err)
		}
	}
	if c.Auth.JWKS != "" {
		if err := auth.CheckJWKS(c.Auth.JWKS); err != nil {
			return fmt.Errorf("partita: Config.Auth.JWKS: %w", err)
		}
	}
	if c.TraceEndpoint != "" {
		if err := observe.CheckEndpoint(c.TraceEndpoint); err != nil {
			return fmt.Errorf("partita: Config.TraceEndpoint: %w", err)
		}
	}
	if n := len(c.Auth.Secret); n > 0 && n < 32 {
		return fmt.Errorf("partita: Config.Auth.Secret has %d bytes: give at least 32, such as the output of `openssl rand -hex 32`", n)
	}
	if c.CacheBytes < 1<<20 {
		return fmt.Errorf("partita: Config.CacheBytes is %d: give at least 1048576 (1 MiB)", c.CacheBytes)
	}
	if c.BacklogBytes < 32<<20 {
		return fmt.Errorf("partita: Config.BacklogBytes is %d: give at least 33554432 (32 MiB)", c.BacklogBytes)
	}
	if c.MaxBody < 1 {
		return fmt.Errorf("partita: Config.MaxBody is %d: give a number of bytes above 0", c.MaxBody)
	}
	for _, d := range []struct {
		field string
		value time.Duration
	}{
		{"RequestTimeout", c.RequestTimeout}, {"HandlerTimeout", c.HandlerTimeout}, {"DrainTimeout", c.DrainTimeout}, {"StopDelay", c.StopDelay},
		{"KeepChanges", c.KeepChanges}, {"KeepOutcomes", c.KeepOutcomes}, {"SharedCacheTimeout", c.SharedCacheTimeout},
	} {
		if d.value < 0 {
			return fmt.Errorf("partita: Config.%s is %v: give a duration above 0", d.field, d.value)
		}
	}
	return nil
}

// mayServe tells whether the model and the keys are enough for the addresses to be served.
func (c *Config) mayServe(m *model.Model) error {
	if c.Admin != None && !hosts.Here(c.Admin) && c.AdminToken == "" {
		return fmt.Errorf("partita: %s is beyond loopback, so the page needs a token: set PARTITA_ADMIN_TOKEN (Config.AdminToken), or keep --admin on 127.0.0.1", c.Admin)
	}
	if c.Listen == None || hosts.Here(c.Listen) {
		return nil
	}
	if m.Access == nil {
		return fmt.Errorf("partita: the model has no `access`, so only loopback may be served, not %s: add `access`, or listen on 127.0.0.1", c.Listen)
	}
	if !c.Auth.configured() {
		return fmt.Errorf("partita: %s is beyond loopback, and the development key is for loopback only: set PARTITA_JWT_SECRET or --jwks (Config.Auth), or listen on 127.0.0.1", c.Listen)
	}
	return nil
}
