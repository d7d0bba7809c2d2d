package sqltext_test

import (
	"testing"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/store/sqltext"
)

func FuzzTime(f *testing.F) {
	for _, t := range []time.Time{{}, time.Unix(0, 0), time.Date(2024, 2, 29, 23, 59, 59, 999999000, time.UTC),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999999000, time.UTC), time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)} {
		f.Add(t.UnixMicro(), int64(1))
	}
	f.Add(int64(1)<<62, int64(-1)<<62)
	f.Fuzz(func(t *testing.T, micro, step int64) {
		text, err := sqltext.AppendTime(nil, micro)
		at := time.UnixMicro(micro).UTC()
		if outside := at.Year() < 0 || at.Year() > 9999; outside != (fault.CodeOf(err) == fault.OutOfBounds) {
			t.Fatalf("%v: %v", at, err)
		}
		if err != nil {
			return
		}
		if want := at.Format("2006-01-02T15:04:05.000000Z"); string(text) != want || len(text) != sqltext.TimeSize {
			t.Fatalf("%q, want %q", text, want)
		}
		if back, ok := sqltext.ParseTime(text); !ok || back != micro {
			t.Fatalf("%q is read as %d, want %d", text, back, micro)
		}
		other, err := sqltext.AppendTime(nil, micro+step)
		if err == nil && (string(other) < string(text)) != (micro+step < micro) {
			t.Fatalf("%q and %q sort the wrong way round", text, other)
		}
		day, ok := sqltext.ParseDate(text[:10])
		date, err := sqltext.AppendDate(nil, day)
		if !ok || err != nil || string(date) != string(text[:10]) {
			t.Fatalf("%q is day %d, and that %q", text[:10], day, date)
		}
	})
}

func TestTextThatIsNoTime(t *testing.T) {
	for _, s := range []string{"", "2026-01-31", "2026-01-31T08:05:00Z", "2026-01-31T24:05:00.000000Z", "2026-13-31T08:05:00.000000Z", "2026-01-31 08:05:00.000000Z", "2026-01-31T08:05:0x.000000Z"} {
		if _, ok := sqltext.ParseTime([]byte(s)); ok {
			t.Errorf("%q was read", s)
		}
	}
	for _, day := range []int64{-719529, 2932897} {
		if _, err := sqltext.AppendDate(nil, day); fault.CodeOf(err) != fault.OutOfBounds {
			t.Errorf("day %d: %v", day, err)
		}
	}
}
