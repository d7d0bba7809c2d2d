package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/maypok86/otter/v2"
)

// A floor is what Partita is measured against: the least that a hand-written server could do for
// the same answer. Each runs in a process of its own.
var floors = map[string]func(floorConfig) (http.Handler, error){
	"bare":         bare,
	"cache":        handCache,
	"sqlite":       handRead,
	"sqlite-write": handWrite,
	"sqlite-group": handGroup,
	"lines":        handLines,
	"lines-change": handChanges,
	"pg":           handReadPG,
	"pg-write":     handWritePG,
	"pg-outbox":    handOutboxPG,
	"pg-river":     workRiver,
	"pg-on":        workOn,
	"pg-on-views":  workOnViews,
	"on":           workOn,
	"on-views":     workOnViews,
}

type floorConfig struct {
	Listen string
	Dir    string // for files
	Sample string // a file with the answer to imitate

	Database string // URL of an empty PostgreSQL database
	Model    string // of the jobs
}

// sample is an answer of the measured server: the floors send the same headers and bytes.
type sample struct {
	Header http.Header
	Body   []byte
}

func readSample(path string) (sample, error) {
	var s sample
	b, err := os.ReadFile(path)
	if err != nil {
		return s, err
	}
	return s, json.Unmarshal(b, &s)
}

// serveFloor serves until the process is killed; it prints its address when it listens.
func serveFloor(name string, c floorConfig) error {
	if name == "pocketbase" || name == "pocketbase-nolog" {
		return servePocketBase(c, name == "pocketbase")
	}
	open, ok := floors[name]
	if !ok {
		return fmt.Errorf("there is no floor %q", name)
	}
	h, err := open(c)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	return http.Serve(l, h)
}

// bare answers every request with the sample.
func bare(c floorConfig) (http.Handler, error) {
	s, err := readSample(c.Sample)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.send(w) }), nil
}

func (s *sample) send(w http.ResponseWriter) {
	h := w.Header()
	for k, v := range s.Header {
		h[k] = v
	}
	w.Write(s.Body)
}

// handCache does what a careful engineer would write by hand: the same cache library that the
// issue of speed is about, looked up by the path.
func handCache(c floorConfig) (http.Handler, error) {
	s, err := readSample(c.Sample)
	if err != nil {
		return nil, err
	}
	cache := otter.Must(&otter.Options[string, *sample]{MaximumSize: 2 * orders})
	k := makeKeys()
	for i := range k.order {
		cache.Set("/"+k.customer[i/each]+"/"+k.order[i], &sample{s.Header, append([]byte(nil), s.Body...)})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if a, ok := cache.GetIfPresent(r.URL.Path[strings.IndexByte(r.URL.Path[4:], '/')+4:]); ok {
			a.send(w)
			return
		}
		http.NotFound(w, r)
	}), nil
}
