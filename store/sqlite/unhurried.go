package sqlite

import (
	"time"

	"github.com/ncruces/go-sqlite3/vfs"
)

const (
	atOnce = 64                     // pages are written, which takes a fifth of a millisecond
	pause  = 200 * time.Microsecond // then at least, in which the runtime looks who else has something to do
)

// unhurried registers another form of a file system and gives its name: its databases are written with pauses. The keeper has
// it: a checkpoint copies tens of thousands of pages, with one processor for a twentieth of a second, and whoever asked for
// something meanwhile would have to wait. To yield is not enough: the runtime looks for what has arrived on connections when nothing
// else can run.
func unhurried(name string) string {
	return wrap("unhurried-"+name, name, vfs.OPEN_MAIN_DB, slow)
}

func slow(f vfs.File) vfs.File { return &unhurriedFile{database: database{f}} }

type unhurriedFile struct {
	database
	written int
}

func (f *unhurriedFile) WriteAt(p []byte, off int64) (int, error) {
	if f.written++; f.written%atOnce == 0 {
		time.Sleep(pause)
	}
	return f.File.WriteAt(p, off)
}
