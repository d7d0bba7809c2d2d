package redis

import (
	"bytes"
	"testing"
	"time"

	"github.com/partita-dev/partita/cache"
)

func TestClockThatIsSetBack(t *testing.T) {
	at := time.Now()
	moment := func(d time.Duration) time.Time { return at.Add(d) }
	k := clock{began: at}
	saw := func(shown, asked, told time.Duration) bool {
		return k.saw(int64(shown/time.Microsecond), moment(asked), moment(told))
	}
	const s, ms = time.Second, time.Millisecond
	if saw(1000*s, 1*s, 1*s+10*ms) || saw(1001*s, 2*s, 2*s) || saw(1060*s, 61*s, 61*s+ms) {
		t.Fatal("a clock that goes on is doubted")
	}
	if saw(1059*s+950*ms, 60*s+900*ms, 61*s) {
		t.Fatal("a slow reply is taken for a clock that was set back")
	}
	if k.bound() != 0 {
		t.Fatal("births are not trusted")
	}
	if saw(1080*s, 71*s, 71*s) {
		t.Fatal("a clock that was set ahead makes answers older, which is no harm")
	}
	if !saw(1052*s, 73*s, 73*s) { // should be 1082
		t.Fatal("a clock that was set back by 30 s is trusted")
	}
	if b := k.bound(); b < int64(1082*s/time.Microsecond)-1000 || b > int64(1083*s/time.Microsecond) {
		t.Fatalf("births are trusted from %d on", b)
	}
	if !saw(1081*s, 102*s, 102*s) || saw(1083*s, 104*s, 104*s) {
		t.Fatal("it is to be used again when the time has passed")
	}
	if k.bound() == 0 {
		t.Fatal("births from before are trusted again")
	}
}

func TestPaddedAges(t *testing.T) {
	for _, d := range []time.Duration{time.Microsecond, time.Millisecond, 3 * time.Second, time.Hour, 1000 * time.Hour} {
		if padded(unpadded(d)) > d || d > time.Second && padded(unpadded(d)) < d*99/100 {
			t.Errorf("%v: %v", d, padded(unpadded(d)))
		}
	}
}

func TestNothingIsYoungerThanNow(t *testing.T) {
	for _, d := range []time.Duration{0, time.Nanosecond, -time.Hour} {
		if got := in(time.Microsecond, unpadded(d)); got != "-1" {
			t.Errorf("%v: %s", d, got)
		}
	}
}

func TestBreaker(t *testing.T) {
	var b breaker
	b.init()
	b.close()
	run := func(ends string) bool { // f: failed
		b.close()
		for _, e := range ends {
			if e == 'f' {
				b.done("it failed")
			} else {
				b.done("")
			}
		}
		return !b.shut.Load()
	}
	for ends, open := range map[string]bool{
		"": false, "ff": false, "fff": true, "ffsff": false, "fsfsfsfsfsfsfs": false, "fsfsfsfsfsfsfsf": true,
		"ffsffsffsff": true, "fssfssfssfssfssfssfssfssfssf": false,
	} {
		if run(ends) != open {
			t.Errorf("%q: open %v", ends, !open)
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(&cache.Answer{Found: true, Version: 7, ETag: `"t"`, Body: []byte("{}")}, 1234, 1<<20))
	f.Add(encode(&cache.Answer{Body: make([]byte, 100)}, 1, 10))
	f.Add([]byte("P1 1 2 1 99\nshort"))
	f.Add([]byte("P1 1 2 1 -1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		a, born, err := decode(b)
		if err != nil {
			return
		}
		again, born2, err := decode(encode(a, born, 1<<30))
		if err != nil || born != born2 || again.Version != a.Version || again.ETag != a.ETag || again.Found != a.Found || !bytes.Equal(again.Body, a.Body) {
			t.Fatalf("%q: %+v, then %+v, %v", b, a, again, err)
		}
	})
}
