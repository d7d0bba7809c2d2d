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
		for _, command := range [][]byte{a, b, c} {
			g = addToGroup(g, command)
		}
		g = endGroup(g)
		if limit := groupHead + sizeIn(a) + sizeIn(b) + sizeIn(c); len(g) > limit {
			t.Fatalf("%d bytes, at most %d were promised", len(g), limit)
		}
		got, err := commandsOf(g)
		if err != nil || len(got) != 3 || !bytes.Equal(got[0], a) || !bytes.Equal(got[1], b) || !bytes.Equal(got[2], c) {
			t.Fatalf("%q, %v", got, err)
		}
		g[int(at)%len(g)] ^= 1 << (at % 8)
		if _, err := commandsOf(g); err == nil {
			t.Fatal("a damaged group was taken")
		}
		_, _ = commandsOf(a) // anything at all: no panic
	})
}
