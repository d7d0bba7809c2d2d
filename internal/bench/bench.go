package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
	"github.com/partita-dev/partita/model"
)

// Config says what to measure. Stage, Version and Told are required.
type Config struct {
	Stage   stage.Config
	Size    load.Size
	Claims  []byte // JSON object: what every caller's token has beside what the rules ask for
	Version string // of Partita
	// URL is the address of a service that runs already; "": a throw-away copy. Then Secret or Bearer
	// is what its callers have.
	URL            string
	Secret, Bearer string
	// Rate is where the search begins, in requests per second. Default: 200.
	Rate float64
	// Time is how long each level is held. Default: 5 s; a step of the search takes two fifths.
	Time time.Duration
	// Connections of the load. Default: 128.
	Connections int
	// Within is what counts as in time where the model declares no objective. Default: 500 ms.
	Within time.Duration
	Told   func(format string, args ...any) // hears how far it is
}

func (c *Config) fill() {
	if c.Rate <= 0 {
		c.Rate = 200
	}
	if c.Time <= 0 {
		c.Time = 5 * time.Second
	}
	if c.Connections <= 0 {
		c.Connections = 128
	}
	if c.Within <= 0 {
		c.Within = 500 * time.Millisecond
	}
}

// run is one measurement on its way.
type run struct {
	Config
	world     *load.World
	mix       load.Mix
	names     []string // of the patterns that are asked for
	stage     *stage.Stage
	generator *load.Generator
	report    *Report
	probe     *Probe
}

// Run measures.
func Run(ctx context.Context, c Config) (_ *Report, err error) {
	c.fill()
	b := &run{Config: c}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	if err := b.rehearse(ctx); err != nil {
		return nil, err
	}
	b.Told("looking for the knee")
	if b.report.Knee, b.report.Steps, err = b.probe.Search(ctx, b.Rate, max(time.Second, b.Time*2/5)); err != nil {
		return nil, err
	}
	for _, of := range []float64{0.5, 0.8, 1} {
		if err := b.level(ctx, of); err != nil {
			return nil, err
		}
	}
	if err := b.alone(ctx); err != nil {
		return nil, err
	}
	return b.report, nil
}

func (b *run) close() error {
	var errs []error
	if b.generator != nil {
		errs = append(errs, b.generator.Close())
	}
	if b.stage != nil {
		errs = append(errs, b.stage.Close())
	}
	return errors.Join(errs...)
}

// open makes the copy, its rows and the generator.
func (b *run) open(ctx context.Context) (err error) {
	c := load.Config{Model: b.Stage.File, Source: b.Stage.Source, Size: b.Size, Claims: b.Claims, Bearer: b.Bearer,
		Keys: fmt.Sprintf("bench-%x", time.Now().UnixNano())}
	if b.URL == "" {
		if b.stage, err = stage.Open(ctx, b.Stage); err != nil {
			return err
		}
		b.world, err = c.WorldOf(b.stage.Model)
	} else {
		b.world, err = c.World()
	}
	if err != nil {
		return err
	}
	c.Size = b.world.Size
	m := b.world.Model
	b.report = &Report{Format: Format, Made: time.Now().UTC().Truncate(time.Second), Partita: b.Version, Service: m.Service, Revision: m.Revision,
		Machine: machine(), URL: b.URL, Seed: c.Size.Seed, Partitions: c.Size.Partitions, Zipf: c.Size.Zipf, Within: millis(b.Within), Nodes: 1}
	for _, f := range m.Families {
		b.report.Hottest = max(b.report.Hottest, b.world.Hottest(f))
	}
	if b.URL != "" {
		host, ok := strings.CutPrefix(strings.TrimSuffix(b.URL, "/"), "http://")
		if !ok || strings.Contains(host, "/") {
			return fmt.Errorf("--url must be the address of a service's API, such as http://127.0.0.1:8080; https is not spoken here")
		}
		c.Addresses, c.Secret, c.Accepts = []string{host}, []byte(b.Secret), true
		b.report.Store = "unknown"
		b.report.note("a running service was measured: what else it does, and the rows it has, are in the figures")
	} else if err := b.copy(ctx, &c); err != nil {
		return err
	}
	b.mix = load.NewMix(m, c.Accepts)
	b.generator, err = load.Start(c, b.Stage.Log, append(slices.Clip(b.Stage.Program), "load")...)
	return err
}

// copy fills the throw-away copy, and starts it.
func (b *run) copy(ctx context.Context, c *load.Config) error {
	b.Told("filling a throw-away store with %d partitions", b.world.Size.Partitions)
	if err := b.seed(ctx); err != nil {
		return err
	}
	if err := b.stage.Start(ctx); err != nil {
		return err
	}
	c.Addresses, c.Secret, c.Accepts = b.stage.Addresses(), b.stage.Secret, b.stage.Accepts()
	b.report.Nodes = len(b.stage.Nodes)
	return nil
}

// seed fills the store, one entity after the other, and sees what each takes.
func (b *run) seed(ctx context.Context) error {
	before := int64(-1)
	for _, e := range b.world.Seeds() {
		s, _, err := b.stage.Open(ctx)
		if err != nil {
			return err
		}
		if before < 0 {
			st, err := s.Stats(ctx)
			if err != nil {
				return errors.Join(err, s.Close())
			}
			before = st.Bytes
			b.report.Store = s.Info().Kind + " " + s.Info().Version
		}
		rows, err := b.world.SeedEntity(ctx, s, e)
		if err := errors.Join(err, s.Close()); err != nil {
			return err
		}
		after, err := b.size(ctx)
		if err != nil {
			return err
		}
		b.report.Entities = append(b.report.Entities, Entity{Name: e.Name, Rows: rows, BytesPerRow: math.Round(10*float64(after-before)/float64(max(rows, 1))) / 10})
		before = after
	}
	return nil
}

// size opens the store anew, so that nothing of it is in a log still, and gives its bytes.
func (b *run) size(ctx context.Context) (int64, error) {
	s, _, err := b.stage.Open(ctx)
	if err != nil {
		return 0, err
	}
	st, err := s.Stats(ctx)
	return st.Bytes, errors.Join(err, s.Close())
}

// startTimeout bounds how long views may take to be built.
const startTimeout = 2 * time.Minute

// rehearse finds out which patterns can be asked for.
func (b *run) rehearse(ctx context.Context) error {
	trials, err := b.generator.Ready(ctx, startTimeout)
	if err != nil {
		return err
	}
	for _, t := range trials {
		if t.Fair {
			b.names = append(b.names, t.Name)
			continue
		}
		b.report.Left = append(b.report.Left, Left{Pattern: t.Name, Status: t.Status, Why: t.Why()})
	}
	if len(b.names) == 0 {
		return fmt.Errorf("no pattern of the model can be asked for: %s", b.report.Left[0].Why)
	}
	b.probe = &Probe{Generator: b.generator, Mix: b.mix, Names: b.names, Connections: func(float64) int { return b.Connections }, Within: b.Within, Seed: b.world.Size.Seed, CPU: b.cpu, Told: b.Told}
	for _, p := range b.mix.Patterns {
		b.report.Patterns = append(b.report.Patterns, Proportion{Pattern: p.Name, Share: p.Share, Declared: p.Declared, Priority: priority(p.Priority())})
	}
	return nil
}

func priority(p model.Priority) string {
	return [...]string{model.Bulk: "bulk", model.Normal: "normal", model.Critical: "critical"}[p]
}

func (b *run) cpu() (d time.Duration) {
	if b.stage == nil {
		return 0
	}
	for _, n := range b.stage.Nodes {
		d += n.CPU()
	}
	return d
}

// level holds a share of the knee.
func (b *run) level(ctx context.Context, of float64) error {
	rate := of * b.report.Knee.Rate
	b.Told("at %3.0f %% of the knee: %.0f/s", 100*of, rate)
	r, cpu, err := b.probe.Hold(ctx, rate, b.Time, b.names)
	if err != nil {
		return err
	}
	sum := r.Streams[0].Sum()
	b.report.Levels = append(b.report.Levels, Level{Of: of, Rate: rate, Goodput: float64(sum.Counts.Answered()) / b.Time.Seconds(),
		Patterns: figures(&r.Streams[0], b.Time.Seconds()), CPU: cpu, Behind: millis(r.Behind)})
	return nil
}

// alone asks for one pattern after the other, at a rate that is no trouble.
func (b *run) alone(ctx context.Context) error {
	b.Told("each pattern by itself")
	rate := min(500, b.report.Knee.Rate/4)
	for _, name := range b.names {
		before := b.cpu()
		r, _, err := b.probe.Hold(ctx, rate, max(time.Second, b.Time*2/5), []string{name})
		if err != nil {
			return err
		}
		sum := r.Streams[0].Sum()
		n := float64(max(1, sum.Counts.All()))
		b.report.Alone = append(b.report.Alone, Cost{Pattern: name, Rate: rate, P50: millis(sum.Latency.Quantile(0.5)), P99: millis(sum.Latency.Quantile(0.99)),
			CPU: Millis(math.Round((b.cpu()-before).Seconds()*1e6/n) / 1000)})
	}
	return nil
}

func (r *Report) note(format string, args ...any) {
	r.Notes = append(r.Notes, fmt.Sprintf(format, args...))
}
