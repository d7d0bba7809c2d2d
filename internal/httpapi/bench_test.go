package httpapi_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/partita-dev/partita/internal/httpapi"
	"github.com/partita-dev/partita/model"
)

// sink is a ResponseWriter that costs nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header         { return s.header }
func (s *sink) WriteHeader(int)             {}
func (s *sink) Write(p []byte) (int, error) { return len(p), nil }

// cachedRead gives a service with one cached row, the request that reads it, and the whole answer.
func cachedRead(b *testing.B, source, path, header string, prepare func(*service)) (*service, *http.Request, answer) {
	b.Helper()
	m, err := model.Parse("bench.yaml", []byte(source), nil)
	if err != nil {
		b.Fatal(err)
	}
	s := serve(b, m, nil)
	prepare(s)
	var headers []string
	if header != "" {
		headers = []string{header}
	}
	s.want(200, "GET", path, "", headers...)
	a := s.want(200, "GET", path, "", headers...)
	if !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		b.Fatalf("not cached: %v", a.header)
	}
	r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		b.Fatal(err)
	}
	if name, value, ok := strings.Cut(header, ": "); ok {
		r.Header.Set(name, value)
	}
	return s, r, a
}

const ring = `{"house_id":"h","n":1,"colour":"red"}`

// BenchmarkCachedGet is the handler alone: a public read, and one whose token and rule are checked.
func BenchmarkCachedGet(b *testing.B) {
	for name, path := range map[string]string{"public": "/v1/facade/h", "token": "/v1/hall/h"} {
		b.Run(name, func(b *testing.B) {
			header := ""
			if name == "token" {
				header = token(b, "ann")
			}
			s, r, _ := cachedRead(b, doors, path, header, func(s *service) { s.want(201, "POST", "/v1/ring", ring) })
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				s.api.ServeHTTP(w, r)
			}
		})
	}
}

// BenchmarkOverLoopback compares the service with a bare handler that sends the same headers and
// bytes, over the same number of connections.
func BenchmarkOverLoopback(b *testing.B) {
	s, r, a := cachedRead(b, doors, "/v1/facade/h", "", func(s *service) { s.want(201, "POST", "/v1/ring", ring) })
	headers := a.header.Clone()
	headers.Del("Date")
	body := []byte(a.body)
	bare := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		maps.Copy(h, headers)
		w.Write(body)
	})
	for name, handler := range map[string]http.Handler{"partita": s.api, "bare": bare} {
		b.Run(name, func(b *testing.B) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				b.Fatal(err)
			}
			server := httpapi.Server(handler)
			stopped := make(chan error, 1)
			go func() { stopped <- server.Serve(listener) }()
			b.Cleanup(func() {
				if err := server.Close(); err != nil {
					b.Error(err)
				}
				if err := <-stopped; !errors.Is(err, http.ErrServerClosed) {
					b.Error(err)
				}
			})
			request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: x\r\n\r\n", r.URL.Path)
			b.SetParallelism(8)
			b.RunParallel(func(pb *testing.PB) {
				conn, err := net.Dial("tcp", listener.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer func() {
					if err := conn.Close(); err != nil {
						b.Error(err)
					}
				}()
				var buffer [4096]byte
				for pb.Next() {
					if _, err := io.WriteString(conn, request); err != nil {
						b.Error(err)
						return
					}
					if n, err := conn.Read(buffer[:]); err != nil || !strings.HasPrefix(string(buffer[:min(n, 12)]), "HTTP/1.1 200") {
						b.Errorf("%v: %s", err, buffer[:n])
						return
					}
				}
			})
		})
	}
}
