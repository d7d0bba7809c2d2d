package drill

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/partita-dev/partita/internal/bench"
	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/internal/stage"
)

// Config says what to drill. Stage and Told are required.
type Config struct {
	Stage   stage.Config
	Size    load.Size
	Claims  []byte   // JSON object: what every caller's token has beside what the rules ask for
	Version string   // of Partita
	Only    []string // names of drills, which may come more than once; none: all
	Runs    int      // how often each is carried out, with another seed each time. Default: 1
	// Again is how often a drill is carried out once more that broke nothing but what hangs on the machine's speed.
	Again int
	// Time is how long the trouble of a drill lasts; the calm before and after take as long, at least
	// 2 s before and 6 s after. Default: 5 s.
	Time time.Duration
	// Knee is the rate that the service follows, in requests per second. Default: it is measured.
	Knee float64
	// Within is what counts as in time where the model declares no objective. Default: 500 ms.
	Within time.Duration
	// Timeout of a request at the nodes: how long a caller may be kept waiting. Default: 2 s.
	Timeout time.Duration
	Told    func(format string, args ...any)
}

func (c *Config) fill() {
	if c.Time <= 0 {
		c.Time = 5 * time.Second
	}
	if c.Within <= 0 {
		c.Within = 500 * time.Millisecond
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
}

// grace is what an answer may take longer than the service's own limit: the way there and back.
const grace = time.Second

// patience is when callers give up.
func (c *Config) patience() time.Duration { return c.Timeout + grace }

// env is what drills work with.
type env struct {
	Config
	stage     *stage.Stage
	world     *load.World
	mix       load.Mix
	names     []string // of the patterns that are asked for
	generator *load.Generator
	probe     *bench.Probe
	report    *Report
	scenes    uint64
	peak      float64 // goodput of the service when it is neither idle nor overloaded, per second
	costs     costs
	stretches uint64
}

// Run carries the drills out, one after the other, on one copy.
func Run(ctx context.Context, c Config) (_ *Report, err error) {
	c.fill()
	list, err := choose(c.Only)
	if err != nil {
		return nil, err
	}
	e := &env{Config: c}
	defer func() { err = errors.Join(err, e.close()) }()
	if err := e.open(ctx); err != nil {
		return nil, err
	}
	if err := e.measure(ctx, slices.ContainsFunc(list, func(d *drill) bool { return d.costs })); err != nil {
		return nil, err
	}
	for _, d := range list {
		for range max(1, c.Runs) {
			o, err := e.carry(ctx, d)
			if err != nil {
				return e.report, fmt.Errorf("%s: %w", d.name, err)
			}
			e.Told("  %s", o.Verdict())
			e.report.Drills = append(e.report.Drills, o)
		}
	}
	return e.report, nil
}

// choose gives the drills of those names; none: all.
func choose(only []string) ([]*drill, error) {
	if len(only) == 0 {
		return catalogue, nil
	}
	var list []*drill
	for _, name := range only {
		i := slices.IndexFunc(catalogue, func(d *drill) bool { return d.name == name })
		if i < 0 {
			return nil, Unknown(name)
		}
		list = append(list, catalogue[i])
	}
	return list, nil
}

// Unknown is the name of a drill that there is not.
type Unknown string

// Error lists those that there are.
func (u Unknown) Error() string {
	return fmt.Sprintf("there is no drill %q: there are %s", string(u), strings.Join(Names(), ", "))
}

// Names lists the drills.
func Names() (names []string) {
	for _, d := range catalogue {
		names = append(names, d.name)
	}
	return names
}

func (e *env) close() error {
	var errs []error
	if e.generator != nil {
		errs = append(errs, e.generator.Close())
	}
	if e.stage != nil {
		errs = append(errs, e.stage.Close())
	}
	return errors.Join(errs...)
}

// open makes the copy, fills it, and finds out what it can take.
func (e *env) open(ctx context.Context) (err error) {
	s := e.Stage
	s.Links, s.Around, s.Timeout = true, true, e.Timeout
	if e.stage, err = stage.Open(ctx, s); err != nil {
		return err
	}
	c := load.Config{Model: s.File, Source: s.Source, Size: e.Size, Claims: e.Claims, Secret: e.stage.Secret,
		Keys: fmt.Sprintf("drill-%x", time.Now().UnixNano()), Accepts: e.stage.Accepts(), Addresses: e.stage.Addresses()}
	if e.world, err = c.WorldOf(e.stage.Model); err != nil {
		return err
	}
	c.Size = e.world.Size
	e.report = &Report{Made: time.Now().UTC().Truncate(time.Second), Partita: e.Version, Service: e.stage.Model.Service, Revision: e.stage.Model.Revision,
		Nodes: len(e.stage.Nodes), Cores: runtime.NumCPU(), Seed: c.Size.Seed, Knee: e.Knee}
	e.Told("filling a throw-away store with %d partitions", c.Size.Partitions)
	if err := e.seed(ctx); err != nil {
		return err
	}
	if err := e.stage.Start(ctx); err != nil {
		return err
	}
	e.mix = load.NewMix(e.stage.Model, c.Accepts)
	program := e.Stage.Program
	if e.generator, err = load.Start(c, e.Stage.Log, append(slices.Clip(program), "load")...); err != nil {
		return err
	}
	if err := e.rehearse(ctx); err != nil {
		return err
	}
	e.probe = &bench.Probe{Generator: e.generator, Mix: e.mix, Names: e.names, Connections: e.crowd, Strangers: true, Within: e.Within, Seed: c.Size.Seed, CPU: e.cpu, Told: e.Told}
	return nil
}

func (e *env) seed(ctx context.Context) error {
	s, _, err := e.stage.Open(ctx)
	if err != nil {
		return err
	}
	e.report.Store = s.Info().Kind + " " + s.Info().Version
	_, err = e.world.Seed(ctx, s)
	return errors.Join(err, s.Close())
}

// viewsTimeout bounds how long views may take to be built.
const viewsTimeout = 2 * time.Minute

func (e *env) rehearse(ctx context.Context) error {
	trials, err := e.generator.Ready(ctx, viewsTimeout)
	if err != nil {
		return err
	}
	for _, t := range trials {
		if t.Fair {
			e.names = append(e.names, t.Name)
		} else {
			e.report.Left = append(e.report.Left, t.Name+": "+t.Why())
		}
	}
	if len(e.names) == 0 {
		return fmt.Errorf("no pattern of the model can be asked for: %s", e.report.Left[0])
	}
	return nil
}

// connections of each stream of load.
const connections = 192

// measure finds the knee, unless it was given, and where drills want to know what a refusal costs begins
// to find out: with load that is followed, and load that is not.
func (e *env) measure(ctx context.Context, costs bool) error {
	if e.report.Knee <= 0 {
		e.Told("looking for the rate that the service follows")
		k, _, err := e.probe.Search(ctx, 200, time.Second)
		if err != nil {
			return err
		}
		e.report.Knee, e.peak = k.Rate, k.Peak
	}
	if !costs {
		return nil
	}
	e.Told("looking for what an answer costs, and a refusal")
	return e.measureCosts(ctx)
}

func (e *env) cpu() (d time.Duration) {
	for _, n := range e.stage.Nodes {
		d += n.CPU()
	}
	return d
}
