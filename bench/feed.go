package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"time"
)

// followed is how many partitions have a reader; the load writes to these.
const followed = 64

// feeds measures how long after a commit those hear of it who follow its partition: one open stream
// for each partition that is written to, at half of what the server takes with all of them open.
func (b *run) feeds() error {
	if err := b.startDatabase(); err != nil {
		return err
	}
	url, err := b.database.Make()
	if err != nil {
		return err
	}
	for _, store := range []struct {
		name string
		args []string
	}{{"SQLite", nil}, {"PostgreSQL", []string{"--store", url}}} {
		p, _, err := b.startPartita(filepath.Join(b.dir, "feed"+store.name), "jobs.yaml", store.args...)
		if err != nil {
			return err
		}
		if err := b.feed(p, store.name); err != nil {
			return errors.Join(fmt.Errorf("%s: %w", store.name, err), p.stop())
		}
		if err := p.stop(); err != nil {
			return err
		}
	}
	return nil
}

func (b *run) feed(p *server, store string) error {
	times := newPickups()
	for i := range followed {
		if err := times.follow(p.addr, b.keys.customer[i]); err != nil {
			return err
		}
	}
	numbers := make([]int, b.conns) // that each connection sent last
	var peaks []float64
	var p95 []time.Duration
	for round := range b.options.rounds {
		r, err := load(p.addr, b.conns, b.round, uint64(round), http.StatusCreated, b.job(followed, nil))
		if err != nil {
			return err
		}
		peaks = append(peaks, r.Rate)
		times.forget(int(lastJob.Load()))
		err = paced(p.addr, b.conns, r.Rate/2, b.round, uint64(round), func(conn int) request {
			return b.job(followed, func(n int) { numbers[conn] = n })
		}, func(conn int) { times.committed(numbers[conn]) })
		if err != nil {
			return err
		}
		f, err := times.wait()
		if err != nil {
			return err
		}
		p95 = append(p95, f.P95)
	}
	b.report.fact("feed, "+store+": from the writer's answer to the reader, p95 at half load", "≤ 10 ms", "%s (%s–%s) at %.0f changes/s with %d readers",
		millis(median(p95)), millis(slices.Min(p95)), millis(slices.Max(p95)), median(peaks)/2, followed)
	return nil
}

// follow opens a stream, and notes what comes of it until the server ends it.
func (p *pickups) follow(addr, customer string) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(c, "GET /v1/feeds/jobs/%s HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n", customer); err != nil {
		return err
	}
	in := bufio.NewReaderSize(c, 16<<10)
	line, err := in.ReadSlice('\n')
	if err != nil || !bytes.Contains(line, []byte(" 200 ")) {
		return fmt.Errorf("the feed answers %q: %w", line, err)
	}
	for !bytes.HasPrefix(line, []byte(": following")) {
		if line, err = in.ReadSlice('\n'); err != nil {
			return err
		}
	}
	go func() {
		defer c.Close()
		for {
			line, err := in.ReadSlice('\n')
			if err != nil {
				return
			}
			if n, ok := numberIn(line); ok {
				p.began(n)
			} else if bytes.HasPrefix(line, []byte(`data: {"type":`)) {
				p.ended(string(bytes.TrimSpace(line)))
			}
		}
	}()
	return nil
}

// numberIn finds a job's number in a line of a stream.
func numberIn(line []byte) (int, bool) {
	_, rest, ok := bytes.Cut(line, []byte(`"number":`))
	if !ok {
		return 0, false
	}
	end := 0
	for end < len(rest) && rest[end] >= '0' && rest[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(string(rest[:end]))
	return n, err == nil
}

// wait gives the figures when all has arrived.
func (p *pickups) wait() (workFigures, error) {
	for range 200 {
		if f := p.figures(); f.Open == 0 {
			return f, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return workFigures{}, fmt.Errorf("changes have not reached their readers after ten seconds%s", p.ends())
}

// forget begins anew: what comes of jobs up to last does not count.
func (p *pickups) forget(last int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.after = last
	clear(p.open)
	clear(p.early)
	clear(p.done)
	p.took = nil
}
