// Package partita is a data-model-first application server, as a library. One model file says what
// is stored, how it is read and written, and who may do so; Open reads it, and Run serves it over
// HTTP, with a versioned cache, measurements and a page that shows them.
//
// Where the model is not enough, a write may be declared with `code: true` and be given a Go function
// with Handle, which runs inside the partition's transaction; and On gives it a function that is
// called for every event of a name, behind the change log. The command `partita serve` is this
// package with flags.
package partita

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/auth"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/model"
)

// App is one service. Make one with Open. Several may run in one process. Its methods are safe for
// concurrent use; Handle and On must be called before Start.
type App struct {
	config   Config
	model    *model.Model
	source   []byte // of the model
	handlers map[string]engine.Handler
	misfits  []error // what Handle and On found wrong

	subscriptions []*subscription // what On was given

	mu   sync.Mutex
	node *node // nil while the App is not running
}

// Open reads the model and checks the Config. Nothing is opened or started yet, so there is nothing
// to close. The error of a bad model is a *model.Complaints, which says all that is wrong with it at
// once; any other names the bad field of the Config.
func Open(config Config) (*App, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	m, source, err := config.readModel()
	if err != nil {
		return nil, err
	}
	if err := config.mayServe(m); err != nil {
		return nil, err
	}
	return &App{config: config, model: m, source: source, handlers: map[string]engine.Handler{}}, nil
}

func (c *Config) readModel() (m *model.Model, source []byte, err error) {
	source = c.ModelSource
	if source == nil {
		if source, err = os.ReadFile(c.Model); err != nil {
			return nil, nil, fmt.Errorf("partita: Config.Model cannot be read: %w", err)
		}
	}
	m, err = model.Parse(c.modelName(), source, c.Env)
	return m, source, err
}

// modelName names the model file for people.
func (c *Config) modelName() string { return cmp.Or(c.Model, "model.yaml") }

// Model gives the checked model.
func (a *App) Model() *model.Model { return a.model }

// Handler gives the API as an http.Handler, to be served by a server of your own (with Config.Listen
// set to None). It answers with "unavailable" while the App is not running.
func (a *App) Handler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := a.running(); n != nil {
			n.api.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintf(w, `{"type":"urn:partita:problem:%s","title":"Unavailable","status":503,"detail":"The service is not running."}`, fault.Unavailable)
	})
}

// Addr gives the address that the API listens on, such as "127.0.0.1:8080"; "" while the App is not
// running or has no such listener.
func (a *App) Addr() string {
	if n := a.running(); n != nil {
		return n.apiServer.addr()
	}
	return ""
}

// AdminAddr gives the address of the page, likewise.
func (a *App) AdminAddr() string {
	if n := a.running(); n != nil {
		return n.adminServer.addr()
	}
	return ""
}

// DevelopmentKey tells whether tokens are verified with the development key in the data folder.
func (a *App) DevelopmentKey() bool { return a.model.Access != nil && !a.config.Auth.configured() }

// AdminTokenFile names the file with the admin token that the App made for itself; "" if Config.AdminToken
// is set, or there is none.
func (a *App) AdminTokenFile() string {
	c := &a.config
	if c.AdminToken != "" || c.Admin == None || c.Store != "" && !a.DevelopmentKey() {
		return ""
	}
	return filepath.Join(c.DataDir, auth.AdminTokenFile)
}

func (a *App) running() *node {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.node
}

// ready tells whether every `code: true` write has its function, and every function its write.
func (a *App) ready() error {
	errs := a.misfits
	for _, w := range a.model.Writes {
		if w.Code && a.handlers[w.Name] == nil && len(a.misfits) == 0 {
			errs = append(errs, fmt.Errorf("partita: the write %s has `code: true`, so a Go program has to give it a function with partita.Handle before it starts", w.Name))
		}
	}
	return errors.Join(errs...)
}
