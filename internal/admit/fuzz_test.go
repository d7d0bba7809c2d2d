package admit

import (
	"bytes"
	"testing"

	"github.com/partita-dev/partita/model"
)

// FuzzHead looks at the beginnings of requests as the door does: nothing that arrives there makes it
// panic, and a request is known by its line whether its first bytes were taken off or not.
func FuzzHead(f *testing.F) {
	m, err := model.Parse("hints.yaml", []byte(hints), nil)
	if err != nil {
		f.Fatal(err)
	}
	d := NewDoor(DoorConfig{Model: m})
	hint := heavyHint{m.Families[0], []byte("red"), []byte(`"house_id"`)}
	for _, s := range []string{
		"GET /v1/ring/red/1 HTTP/1.1\r\n\r\n", "HEAD /v1/ring/red?x=1 HTTP/1.1\r\n\r\n", "POST /v1/put HTTP/1.1\r\n\r\n{\"house_id\" : \"red\"}",
		"GET /readyz HTTP/1.1\r\n\r\n", "GET /v1/ring", "GET /v1/", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\x16\x03\x01\x02\x00\x01", "",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, head []byte) {
		p := d.pattern(head, 0)
		if p == nil {
			t.Fatal("it is for nothing")
		}
		for has := 1; has < 4 && p != d.other; has++ {
			if d.pattern(head[has:], has) != p {
				t.Errorf("%q is for something else without its first %d bytes", head, has)
			}
		}
		if (p.read != nil || p.write != nil) && hint.named(p, head) && !bytes.Contains(head, []byte("red")) && !bytes.Contains(head, []byte("%")) {
			t.Errorf("%q names a partition that is not in it", head)
		}
	})
}
