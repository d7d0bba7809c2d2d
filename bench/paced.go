package main

import (
	"bufio"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// paced sends so many requests a second over conns connections, each at its time, whether the answers
// before it were quick or not, as long as a connection is free. next makes the requests of one
// connection; done is told after each answer.
func paced(addr string, conns int, rate float64, d time.Duration, seed uint64, next func(conn int) request, done func(conn int)) error {
	if rate <= 0 {
		return errors.New("there is no rate to go by")
	}
	var wg sync.WaitGroup
	errs := make([]error, conns)
	start := time.Now()
	for i := range conns {
		wg.Go(func() {
			errs[i] = pace(addr, i, conns, rate, start, d, rand.New(rand.NewPCG(seed, uint64(i))), next(i), done)
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}

func pace(addr string, i, conns int, rate float64, start time.Time, d time.Duration, r *rand.Rand, next request, done func(int)) error {
	c, err := net.Dial("tcp", addr)
	if err != nil {
		return err
	}
	defer c.Close()
	in := bufio.NewReaderSize(c, 16<<10)
	var b []byte
	for n := i; ; n += conns {
		at := time.Duration(float64(n) / rate * float64(time.Second))
		if at > d {
			return nil
		}
		time.Sleep(time.Until(start.Add(at)))
		b = next(r, b[:0])
		if _, err := c.Write(b); err != nil {
			return err
		}
		status, err := answer(in)
		if err != nil {
			return err
		}
		if status != http.StatusCreated {
			return fmt.Errorf("an answer had the status %d", status)
		}
		done(i)
	}
}
