package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"time"
)

// request appends one whole HTTP/1.1 request to b.
type request func(r *rand.Rand, b []byte) []byte

// result is what one round of load came to.
type result struct {
	Rate   float64 // answers per second
	P50    time.Duration
	P99    time.Duration
	Errors int // answers with another status than the expected one
}

// load keeps conns connections busy for the given time, each with one request at a time (closed
// loop), and counts the answers. It speaks HTTP by hand: a client library would take more of the
// two cores than the server under test.
func load(addr string, conns int, d time.Duration, seed uint64, want int, next request) (result, error) {
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   []time.Duration
		bad   int
		fails []error
	)
	start := time.Now()
	end := start.Add(d)
	for i := range conns {
		wg.Go(func() {
			took, wrong, err := work(addr, end, rand.New(rand.NewPCG(seed, uint64(i))), want, next)
			mu.Lock()
			defer mu.Unlock()
			all, bad = append(all, took...), bad+wrong
			if err != nil {
				fails = append(fails, err)
			}
		})
	}
	wg.Wait()
	elapsed := time.Since(start)
	if len(fails) > 0 {
		return result{}, fails[0]
	}
	if len(all) == 0 {
		return result{}, errors.New("no answer came")
	}
	slices.Sort(all)
	return result{
		Rate: float64(len(all)) / elapsed.Seconds(),
		P50:  all[len(all)/2], P99: all[len(all)*99/100], Errors: bad,
	}, nil
}

// work drives one connection.
func work(addr string, end time.Time, r *rand.Rand, want int, next request) (took []time.Duration, wrong int, err error) {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, 0, err
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 16<<10)
	var b []byte
	for {
		begin := time.Now()
		if begin.After(end) {
			return took, wrong, nil
		}
		b = next(r, b[:0])
		if _, err := c.Write(b); err != nil {
			return took, wrong, err
		}
		status, err := answer(in)
		if err != nil {
			return took, wrong, err
		}
		took = append(took, time.Since(begin))
		if status != want {
			wrong++
		}
	}
}

// answer reads one answer and gives its status.
func answer(in *bufio.Reader) (int, error) {
	line, err := in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < 12 {
		return 0, fmt.Errorf("a short status line %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, err
	}
	length, chunked := 0, false
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := value(line, "Content-Length:"); ok {
			if length, err = strconv.Atoi(string(v)); err != nil {
				return 0, err
			}
		} else if v, ok := value(line, "Transfer-Encoding:"); ok {
			chunked = bytes.EqualFold(v, []byte("chunked"))
		}
	}
	if !chunked {
		_, err = in.Discard(length)
		return status, err
	}
	for {
		line, err := in.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(line)), 16, 32)
		if err != nil {
			return 0, err
		}
		if _, err := io.CopyN(io.Discard, in, n+2); err != nil {
			return 0, err
		}
		if n == 0 {
			return status, nil
		}
	}
}

func value(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) || !bytes.EqualFold(line[:len(name)], []byte(name)) {
		return nil, false
	}
	return bytes.TrimSpace(line[len(name):]), true
}
