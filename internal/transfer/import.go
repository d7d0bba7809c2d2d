package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/partita-dev/partita/fault"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// chunkRows is how many rows are read and committed together. A resumed import cuts the file in the
// same places, so changing it makes old checkpoints useless.
const chunkRows = 2000

// ImportOptions say what to import. All fields but the last two are required.
type ImportOptions struct {
	Model  *model.Model
	Store  store.Store
	Entity *model.Entity
	Format Format
	Source io.Reader // with a Checkpoint also an io.Seeker
	// Checkpoint remembers how far the import has come; nil: it cannot be resumed.
	Checkpoint *Checkpoint
	// Refused is told each refused row, in the order of lines within a chunk.
	Refused func(line int, why string) error
	// Progress is told after each chunk; nil: nobody is told.
	Progress func(Summary, int64)
}

// Summary counts what came of the rows of a file.
type Summary struct {
	Inserted int `json:"inserted"`
	Present  int `json:"present"` // were there already, with the same values
	Refused  int `json:"refused"`
}

func (s *Summary) add(o Summary) {
	s.Inserted += o.Inserted
	s.Present += o.Present
	s.Refused += o.Refused
}

// Rows counts the rows that were dealt with.
func (s Summary) Rows() int { return s.Inserted + s.Present + s.Refused }

// Import puts the rows of a file into the store. A row that the model refuses, or whose key is taken
// by another row, is left out and told. An error means that the import stopped: what was done stays,
// and with a checkpoint the same import goes on from there. Rows that a broken-off import had put in
// already are not put in twice.
func Import(ctx context.Context, o ImportOptions) (Summary, error) {
	if o.Entity.View != nil {
		return Summary{}, fmt.Errorf("%s is kept by a view: import the entity that it comes from, %s", o.Entity.Name, o.Entity.View.From.Name)
	}
	src, err := newRecords(o.Source, o.Format, o.Entity)
	if err != nil {
		return Summary{}, err
	}
	var total Summary
	if c := o.Checkpoint; c != nil && c.state.At.Offset > 0 {
		if err := src.seek(c.state.At); err != nil {
			return Summary{}, err
		}
		total = c.state.Done
	}

	ctx, stop := context.WithCancel(ctx)
	chunks := make(chan *chunk, 1) // one is read while the one before is committed
	var readErr error
	finished := make(chan struct{})
	go func() {
		defer close(finished)
		defer close(chunks)
		readErr = readChunks(ctx, src, &o, chunks)
	}()
	defer func() { stop(); <-finished }()

	for c := range chunks {
		done, err := c.commit(ctx)
		if err != nil {
			return total, err
		}
		if err := c.tell(); err != nil {
			return total, err
		}
		total.add(done)
		if o.Checkpoint != nil {
			if err := o.Checkpoint.advance(c.end, total); err != nil {
				return total, err
			}
		}
		if o.Progress != nil {
			o.Progress(total, c.end.Offset)
		}
	}
	<-finished
	if readErr == nil && o.Checkpoint != nil {
		readErr = o.Checkpoint.finish()
	}
	return total, errors.Join(readErr, context.Cause(ctx))
}

// readChunks cuts the rest of the file into chunks.
func readChunks(ctx context.Context, src *records, o *ImportOptions, to chan<- *chunk) error {
	for {
		c := newChunk(o, src.at)
		for range chunkRows {
			rec, err := src.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			c.add(rec)
		}
		c.end = src.at
		if c.rows == 0 {
			return nil
		}
		select {
		case to <- c:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// chunk is some rows of the file, as one write for each partition in it.
type chunk struct {
	o          *ImportOptions
	start, end position
	rows       int
	refused    []refusal
	batches    []*batch
	at         map[model.Value]*batch
}

type refusal struct {
	Line int    `json:"line"`
	Why  string `json:"why"`
}

func newChunk(o *ImportOptions, start position) *chunk {
	return &chunk{o: o, start: start, at: map[model.Value]*batch{}}
}

// add sorts a row into the write of its partition.
func (c *chunk) add(rec record) {
	c.rows++
	if rec.err != nil {
		c.refused = append(c.refused, refusal{rec.line, sentence(rec.err)})
		return
	}
	partition := rec.args.Values[0]
	b := c.at[partition]
	if b == nil {
		b = &batch{o: c.o, partition: partition}
		c.at[partition] = b
		c.batches = append(c.batches, b)
	}
	b.add(rec)
}

// commit hands the chunk to the store and waits until it is durable.
func (c *chunk) commit(ctx context.Context) (Summary, error) {
	done := Summary{Refused: len(c.refused)}
	writes := make([]*store.Write, len(c.batches))
	for i, b := range c.batches {
		writes[i] = b.write(c.start, c.end)
	}
	const most = 1000 // well below what a store lets wait
	for len(writes) > 0 {
		n := min(most, len(writes))
		c.o.Store.Commit(ctx, writes[:n]...)
		writes = writes[n:]
	}
	for _, b := range c.batches {
		if err := b.conclude(); err != nil {
			return done, fmt.Errorf("the import stopped after line %d: %w", c.start.Line, err)
		}
		done.Inserted += b.done.Inserted
		done.Present += b.done.Present
		done.Refused += len(b.done.Refused)
		c.refused = append(c.refused, b.done.Refused...)
	}
	return done, nil
}

// tell lists the refused rows, in the order of the file.
func (c *chunk) tell() error {
	if c.o.Refused == nil {
		return nil
	}
	sortRefusals(c.refused)
	for _, r := range c.refused {
		if err := c.o.Refused(r.Line, r.Why); err != nil {
			return fmt.Errorf("writing the list of refused rows: %w", err)
		}
	}
	return nil
}

// now is the time of a batch's write.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// stopped tells whether an error is about the store rather than about the row.
func stopped(err error) bool {
	switch fault.CodeOf(err) {
	case fault.InvalidInput, fault.OutOfBounds, fault.Exists, fault.NotUnique:
		return false
	}
	return true
}
