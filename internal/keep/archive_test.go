package keep

import (
	"bytes"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
)

// Whichever bit of a backup is turned over: it is refused, unless the same comes out of it all the same.
func TestEveryDamageIsFound(t *testing.T) {
	var out bytes.Buffer
	a, err := newArchive(&out, &Manifest{Format: format, Service: "kept", Made: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)})
	if err != nil {
		t.Fatal(err)
	}
	if err := a.put(modelEntry, []byte("service: kept\n"), 0); err != nil {
		t.Fatal(err)
	}
	if err := a.put("rows/entry/000001.ndjson", bytes.Repeat([]byte("[1,\"a\",\"note\"]\n"), 50), 50); err != nil {
		t.Fatal(err)
	}
	if err := a.close(); err != nil {
		t.Fatal(err)
	}
	whole := out.Bytes()
	zip, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer zip.Close()
	plain, err := zip.DecodeAll(whole, nil)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for i := range whole {
		for bit := range 8 {
			broken := bytes.Clone(whole)
			broken[i] ^= 1 << bit
			_, _, err := verify(bytes.NewReader(broken), func(int64) {})
			if err != nil {
				found++
				continue
			}
			if same, err := zip.DecodeAll(broken, nil); err != nil || !bytes.Equal(same, plain) {
				t.Errorf("bit %d of byte %d of %d was turned over, and nobody noticed", bit, i, len(whole))
			}
		}
	}
	if found < 7*len(whole) {
		t.Errorf("of %d bits only %d make a difference", 8*len(whole), found)
	}
}
