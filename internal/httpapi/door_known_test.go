package httpapi_test

import (
	"strings"
	"testing"
	"testing/synctest"
)

// A request is known for what it is, whatever comes before it on its connection and however it is written, and is held
// like others.
func TestTheDoorKnowsWhatARequestIsFor(t *testing.T) {
	const (
		end   = "\r\n\r\n"
		vital = "GET /v1/vital/h/1 HTTP/1.1\r\nHost: x" + end
		dull  = "GET /v1/dull/h/1 HTTP/1.1\r\nHost: x" + end
	)
	long := func(n int) string { // the first n bytes of a head that is at least that long
		head := strings.TrimSuffix(vital, end) + "\r\nX: "
		return head + strings.Repeat("x", n-len(head))
	}
	line := func(n int) string { // likewise of a line
		const address = "GET /v1/vital/h/1?"
		return address + strings.Repeat("x", n-len(address))
	}
	for name, c := range map[string]struct {
		before []string // as they are sent
		then   string   // when the first is answered
	}{
		"plain":                       {[]string{vital}, dull},
		"behind a head of 4095 bytes": {[]string{long(4091) + end}, dull},
		"behind a head of 4096 bytes": {[]string{long(4092) + end}, dull},
		"behind a head of which 4095 bytes came first": {[]string{long(4095), "x" + end}, dull},
		"behind a line of which 4095 bytes came first": {[]string{line(4095), "x HTTP/1.1\r\nHost: x" + end}, dull},
		"behind a line of which 4096 bytes came first": {[]string{line(4096), "x HTTP/1.1\r\nHost: x" + end}, dull},
		"behind an escaped name":                       {[]string{strings.Replace(vital, "ita", "%69t%61", 1)}, dull},
		"escaped":                                      {[]string{vital}, strings.Replace(dull, "ull", "%75l%6C", 1)},
		"as a proxy is asked":                          {[]string{vital}, strings.Replace(dull, "/v1", "http://x/v1", 1)},
		"its first byte in the same piece":             {[]string{vital + dull[:1]}, dull[1:]},
		"its first 3 bytes in the same piece":          {[]string{vital + dull[:3]}, dull[3:]},
		"some of it in the same piece":                 {[]string{vital + dull[:20]}, dull[20:]},
		"wholly in the same piece":                     {[]string{vital + dull}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := serveInMemory(t, 8)
				one := b.caller()
				for _, piece := range c.before {
					one.send(piece)
				}
				<-b.arrived
				synctest.Wait() // it is the first that waits for its answer
				others := b.full(9)
				b.answer <- struct{}{}
				one.want(200)
				synctest.Wait() // nobody looks any more whether the caller is still there
				if c.then != "" {
					one.send(c.then)
				}
				b.held(1)
				if f := b.door.Figures(); f.Classes[2].Waited != 1 || f.Classes[1].Waited != 0 || f.Requests != 11 {
					t.Errorf("%+v", f)
				}
				for range 10 {
					b.answer <- struct{}{}
				}
				for _, other := range append(others, one) {
					other.want(200)
				}
				synctest.Wait()
				if f := b.door.Figures(); f.Inside != 0 || f.Waiting != 0 {
					t.Errorf("in the end: %+v", f)
				}
			})
		})
	}
}

// What came with the request before is refused like others.
func TestWhatCameWithAnotherRequestIsRefusedLikeOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := serveInMemory(t, 8)
		one := b.caller()
		one.send("GET /v1/vital/h/1 HTTP/1.1\r\nHost: x\r\n\r\nGET /v1/dull/h/1 HTTP/1.1\r\nHost: x\r\n\r\n")
		<-b.arrived
		synctest.Wait() // it is the first that waits for its answer
		others := b.full(9)
		b.answer <- struct{}{}
		one.want(200)
		one.want(503)
		if name := <-b.refused; name != "dull" {
			t.Errorf("%s is told of as refused", name)
		}
		for range others {
			b.answer <- struct{}{}
		}
		for _, other := range others {
			other.want(200)
		}
		one.get("dull")
		if path := <-b.arrived; path != "/v1/dull/h/1" {
			t.Errorf("then came %s", path)
		}
		b.answer <- struct{}{}
		one.want(200)
	})
}
