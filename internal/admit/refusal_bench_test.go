//go:build unix

package admit

import (
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/partita-dev/partita/model"
)

// BenchmarkRefusal measures the processor time that it takes to refuse a request on its connection. That of
// an echo stands beside it, which is a read and a write on either side: half of it is the caller's.
func BenchmarkRefusal(b *testing.B) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		b.Fatal(err)
	}
	d := NewDoor(DoorConfig{Model: m, Inside: 1})
	d.short, d.long = time.Nanosecond, time.Nanosecond
	d.inside.Store(100)
	answer := d.refuser.answers[0]
	half := 0.0
	for _, one := range []struct {
		name  string
		serve func(*net.TCPConn)
	}{
		{"echo", func(c *net.TCPConn) {
			var buffer [4096]byte
			for {
				if _, err := c.Read(buffer[:]); err != nil {
					return
				}
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}},
		{"refusal", func(c *net.TCPConn) {
			var buffer [4096]byte
			behind := &Conn{socket: c, door: d, fresh: true}
			_, _ = behind.Read(buffer[:]) // which refuses all that come
		}},
	} {
		b.Run(one.name, func(b *testing.B) {
			l, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
			if err != nil {
				b.Fatal(err)
			}
			defer l.Close()
			go func() {
				for {
					c, err := l.AcceptTCP()
					if err != nil {
						return
					}
					go one.serve(c)
				}
			}()
			request := "GET /v1/ring/red/1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
			before := cpuTime(b)
			b.SetParallelism(256) // who is held is looked at now and then
			b.RunParallel(func(pb *testing.PB) {
				c, err := net.Dial("tcp", l.Addr().String())
				if err != nil {
					b.Error(err)
					return
				}
				defer c.Close()
				buffer := make([]byte, len(answer))
				for pb.Next() {
					if _, err := io.WriteString(c, request); err != nil {
						b.Error(err)
						return
					}
					if _, err := io.ReadFull(c, buffer); err != nil {
						b.Error(err)
						return
					}
				}
			})
			each := (cpuTime(b) - before).Seconds() / float64(b.N) * 1e9
			if one.name == "echo" {
				half = each / 2
			}
			b.ReportMetric(each-half, "server-cpu-ns/op")
		})
	}
}

func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
