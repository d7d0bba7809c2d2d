package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/partita-dev/partita"
	"github.com/partita-dev/partita/internal/observe"
	"github.com/partita-dev/partita/internal/storeurl"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// usualData is the data folder of those who name none.
const usualData = "./partita-data"

// data says where the store is.
type data struct {
	Data  string `help:"Folder of the embedded store and the development key." env:"PARTITA_DATA" default:"./partita-data"`
	Store string `help:"URL of the store: sqlite:FOLDER or postgres://…; without it SQLite in the data folder." env:"PARTITA_STORE" placeholder:"URL"`
}

// present refuses an embedded store that is not there: what only looks at a store must not make one,
// and an empty answer to a mistyped folder would look like an empty store.
func (d *data) present() error {
	if !storeurl.Embedded(d.Store) {
		return nil
	}
	folder, _ := strings.CutPrefix(d.Store, "sqlite:")
	if folder == "" {
		folder = d.Data
	}
	if _, err := os.Stat(filepath.Join(folder, "store.db")); errors.Is(err, fs.ErrNotExist) {
		return usage{fmt.Errorf("there is no store in %s: give the data folder of the service with --data", folder)}
	}
	return nil
}

// unheld says of a store that another process has open what may be done instead of this command; other
// errors stay as they are.
func (d *data) unheld(err error, instead string) error {
	if !errors.Is(err, store.ErrHeld) {
		return err
	}
	return fmt.Errorf("the store in %s is open in another process, such as its service: stop that one first (%s)", storeurl.Folder(d.Store, d.Data), instead)
}

type serveCommand struct {
	File string `arg:"" help:"Model file."`
	data

	Bus  []string `help:"URLs of the message bus, separated by commas; without it one in this process where the store is embedded." env:"PARTITA_BUS" sep:"," placeholder:"nats://HOST:PORT"`
	Node string   `help:"Name of this node among those that share the store or the bus; without it the host's name and a random suffix." env:"PARTITA_NODE" placeholder:"NAME"`

	Listen string `help:"Address of the API, or none." env:"PARTITA_LISTEN" default:"127.0.0.1:8080"`
	Admin  string `help:"Address of the page, /metrics and /status, or none." env:"PARTITA_ADMIN" default:"127.0.0.1:8081"`

	TLSCert          string `help:"Certificate of the API's address, in PEM; it is read anew when it changes." name:"tls-cert" env:"PARTITA_TLS_CERT" placeholder:"FILE"`
	TLSKey           string `help:"Private key of the certificate." name:"tls-key" env:"PARTITA_TLS_KEY" placeholder:"FILE"`
	TLSClientCA      string `help:"Who signs the certificates that callers must show; without it they need none." name:"tls-client-ca" env:"PARTITA_TLS_CLIENT_CA" placeholder:"FILE"`
	AdminTLSCert     string `help:"The same for the address of the page." name:"admin-tls-cert" env:"PARTITA_ADMIN_TLS_CERT" placeholder:"FILE"`
	AdminTLSKey      string `help:"The same for the address of the page." name:"admin-tls-key" env:"PARTITA_ADMIN_TLS_KEY" placeholder:"FILE"`
	AdminTLSClientCA string `help:"The same for the address of the page." name:"admin-tls-client-ca" env:"PARTITA_ADMIN_TLS_CLIENT_CA" placeholder:"FILE"`
	AdminTokenFile   string `help:"File with the token that callers of the page must show; or PARTITA_ADMIN_TOKEN in the environment. Needed beyond loopback." env:"PARTITA_ADMIN_TOKEN_FILE" placeholder:"FILE"`

	ConnectionsPerAddress int `help:"How many connections one caller's address may have; without it 1024, and any number on this machine." env:"PARTITA_CONNECTIONS_PER_ADDRESS" placeholder:"N"`

	JWTSecretFile string `help:"File with the secret of HS256 tokens; or PARTITA_JWT_SECRET in the environment." name:"jwt-secret-file" env:"PARTITA_JWT_SECRET_FILE" placeholder:"FILE"`
	JWKS          string `help:"URL of the key set of RS256, ES256 and EdDSA tokens." name:"jwks" env:"PARTITA_JWKS" placeholder:"URL"`
	Issuer        string `help:"What a token's iss must be." env:"PARTITA_ISSUER"`
	Audience      string `help:"What a token's aud must have." env:"PARTITA_AUDIENCE"`

	WebhookAllow []string `help:"Networks that webhooks may call although they are not public, separated by commas; the signing secrets are in PARTITA_WEBHOOK_SECRET." env:"PARTITA_WEBHOOK_ALLOW" sep:"," placeholder:"CIDR"`

	Cache        string        `help:"URL of a cache that the nodes share: redis://… or rediss://… for TLS." env:"PARTITA_CACHE" placeholder:"redis://HOST:PORT"`
	CacheTimeout time.Duration `help:"How long a call of the shared cache may take." env:"PARTITA_CACHE_TIMEOUT" default:"25ms"`
	CacheSize    size          `help:"Memory of the cache." env:"PARTITA_CACHE_SIZE" default:"64MiB"`
	MaxBody      size          `help:"Largest body of a request." env:"PARTITA_MAX_BODY" default:"1MiB"`

	StopDelay time.Duration `help:"How long to go on serving after SIGTERM, while /readyz says 503: as long as a balancer takes to look there and believe it." env:"PARTITA_STOP_DELAY" default:"0s"`

	Timeout time.Duration `help:"How long the work on one request may take." name:"request-timeout" env:"PARTITA_REQUEST_TIMEOUT" default:"10s"`

	LogFormat string `help:"How the log is written: text or json." env:"PARTITA_LOG_FORMAT" enum:"text,json" default:"text"`
	LogLevel  string `help:"Least level that is logged: debug, info, warn or error." env:"PARTITA_LOG_LEVEL" enum:"debug,info,warn,error" default:"info"`
	OTLP      string `help:"URL that traces are sent to, over OTLP/HTTP." name:"otlp" env:"PARTITA_OTLP" placeholder:"URL"`
}

func (k *serveCommand) Run(ctx context.Context, c *console) error {
	var level slog.Level
	err := level.UnmarshalText([]byte(k.LogLevel))
	if err != nil {
		return usage{err}
	}
	logger, err := observe.Logger(c.err, k.LogFormat, level)
	if err != nil {
		return usage{err}
	}
	logger = slog.New(worded{logger.Handler()})
	secret, err := jwtSecret(k.JWTSecretFile)
	if err != nil {
		return err
	}
	adminToken, err := secretOf("PARTITA_ADMIN_TOKEN", "--admin-token-file", k.AdminTokenFile)
	if err != nil {
		return err
	}
	source, err := readSource(k.File)
	if err != nil {
		return err
	}
	hooks, err := webhooks(k.WebhookAllow)
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		// Most of the memory is the cache's, which lives long: looking through it half as often
		// costs some room and saves a tenth of the processor time.
		debug.SetGCPercent(200)
	}
	app, err := partita.Open(partita.Config{
		Model: k.File, ModelSource: source, DataDir: k.Data, Store: k.Store, Bus: k.Bus, Node: k.Node, Listen: k.Listen, Admin: k.Admin, AdminToken: string(adminToken),
		TLS:      partita.TLS{Cert: k.TLSCert, Key: k.TLSKey, ClientCA: k.TLSClientCA},
		AdminTLS: partita.TLS{Cert: k.AdminTLSCert, Key: k.AdminTLSKey, ClientCA: k.AdminTLSClientCA}, ConnectionsPerAddress: k.ConnectionsPerAddress,
		Auth:        partita.Auth{Secret: secret, JWKS: k.JWKS, Issuer: k.Issuer, Audience: k.Audience},
		Webhooks:    hooks,
		SharedCache: k.Cache, SharedCacheTimeout: k.CacheTimeout,
		CacheBytes: int64(k.CacheSize), MaxBody: int64(k.MaxBody), RequestTimeout: k.Timeout, StopDelay: k.StopDelay, TraceEndpoint: k.OTLP, Logger: logger,
	})
	if err != nil {
		if _, ok := errors.AsType[*model.Complaints](err); ok {
			return err
		}
		return usage{err}
	}
	for _, w := range app.Model().Writes {
		if w.Code {
			return usage{fmt.Errorf("the write %s has `code: true`, so a Go program of yours serves this model and gives it a function with partita.Handle; `partita serve` has none", w.Name)}
		}
	}
	if err := app.Start(ctx); err != nil {
		return err
	}
	if k.LogFormat == "text" && level <= slog.LevelInfo {
		k.welcome(c, app)
	}
	debug.FreeOSMemory() // reading the model took more than serving it does
	return app.Run(ctx)
}

// webhooks gives how events are delivered to web addresses. The secrets come from the environment: a
// flag is seen by everyone on the machine.
func webhooks(allow []string) (w partita.Webhooks, err error) {
	w.Secrets = strings.Fields(os.Getenv("PARTITA_WEBHOOK_SECRET"))
	for _, text := range allow {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return w, usage{fmt.Errorf("--webhook-allow: %q is no network: write it as 127.0.0.0/8 or fd00::/8", text)}
		}
		w.Allow = append(w.Allow, p)
	}
	return w, nil
}

// welcome tells a person at a terminal where to go from here.
func (k *serveCommand) welcome(c *console, app *partita.App) {
	if app.Addr() != "" {
		fmt.Fprintf(c.out, "API   %s://%s   described by %[1]s://%[2]s/openapi.json\n", scheme(k.TLSCert), app.Addr())
	}
	if app.AdminAddr() != "" {
		fmt.Fprintf(c.out, "Page  %s://%s", scheme(k.AdminTLSCert), app.AdminAddr())
		if file := app.AdminTokenFile(); file != "" {
			fmt.Fprintf(c.out, "   rows: for who logs in with the token in %s", file)
		}
		fmt.Fprintln(c.out)
	}
	if app.DevelopmentKey() {
		from := ""
		if k.Data != usualData {
			from = " --data " + k.Data
		}
		program, err := os.Executable()
		if err != nil || strings.Contains(program, " ") {
			program = "partita"
		}
		if rel, ok := strings.CutPrefix(program, workingDirectory()+"/"); ok {
			program = rel
		}
		fmt.Fprintf(c.out, "Token %s token --sub me --claim roles=staff%s   (development key, loopback only)\n", program, from)
	}
}

// scheme is that of an address with a certificate, or without.
func scheme(cert string) string {
	if cert != "" {
		return "https"
	}
	return "http"
}

func workingDirectory() string {
	dir, _ := os.Getwd() // without one the program's whole path is shown
	return dir
}

// jwtSecret gives the secret of HS256 tokens; nil if there is none.
func jwtSecret(file string) ([]byte, error) {
	return secretOf("PARTITA_JWT_SECRET", "--jwt-secret-file", file)
}

// secretOf gives a secret from the environment or a file; nil if there is none. It is never a flag: flags
// are seen by everyone on the machine.
func secretOf(variable, flag, file string) ([]byte, error) {
	if secret := os.Getenv(variable); secret != "" {
		if file != "" {
			return nil, usage{fmt.Errorf("%s and %s are both given: give one", variable, flag)}
		}
		return []byte(secret), nil
	}
	if file == "" {
		return nil, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, usage{fmt.Errorf("the secret of %s cannot be read: %w", flag, err)}
	}
	return []byte(strings.TrimRight(string(text), "\r\n")), nil
}

// size is a number of bytes, such as 64MiB.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	digits, shift := string(text), 0
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		if rest, ok := strings.CutSuffix(digits, unit); ok {
			digits, shift = rest, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || n < 0 || n > (1<<62)>>shift {
		return fmt.Errorf("%q is no size: write bytes, or a number with KiB, MiB or GiB, such as 64MiB", text)
	}
	*s = size(n << shift)
	return nil
}
