package load

import (
	"context"
	"encoding/gob"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"sync"
	"time"
)

// order is what the Generator's process is told to do next: one of them.
type order struct {
	Phase    *Phase
	Rehearse bool
}

// reply is what came of an order.
type reply struct {
	Err    string
	Result Result
	Trials []Trial
}

// Trial is what a few requests of a pattern came to before any load.
type Trial struct {
	Name    string
	Fair    bool   // the service takes such requests
	Status  int    // of the last answer
	Problem string // its kind, where it is one
	Detail  string // what was wrong, for people
}

// Generator makes load from a process of its own, so that what it takes of the machine can be told
// from what the service takes. It is not safe for concurrent use.
type Generator struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	write *gob.Encoder
	read  *gob.Decoder
	close func() error
}

// Start runs argv, a program that calls Serve, and hands it the Config. The process ends with Close,
// and when this one does.
func Start(c Config, stderr io.Writer, argv ...string) (*Generator, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the load's process does not start: %w", err)
	}
	g := &Generator{cmd: cmd, in: in, write: gob.NewEncoder(in), read: gob.NewDecoder(out)}
	g.close = sync.OnceValue(func() error { return errors.Join(in.Close(), cmd.Wait()) })
	if err := g.write.Encode(&c); err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return g, nil
}

// Rehearse asks a few times for each pattern, one after the other.
func (g *Generator) Rehearse(ctx context.Context) ([]Trial, error) {
	r, err := g.order(ctx, order{Rehearse: true})
	return r.Trials, err
}

// Ready rehearses until no pattern is unavailable any more, as views are that are being built, or the
// time is over.
func (g *Generator) Ready(ctx context.Context, most time.Duration) (trials []Trial, err error) {
	again := time.NewTicker(200 * time.Millisecond)
	defer again.Stop()
	for end := time.Now().Add(most); ; {
		trials, err = g.Rehearse(ctx)
		away := slices.ContainsFunc(trials, func(t Trial) bool { return !t.Fair && (t.Status == 503 || t.Status == 0) })
		if err != nil || !away || time.Now().After(end) {
			return trials, err
		}
		select { // whether a view is built has no signal from outside
		case <-again.C:
		case <-ctx.Done():
			return trials, context.Cause(ctx)
		}
	}
}

// Run carries out a phase. When ctx ends, so does the Generator.
func (g *Generator) Run(ctx context.Context, p Phase) (Result, error) {
	r, err := g.order(ctx, order{Phase: &p})
	return r.Result, err
}

func (g *Generator) order(ctx context.Context, o order) (r reply, err error) {
	defer context.AfterFunc(ctx, func() { g.cmd.Process.Kill() })()
	if err := g.write.Encode(&o); err != nil {
		return r, errors.Join(context.Cause(ctx), fmt.Errorf("the load's process has ended: %w", err))
	}
	if err := g.read.Decode(&r); err != nil {
		return r, errors.Join(context.Cause(ctx), fmt.Errorf("the load's process has ended: %w", err))
	}
	if r.Err != "" {
		return r, errors.New(r.Err)
	}
	return r, nil
}

// Close ends the process. It may be called twice.
func (g *Generator) Close() error { return g.close() }

// Serve carries out what comes in until that ends: the other side of a Generator.
func Serve(in io.Reader, out io.Writer) error {
	read, write := gob.NewDecoder(in), gob.NewEncoder(out)
	var c Config
	if err := read.Decode(&c); err != nil {
		return err
	}
	w, err := c.World()
	if err != nil {
		return err
	}
	r := newRunner(w, &c)
	for {
		var o order
		if err := read.Decode(&o); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		var answer reply
		if o.Rehearse {
			answer.Trials = r.rehearse()
		} else if answer.Result, err = r.run(*o.Phase); err != nil {
			answer.Err = err.Error()
		}
		if err := write.Encode(&answer); err != nil {
			return err
		}
	}
}

// rehearsals is how many requests of a pattern are tried.
const rehearsals = 3

func (r *runner) rehearse() []Trial {
	l := &line{addresses: r.addresses}
	defer l.drop()
	trials := make([]Trial, len(r.mix.Patterns))
	for i := range r.mix.Patterns {
		p := &r.mix.Patterns[i]
		t := &trials[i]
		t.Name = p.Name
		for n := range uint64(rehearsals) {
			d := Draw{Partition: int(n) % r.world.Partitions(p.Family()), Pick: hash(n, uint64(i))}
			if p.Write != nil && founds(p.Write) {
				d.Partition = r.world.Partitions(p.Family()) + int(hash(r.serial.Load(), n)>>16)
			}
			token, err := r.token(p, d.Partition)
			if err != nil {
				t.Detail = err.Error()
				continue
			}
			var request []byte
			if p.Read != nil {
				request = r.world.appendRead(nil, &r.head, p.Read, d, token)
			} else {
				request = r.world.appendWrite(nil, &r.head, p.Write, d, token, r.key(), p.Accept)
			}
			if err := l.ask(request, time.Now().Add(5*time.Second)); err != nil {
				t.Detail = err.Error()
				continue
			}
			t.take(&l.answer)
		}
	}
	return trials
}

// take judges one answer. Any fair one is enough: the others may have met a guard.
func (t *Trial) take(a *answer) {
	fair := a.status < 400 || a.status == 404 && a.problem() != "unknown_pattern" || a.status == 409 || a.status == 412 || a.status == 429
	if t.Fair && !fair {
		return
	}
	t.Fair, t.Status, t.Problem, t.Detail = fair, a.status, a.problem(), string(a.body)
}

// Why says in a sentence why the pattern cannot be asked for.
func (t *Trial) Why() string {
	switch t.Status {
	case 0:
		return "no answer came: " + t.Detail
	case 401, 403:
		return "no rule lets the callers through that could be made up; say what their tokens need with --claim NAME=VALUE"
	case 501:
		return "this release does not carry it out"
	}
	var p struct{ Detail string }
	if json.Unmarshal([]byte(t.Detail), &p) == nil && p.Detail != "" {
		return fmt.Sprintf("it was answered with %d: %s", t.Status, p.Detail)
	}
	return fmt.Sprintf("it was answered with %d", t.Status)
}
