package dashboard

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/internal/admit"
	"github.com/partita-dev/partita/internal/engine"
	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// Data is what the page needs to show rows and to change them.
type Data struct {
	Store  store.Store    // required
	Engine *engine.Engine // required: edits are writes of the model
	Reads  *admit.Gate    // what stands before the store; nil: nothing
	Keep   time.Duration  // how long changes stay in the change log
	Logger *slog.Logger   // required: takes who changed what
}

// What one answer holds at most. A page ends at whichever comes first, and always has one row.
const (
	mostRows     = 50
	mostVersions = 20
	mostBytes    = 1 << 20
	// readPatience bounds the work on one question about rows.
	readPatience = 5 * time.Second
)

// shelf answers questions about rows and takes edits. Who asks stands above the rules of the model:
// the rules say what callers may do, and the admin token is for those who run the service.
type shelf struct {
	Data
	model    *model.Model
	recorder engine.Recorder
	paths    map[*model.Entity]*paths
}

// newShelf prepares the ways to the rows of each entity.
func newShelf(cfg *Config) *shelf {
	s := &shelf{Data: *cfg.Data, model: cfg.Model, recorder: cfg.Recorder, paths: map[*model.Entity]*paths{}}
	for _, e := range cfg.Model.Entities {
		s.paths[e] = pathsTo(cfg.Model, e)
	}
	return s
}

// serve adds the addresses of rows. Without an admin token there are none: on a machine that several
// people use, a loopback address alone keeps nobody from the rows.
func (s *shelf) serve(mux *http.ServeMux, token string) {
	for address, answer := range map[string]func(context.Context, *http.Request) ([]byte, error){
		"GET /data/rows":       s.rows,
		"GET /data/row":        s.row,
		"GET /data/history":    s.history,
		"GET /data/changes":    s.changes,
		"GET /data/partitions": s.partitions,
	} {
		mux.HandleFunc(address, closed(token, func(w http.ResponseWriter, r *http.Request) {
			ctx, cancel := context.WithTimeout(r.Context(), readPatience)
			defer cancel()
			body, err := s.behind(ctx, r, answer)
			s.Logger.DebugContext(ctx, "rows were looked at on the page", "address", r.URL.Path, "of", r.URL.Query().Get("entity"), "remote", r.RemoteAddr)
			if err != nil {
				s.fail(w, r, err, nil)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			w.Write(body)
		}))
	}
	// A page of a stranger must not give orders.
	mux.Handle("POST /data/writes/{write}", http.NewCrossOriginProtection().Handler(closed(token, s.write)))
}

// closed keeps rows shut where no admin token is set, and says so as the API says things.
func closed(token string, next http.HandlerFunc) http.HandlerFunc {
	return shut(token, next, func(w http.ResponseWriter) {
		writeProblem(w, fault.New(fault.Forbidden, "Rows are shown to those who have the admin token, and none is set: start the service with PARTITA_ADMIN_TOKEN."), nil)
	})
}

// fail answers with a problem, and logs a defect.
func (s *shelf) fail(w http.ResponseWriter, r *http.Request, err error, of *model.Write) fault.Code {
	code := writeProblem(w, err, of)
	if code == fault.Internal {
		s.Logger.ErrorContext(r.Context(), "a question of the page failed inside", "address", r.URL.Path, "error", err)
	}
	return code
}

// writeProblem answers with a problem as the API has them.
func writeProblem(w http.ResponseWriter, err error, of *model.Write) fault.Code {
	status, body, code := httpapi.Problem(err, of)
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	w.Write(body)
	return code
}

// behind answers a question behind those of callers, where there is more to do than can be done.
func (s *shelf) behind(ctx context.Context, r *http.Request, answer func(context.Context, *http.Request) ([]byte, error)) ([]byte, error) {
	pass, err := s.Reads.Enter(ctx, admit.Ask{Priority: model.Bulk})
	if err != nil {
		return nil, err
	}
	defer pass.Leave()
	return answer(ctx, r)
}

// ask makes one query.
func (s *shelf) ask(ctx context.Context, p store.Partition, q *store.Query) (*store.Result, error) {
	q.Now = time.Now()
	return s.Store.Read(ctx, p, q)
}

// entity gives the entity and the partition that a request names.
func (s *shelf) entity(r *http.Request) (*model.Entity, store.Partition, error) {
	e := s.model.Entity(r.URL.Query().Get("entity"))
	if e == nil {
		return nil, store.Partition{}, wrong("entity", "is none of this model")
	}
	p, err := partitionOf(e.Family, r)
	return e, p, err
}

// partitionOf reads the partition of a request.
func partitionOf(f *model.Family, r *http.Request) (store.Partition, error) {
	v, err := f.By.Parse(r.URL.Query().Get("partition"))
	if err != nil {
		return store.Partition{}, wrong("partition", "is no "+f.By.Type.String()+", as "+f.By.Name+" is")
	}
	return store.Partition{Family: f, Value: v}, nil
}

// wrong is a complaint about one parameter.
func wrong(parameter, text string) error {
	return &fault.Error{Code: fault.InvalidInput, Message: parameter + " " + text + ".", Details: []fault.Detail{{Pointer: parameter, Message: text}}}
}

// partitions lists some partitions of a family, to begin with.
func (s *shelf) partitions(ctx context.Context, r *http.Request) ([]byte, error) {
	family := s.model.Family(r.URL.Query().Get("family"))
	if family == nil {
		return nil, wrong("family", "is none of this model")
	}
	after := model.Null
	if text := r.URL.Query().Get("after"); text != "" {
		var err error
		if after, err = family.By.Parse(text); err != nil {
			return nil, wrong("after", "is no "+family.By.Type.String())
		}
	}
	list, err := s.Store.Partitions(ctx, family, after, mostVersions)
	if err != nil {
		return nil, err
	}
	b := []byte(`{"partitions":[`)
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = model.AppendJSON(b, model.String(string(model.AppendText(nil, v))))
	}
	return append(b, `],"more":`+strconv.FormatBool(len(list) == mostVersions)+"}\n"...), nil
}
