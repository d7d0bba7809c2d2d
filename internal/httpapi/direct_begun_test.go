package httpapi_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
)

// Of the next request some bytes may have come with the one before: net/http has them already, and what
// comes after them is no request, whatever it looks like.
func TestTheRestOfARequestIsNotTakenForOne(t *testing.T) {
	s := serveTwice(t, doors)
	s.want(201, "POST", "/v1/ring", ring)
	s.want(200, "GET", "/v1/facade/h", "")
	const first, rest = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /v1/facade/h HTTP/1.1\r\nHost: x\r\n\r\n"
	const line = "POST /v1/ring HTTP/1.1\r\n"
	head := fmt.Sprintf(line+"Host: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(rest))
	for _, begun := range []string{"X", "XY", "XYZ", "POST ", line, line + "Host: x\r\n", head, strings.Replace(head, "\r\n\r\n", "\r\nExpect: 100-continue\r\n\r\n", 1)} {
		told := func(address string) string {
			c, r := s.known(address)
			defer c.Close()
			s.ask(c, r, first+begun)
			if _, err := io.WriteString(c, rest); err != nil {
				t.Fatal(err)
			}
			if err := c.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			all, err := io.ReadAll(r)
			if err != nil {
				t.Fatal(err)
			}
			return moment.ReplaceAllString(string(all), "…")
		}
		if got, want := told(s.door), told(s.plain); got != want {
			t.Errorf("after %q: behind the door\n%s\nand without it\n%s", begun, got, want)
		}
	}
}
