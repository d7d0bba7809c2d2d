package bus

import (
	"bytes"
	"testing"
)

func FuzzGroup(f *testing.F) {
	f.Add([]byte(nil), []byte("a"), []byte("bc"), uint16(3))
	f.Add([]byte("x"), bytes.Repeat([]byte("y"), 300), []byte(nil), uint16(0))
	f.Fuzz(func(t *testing.T, a, b, c []byte, at uint16) {
		g := startGroup(0)
		g = addToGroup(g, 3, a)
		g = addToGroup(g, 15, b)
		g = addToGroup(g, 3, c)
		g = endGroup(g)
		if limit := groupHead + sizeIn(a) + sizeIn(b) + sizeIn(c); len(g) > limit {
			t.Fatalf("%d bytes, at most %d were promised", len(g), limit)
		}
		got, err := commandsOf(g, 3)
		if err != nil || len(got) != 2 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], c) {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err = commandsOf(g, 15); err != nil || len(got) != 1 || !bytes.Equal(got[0], b) {
			t.Fatalf("%q, %v", got, err)
		}
		if got, err = commandsOf(g, 0); err != nil || len(got) != 0 {
			t.Fatalf("%q, %v", got, err)
		}
		g[int(at)%len(g)] ^= 1 << (at % 8)
		if _, err := commandsOf(g, 3); err == nil {
			t.Fatal("a damaged group was taken")
		}
		_, _ = commandsOf(endGroup(append(startGroup(0), a...)), 3) // anything at all: no panic
	})
}
