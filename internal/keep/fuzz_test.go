package keep

import (
	"bytes"
	"strings"
	"testing"
	"time"
)

// Whatever a file holds, reading it as a backup ends with what is in it, or with words that say it is none.
func FuzzBackup(f *testing.F) {
	var whole bytes.Buffer
	a, err := newArchive(&whole, &Manifest{Format: format, Service: "shop", Made: time.Unix(0, 0).UTC(), Followed: []string{}})
	if err != nil {
		f.Fatal(err)
	}
	if err := a.put(modelEntry, []byte("service: shop\n"), 0); err != nil {
		f.Fatal(err)
	}
	a.begin("rows", "order", "_version", "id")
	for range 3 {
		if err := a.line(func(b []byte) []byte { return append(b, `[1,"x"]`...) }); err != nil {
			f.Fatal(err)
		}
	}
	if err := a.end(); err != nil {
		f.Fatal(err)
	}
	if err := a.close(); err != nil {
		f.Fatal(err)
	}
	f.Add(whole.Bytes())
	f.Add(whole.Bytes()[:whole.Len()/2])
	f.Add([]byte("no backup"))
	f.Fuzz(func(t *testing.T, file []byte) {
		m, source, err := verify(bytes.NewReader(file), func(int64) {})
		switch {
		case err == nil && (m == nil || source == nil):
			t.Error("a backup without a manifest or a model is taken")
		case err != nil && !strings.HasPrefix(err.Error(), "the backup "):
			t.Errorf("it is not said what is wrong: %v", err)
		}
	})
}
