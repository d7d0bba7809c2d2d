package keep

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/partita-dev/partita/bus"
)

// Place says where accepted writes wait: on the servers of URLs, or else, where the store is embedded, on
// a bus in its folder.
type Place struct {
	Service  string
	URLs     []string
	Embedded bool
	Folder   string
	// Hold keeps services from the folder; ok is false where one runs on it. Ask then asks that one.
	// Both are needed for Waiting only.
	Hold func() (release func() error, ok bool, err error)
	Ask  func(ctx context.Context, each func(Command)) error
}

// busPatience is how long a bus may take to be there.
const busPatience = 15 * time.Second

func (p *Place) open(ctx context.Context) (*bus.Bus, error) {
	c := bus.Config{Service: p.Service, Node: "partita-backup", URLs: p.URLs, Logger: slog.New(slog.DiscardHandler)}
	if len(p.URLs) == 0 {
		c.Dir = p.folder()
	}
	return bus.Open(ctx, c)
}

func (p *Place) folder() string { return filepath.Join(p.Folder, "bus") }

// Waiting gives the accepted writes that wait, and leaves them where they are. Some that were just carried
// out may be among them.
func Waiting(ctx context.Context, p Place) (list []Command, err error) {
	switch {
	case len(p.URLs) > 0:
	case !p.Embedded:
		return nil, nil
	default:
		release, ok, held := p.Hold()
		if held != nil {
			return nil, held
		}
		if !ok {
			err = p.Ask(ctx, func(c Command) { list = append(list, c) })
			return list, err
		}
		defer func() { err = errors.Join(err, release()) }()
		if _, err := os.Stat(p.folder()); err != nil {
			return nil, nil // nothing was ever accepted
		}
	}
	b, err := p.open(ctx)
	if err != nil {
		return nil, err
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(ctx, busPatience)
	defer cancel()
	err = b.Each(ctx, func(shard int, command []byte) error {
		list = append(list, Command{shard, append([]byte(nil), command...)})
		return nil
	})
	return list, err
}

// Resubmit puts accepted writes back where they wait to be carried out.
func Resubmit(ctx context.Context, p Place, list []Command) error {
	b, err := p.open(ctx)
	if err != nil {
		return err
	}
	for _, c := range list {
		if c.Shard < 0 || c.Shard >= bus.Shards {
			err = damaged("an accepted write belongs nowhere")
			break
		}
		one, cancel := context.WithTimeout(ctx, busPatience)
		err = b.Append(one, bus.BucketIn(c.Shard), c.Body)
		cancel()
		if err != nil {
			break
		}
	}
	return errors.Join(err, b.Close())
}

// commandLine is one accepted write as a running service tells it; the last line is an empty one, with
// End set.
type commandLine struct {
	Shard   int    `json:"shard"`
	Command []byte `json:"command,omitempty"`
	End     bool   `json:"end,omitempty"`
}

// WriteCommands writes the accepted writes that wait on a bus, for ReadCommands.
func WriteCommands(ctx context.Context, w io.Writer, b *bus.Bus) error {
	out := bufio.NewWriter(w)
	enc := json.NewEncoder(out)
	if err := b.Each(ctx, func(shard int, command []byte) error { return enc.Encode(commandLine{Shard: shard, Command: command}) }); err != nil {
		return err
	}
	return errors.Join(enc.Encode(commandLine{End: true}), out.Flush())
}

// ReadCommands reads what WriteCommands has written, all of it or with an error.
func ReadCommands(r io.Reader, each func(Command)) error {
	dec := json.NewDecoder(r)
	for {
		var c commandLine
		if err := dec.Decode(&c); err != nil {
			return fmt.Errorf("the service did not tell all accepted writes that wait; try again")
		}
		if c.End {
			return nil
		}
		each(Command{c.Shard, c.Command})
	}
}
