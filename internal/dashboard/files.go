package dashboard

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"time"
)

//go:embed page
var embedded embed.FS

// files are the page's own files by their address.
type files struct{ byPath map[string]file }

type file struct {
	body []byte
	mime string
	etag string
}

func loadFiles() (*files, error) {
	f := &files{byPath: map[string]file{}}
	err := fs.WalkDir(embedded, "page", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := embedded.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(body)
		kind := mimeType(name)
		address := strings.TrimPrefix(name, "page")
		switch address {
		case "/index.html":
			address = "/"
		case "/login.html":
			address = "/login"
		}
		f.byPath[address] = file{body, kind, `"` + hex.EncodeToString(sum[:8]) + `"`}
		return nil
	})
	return f, err
}

// mimeType does not ask the machine's own table, which may say something else.
func mimeType(name string) string {
	switch path.Ext(name) {
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".html":
		return "text/html; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// open tells whether a file may be seen without a token: all but the page itself.
func (f *files) open(address string) bool {
	_, ok := f.byPath[address]
	return ok && address != "/"
}

// ServeHTTP serves the files.
func (f *files) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	x, ok := f.byPath[r.URL.Path]
	if !ok {
		http.Error(w, "There is nothing here. The page is at /, figures are at /status and /metrics, profiles at /debug/pprof/.", http.StatusNotFound)
		return
	}
	h := w.Header()
	h.Set("Content-Type", x.mime)
	h.Set("Cache-Control", "no-cache")
	h.Set("Etag", x.etag)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(x.body))
}
