package store

import "github.com/partita-dev/partita/model"

type takenNumber struct {
	counter *counterState
	before  int64
}

func (t *tx) Next(e *model.Entity, f *model.Field) (int64, error) {
	c, err := t.counter(e, f)
	if err != nil {
		return 0, err
	}
	t.raise(c, c.N+1)
	return c.N, nil
}

func (t *tx) Reserve(e *model.Entity, f *model.Field, n int64) error {
	c, err := t.counter(e, f)
	if err == nil && n > c.N {
		t.raise(c, n)
	}
	return err
}

// counter gives the state of the numbers that a field takes in this partition.
func (t *tx) counter(e *model.Entity, f *model.Field) (*counterState, error) {
	if err := t.usable(e); err != nil {
		return nil, err
	}
	key := counterKey{t.part.partition, f}
	c := t.group.counters[key]
	if c == nil {
		n, err := t.group.source.Counter(t.part.partition, e, f)
		if err != nil {
			return nil, err
		}
		c = &counterState{CounterWrite: CounterWrite{Partition: t.part.partition, Entity: e, Field: f, N: n}}
		t.group.counters[key] = c
	}
	return c, nil
}

// raise takes all numbers up to n, until the write is undone.
func (t *tx) raise(c *counterState, n int64) {
	t.taken = append(t.taken, takenNumber{c, c.N})
	c.N = n
}
