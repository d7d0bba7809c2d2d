// Package keep keeps data and loses it on purpose: backups of a whole store, taken beside running nodes;
// their restoring, in a new incarnation; and the erasing of a partition, with a certificate.
//
// A backup is one file: a tar archive, compressed by zstd. It has the model, and of each entity and each
// of the store's own books files of lines: an array of columns' names first, then one JSON array for
// each record. The last entry, manifest.json, tells what is in the others, with their SHA-256. The same
// file can be restored into either kind of store.
package keep

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/klauspost/compress/zstd"
)

// format is the version of the archive's layout.
const format = 1

// The names of entries.
const (
	modelEntry    = "model.yaml"
	manifestEntry = "manifest.json"
	folderEntry   = "folder/" // then the name of a file of the data folder
)

// Manifest tells what a backup is.
type Manifest struct {
	Format      int       `json:"format"`
	Service     string    `json:"service"`
	Made        time.Time `json:"made"`    // a moment before the snapshot
	Partita     string    `json:"partita"` // version of the program that made it
	Store       string    `json:"store"`   // kind and version
	Incarnation string    `json:"incarnation"`
	Model       string    `json:"model"` // its revision
	Followed    []string  `json:"followed"`
	// Accepted says what of the accepted writes that waited is in the backup.
	Accepted string `json:"accepted"`
	// Left names what is in the store and not in the model, and so not in the backup.
	Left    []string `json:"left,omitempty"`
	Entries []Entry  `json:"entries"`
}

// Entry is one file of the archive.
type Entry struct {
	Name    string `json:"name"`
	Bytes   int64  `json:"bytes"`
	Records int    `json:"records"`
	SHA256  string `json:"sha256"`
}

// Records adds up the records of a kind: rows, heads, changes, outcomes, counters or accepted.
func (m *Manifest) Records(kind string) (n int) {
	for _, e := range m.Entries {
		if strings.HasPrefix(e.Name, kind+"/") {
			n += e.Records
		}
	}
	return n
}

// Declared adds up those records of a kind that are of the model's own entities and partitions, without
// what the service keeps for itself beside them.
func (m *Manifest) Declared(kind string) (n int) {
	for _, e := range m.Entries {
		if strings.HasPrefix(e.Name, kind+"/") && !strings.HasPrefix(e.Name, kind+"/partita_") {
			n += e.Records
		}
	}
	return n
}

// chunkBytes is about how large a file of lines becomes before another one is begun.
const chunkBytes = 4 << 20

// archive writes the entries of a backup.
type archive struct {
	zip      *zstd.Encoder
	tar      *tar.Writer
	manifest *Manifest

	name    string // of the lines that are gathered: kind and what of
	head    []byte
	chunk   []byte
	count   int
	part    int
	records int // of all
}

func newArchive(w io.Writer, m *Manifest) (*archive, error) {
	zip, err := zstd.NewWriter(w, zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(8<<20))
	if err != nil {
		return nil, err
	}
	return &archive{zip: zip, tar: tar.NewWriter(zip), manifest: m}, nil
}

// put adds a whole entry.
func (a *archive) put(name string, body []byte, records int) error {
	if name != manifestEntry {
		sum := sha256.Sum256(body)
		a.manifest.Entries = append(a.manifest.Entries, Entry{name, int64(len(body)), records, hex.EncodeToString(sum[:])})
	}
	h := &tar.Header{Name: name, Size: int64(len(body)), Mode: 0o600, ModTime: a.manifest.Made, Format: tar.FormatPAX}
	if err := a.tar.WriteHeader(h); err != nil {
		return err
	}
	_, err := a.tar.Write(body)
	return err
}

// begin begins the lines of a kind, with the names of their columns.
func (a *archive) begin(kind, of string, columns ...string) {
	head, err := json.Marshal(columns)
	if err != nil {
		panic(err) // names are strings
	}
	a.name, a.head, a.part = kind+"/"+of, append(head, '\n'), 0
	a.chunk, a.count = append(a.chunk[:0], a.head...), 0
}

// line adds a record that next has appended to the chunk.
func (a *archive) line(next func([]byte) []byte) error {
	a.chunk = append(next(a.chunk), '\n')
	a.count++
	a.records++
	if len(a.chunk) >= chunkBytes {
		return a.flush()
	}
	return nil
}

func (a *archive) flush() error {
	a.part++
	err := a.put(fmt.Sprintf("%s/%06d.ndjson", a.name, a.part), a.chunk, a.count)
	a.chunk, a.count = append(a.chunk[:0], a.head...), 0
	return err
}

// end ends the lines.
func (a *archive) end() error {
	if a.count == 0 {
		return nil
	}
	return a.flush()
}

// close writes the manifest and ends the archive.
func (a *archive) close() error {
	text, err := json.MarshalIndent(a.manifest, "", "  ")
	if err != nil {
		return err
	}
	return errors.Join(a.put(manifestEntry, append(text, '\n'), 0), a.tar.Close(), a.zip.Close())
}

// damaged is what is said of a backup that is not whole: what of it, and what to do.
func damaged(format string, args ...any) error {
	return fmt.Errorf("the backup is damaged or not whole (%s): take another one", fmt.Sprintf(format, args...))
}

// reading reads the entries of a backup, one after the other.
type reading struct {
	zip *zstd.Decoder
	tar *tar.Reader
}

func openReading(r io.Reader) (*reading, error) {
	zip, err := zstd.NewReader(r, zstd.WithDecoderMaxMemory(1<<30), zstd.WithDecoderMaxWindow(64<<20))
	if err != nil {
		return nil, damaged("it cannot be read")
	}
	return &reading{zip: zip, tar: tar.NewReader(zip)}, nil
}

// maxEntry bounds an entry: a chunk ends with the record that fills it.
const maxEntry = 128 << 20

// next gives the next entry; io.EOF behind the last.
func (r *reading) next() (name string, body []byte, err error) {
	h, err := r.tar.Next()
	if errors.Is(err, io.EOF) {
		return "", nil, r.end()
	}
	if err != nil {
		return "", nil, damaged("it ends or breaks in the middle, or is no backup")
	}
	if h.Size > maxEntry {
		return "", nil, damaged("%s is too large", h.Name)
	}
	var b bytes.Buffer
	if _, err := io.Copy(&b, r.tar); err != nil || int64(b.Len()) != h.Size {
		return "", nil, damaged("%s cannot be read", h.Name)
	}
	return h.Name, b.Bytes(), nil
}

// end reads what stands behind the last entry. The sum over all bytes stands there, which alone tells that
// the manifest is as it was written.
func (r *reading) end() error {
	const most = 1 << 20
	if n, err := io.Copy(io.Discard, io.LimitReader(r.zip, most)); err != nil || n == most {
		return damaged("it breaks at its end")
	}
	return io.EOF
}

func (r *reading) close() { r.zip.Close() }

// verify reads a whole backup and holds it against its manifest. It gives the manifest and the model's
// source too.
func verify(r io.Reader, progress func(bytes int64)) (m *Manifest, source []byte, err error) {
	in, err := openReading(r)
	if err != nil {
		return nil, nil, err
	}
	defer in.close()
	sums := map[string]string{}
	var total int64
	for {
		name, body, err := in.next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, nil, err
		}
		if m != nil {
			return nil, nil, damaged("something stands behind its end")
		}
		switch name {
		case manifestEntry:
			m = &Manifest{}
			if err := json.Unmarshal(body, m); err != nil {
				return nil, nil, damaged("its manifest cannot be read")
			}
			continue
		case modelEntry:
			source = body
		}
		sum := sha256.Sum256(body)
		sums[name] = hex.EncodeToString(sum[:])
		total += int64(len(body))
		progress(total)
	}
	switch {
	case m == nil:
		return nil, nil, damaged("it has no end")
	case m.Format != format:
		return nil, nil, fmt.Errorf("the backup has the format %d, and this Partita reads format %d: use the Partita that made it (%s)", m.Format, format, m.Partita)
	case len(m.Entries) != len(sums):
		return nil, nil, damaged("it has %d files instead of %d", len(sums), len(m.Entries))
	case source == nil:
		return nil, nil, damaged("the model is missing")
	}
	for _, e := range m.Entries {
		if sums[e.Name] != e.SHA256 {
			return nil, nil, damaged("%s is not what was written", e.Name)
		}
	}
	return m, source, nil
}
