package keep

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"testing"

	"github.com/partita-dev/partita/bus"
)

// Accepted writes that wait in a folder are read and left there, and put back in another one in the same order.
func TestAcceptedWritesAreCarriedOver(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	b, err := bus.Open(t.Context(), bus.Config{Service: "kept", Node: "n", Dir: filepath.Join(from, "bus"), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	for n := range 200 {
		if err := b.Append(t.Context(), n%bus.Buckets, fmt.Appendf(nil, "command %d", n)); err != nil {
			t.Fatal(err)
		}
	}
	var told bytes.Buffer // as a running service tells them
	if err := WriteCommands(t.Context(), &told, b); err != nil {
		t.Fatal(err)
	}
	whole := told.Bytes()
	var heard []Command
	if err := ReadCommands(bytes.NewReader(whole), func(c Command) { heard = append(heard, c) }); err != nil {
		t.Fatal(err)
	}
	if err := ReadCommands(bytes.NewReader(whole[:len(whole)/2]), func(Command) {}); err == nil {
		t.Error("half of the commands pass for all")
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	place := func(folder string) Place {
		return Place{Service: "kept", Embedded: true, Folder: folder,
			Hold: func() (func() error, bool, error) { return func() error { return nil }, true, nil }}
	}
	read := func(folder string) []Command {
		t.Helper()
		list, err := Waiting(context.Background(), place(folder))
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	same := func(what string, got []Command) {
		t.Helper()
		for shard := range bus.Shards { // between shards there is no order
			pick := func(list []Command) (out []string) {
				for _, c := range list {
					if c.Shard == shard {
						out = append(out, string(c.Body))
					}
				}
				return out
			}
			if !slices.Equal(pick(got), pick(heard)) {
				t.Errorf("%s: shard %d has %v, want %v", what, shard, pick(got), pick(heard))
			}
		}
	}
	if len(heard) != 200 {
		t.Fatalf("%d commands wait", len(heard))
	}
	first := read(from)
	same("stopped", first)
	same("again", read(from))
	if err := Resubmit(t.Context(), place(to), first); err != nil {
		t.Fatal(err)
	}
	same("carried over", read(to))
	if list := read(t.TempDir()); len(list) != 0 {
		t.Errorf("%d commands wait where there is no bus", len(list))
	}
}
