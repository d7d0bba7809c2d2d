package main

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/partita-dev/partita"
)

// workFigures are the figures of one turn.
type workFigures struct {
	Open          int     // committed, and not worked yet
	Repeats       int     // called again for the same job
	Rate          float64 // jobs worked per second, from the first request to the last call
	P50, P95, P99 time.Duration
}

// job is the work, as both contenders keep it.
type job struct {
	Customer string `json:"customer_id"`
	Number   int    `json:"number"`
}

// The settings of River: of cooldowns from 1 to 20 ms and 100 to 1,000 workers those that were best for
// it here. Its default cooldown is 100 ms.
const (
	cooldown = time.Millisecond
	atOnce   = 100
)

// Kind names the work for River.
func (job) Kind() string { return "job" }

// riverWorker does nothing.
type riverWorker struct {
	river.WorkerDefaults[job]
	times *pickups
}

// Work is called for each job.
func (w *riverWorker) Work(_ context.Context, j *river.Job[job]) error {
	w.times.began(j.Args.Number)
	return nil
}

// workRiver takes jobs over HTTP, inserts each by itself, and works them.
func workRiver(c floorConfig) (http.Handler, error) {
	ctx := context.Background()
	cfg, err := pgxpool.ParseConfig(c.Database)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 20
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	driver := riverpgxv5.New(pool)
	migrator, err := rivermigrate.New(driver, nil)
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	times := newPickups()
	workers := river.NewWorkers()
	river.AddWorker(workers, &riverWorker{times: times})
	client, err := river.NewClient(driver, &river.Config{
		FetchCooldown: cooldown, Queues: map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: atOnce}},
		Workers: workers, Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	if err := client.Start(ctx); err != nil {
		return nil, err
	}
	return times.around(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var j job
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err == nil {
			err = json.Unmarshal(body, &j)
		}
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		if _, err := client.Insert(r.Context(), j, nil); err != nil {
			http.Error(w, "", http.StatusInternalServerError)
			return
		}
		sendJSON(w, http.StatusCreated, j)
	})), nil
}

// workOn serves the same with Partita: a write whose event is told to a function.
func workOn(c floorConfig) (http.Handler, error) { return workWith(c, "") }

// workOnViews does so with an index view and a fold of the same rows.
func workOnViews(c floorConfig) (http.Handler, error) {
	return workWith(c, `
views:
  by_hour: {from: job, by: {hour: = hour(row.started_at)}, key: [started_at], fields: [number]}
  days:    {from: job, by: {day: = date(row.started_at)}, fold: {jobs: count, numbers: {sum: number}}}
`)
}

func workWith(c floorConfig, views string) (http.Handler, error) {
	source, err := os.ReadFile(c.Model)
	if err != nil {
		return nil, err
	}
	app, err := partita.Open(partita.Config{
		Model: c.Model, ModelSource: append(source, views...), DataDir: filepath.Join(c.Dir, "data"), Store: c.Database, Listen: partita.None, Admin: partita.None,
		Logger: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		return nil, err
	}
	times := newPickups()
	partita.On(app, "job_started", func(_ context.Context, ev partita.Event[struct{ Number int }]) error {
		times.began(ev.Data.Number)
		return nil
	})
	if err := app.Start(context.Background()); err != nil {
		return nil, err
	}
	return times.around(app.Handler()), nil
}

// around notes when jobs are asked for and committed, by the number in the request's header, and
// answers GET /figures.
func (p *pickups) around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/figures" {
			sendJSON(w, http.StatusOK, p.figures())
			return
		}
		n, err := strconv.Atoi(r.Header.Get("Number"))
		if err != nil {
			http.Error(w, "", http.StatusBadRequest)
			return
		}
		p.asked()
		next.ServeHTTP(&noting{w, func() { p.committed(n) }}, r)
	})
}

// noting tells when an answer of success begins: the job is committed by then.
type noting struct {
	http.ResponseWriter
	note func()
}

// WriteHeader begins the answer.
func (n *noting) WriteHeader(status int) {
	if status == http.StatusCreated {
		n.note()
	}
	n.ResponseWriter.WriteHeader(status)
}
