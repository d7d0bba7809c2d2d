package drill

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/partita-dev/partita/internal/load"
	"github.com/partita-dev/partita/model"
	"github.com/partita-dev/partita/store"
)

// maxCases bounds the cases that a report lists of one broken promise.
const maxCases = 5

// book is the change log of one partition, against what callers were told.
type book struct {
	place   store.Partition
	changes []*store.Change
	writes  []*load.Note
	reads   []*load.Note
}

// books holds what callers were told against the change log: writes that were acknowledged, the order
// of accepted ones, and the age of answers.
func (s *scene) books(ctx context.Context) ([]Promise, error) {
	operations, promise, err := s.operations(ctx)
	if err != nil {
		return nil, err
	}
	list, err := s.openBooks(ctx)
	if err != nil {
		return nil, err
	}
	a := audit{s: s, operations: operations}
	for _, b := range list {
		a.writes(b)
		a.order(b)
		a.ages(b)
	}
	return append(promise, a.promises()...), nil
}

// openBooks reads the change log of every partition that was asked for. An embedded store is only read
// while no node has it.
func (s *scene) openBooks(ctx context.Context) (_ []*book, err error) {
	embedded := s.stage.StoreLink == nil
	if embedded {
		for _, n := range s.stage.Nodes {
			if err := n.Stop(); err != nil {
				return nil, err
			}
		}
		defer func() { err = errors.Join(err, s.stage.Start(ctx)) }()
	}
	st, _, err := s.stage.Open(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()

	by := map[store.Partition]*book{}
	var list []*book
	for i := range s.result.Notes {
		n := &s.result.Notes[i]
		p := &s.mix.Patterns[n.Pattern]
		if p.Read != nil && p.Read.Of.View != nil || p.Read != nil && n.Class != load.Good {
			continue
		}
		place := store.Partition{Family: p.Family(), Value: s.world.Partition(p.Family(), n.Draw.Partition)}
		b := by[place]
		if b == nil {
			b = &book{place: place}
			by[place] = b
			list = append(list, b)
		}
		if p.Read != nil {
			b.reads = append(b.reads, n)
		} else {
			b.writes = append(b.writes, n)
		}
	}
	for _, b := range list {
		if len(b.writes) == 0 {
			continue // nothing happened there, so there is nothing that could be old or missing
		}
		for after := uint64(0); ; {
			some, err := st.Changes(ctx, b.place, after, 1000)
			if err != nil {
				return nil, err
			}
			b.changes = append(b.changes, some...)
			if len(some) < 1000 {
				break
			}
			after = some[len(some)-1].Version
		}
	}
	return list, nil
}

// at gives the change of a version; nil if there is none.
func (b *book) at(version uint64) *store.Change {
	i := sort.Search(len(b.changes), func(i int) bool { return b.changes[i].Version >= version })
	if i < len(b.changes) && b.changes[i].Version == version {
		return b.changes[i]
	}
	return nil
}

// audit adds up what the books say.
type audit struct {
	s          *scene
	operations map[*load.Note]operation

	acknowledged, accepted, checked int // writes, accepted writes, answers
	lost, doubled, disordered, old  []string
	oldest                          time.Duration // by which an answer was older than it may be
}

func note(list *[]string, format string, args ...any) {
	if len(*list) <= maxCases {
		*list = append(*list, fmt.Sprintf(format, args...))
	}
}

// inserts tells whether a write always changes something, so that its change can be looked for.
func inserts(w *model.Write) bool {
	return slices.ContainsFunc(w.Steps, func(s *model.Step) bool { return s.Op == model.OpInsert && s.If == nil && s.Each == nil })
}

// writes looks for the change of every acknowledged write, and for changes that nobody asked for.
func (a *audit) writes(b *book) {
	taken := map[uint64]*load.Note{}
	done, doubt := map[string]int{}, map[string]int{} // by write
	for _, n := range b.writes {
		w := a.s.mix.Patterns[n.Pattern].Write
		version := n.Version
		op, accepted := a.operations[n]
		switch {
		case accepted && op.failed:
			continue
		case accepted:
			version = op.version
			a.accepted++
		case n.Status == 0 || n.Status == 504 || n.Status == 500 || n.Class == load.Unanswered:
			doubt[w.Name]++
			continue
		case n.Status >= 300:
			continue
		default:
			a.acknowledged++
		}
		if !inserts(w) {
			continue
		}
		done[w.Name]++
		c := b.at(version)
		switch {
		case c == nil || c.Write != w.Name:
			note(&a.lost, "%s in %s, acknowledged as version %d after %.1f s", w.Name, placeName(b.place), version, n.Done.Seconds())
		case taken[version] != nil:
			note(&a.lost, "two of %s in %s were both acknowledged as version %d", w.Name, placeName(b.place), version)
		}
		taken[version] = n
	}
	found := map[string]int{}
	for _, c := range b.changes {
		if !c.Time.Before(a.s.began.Truncate(time.Microsecond)) {
			found[c.Write]++
		}
	}
	for name, n := range found {
		if w := a.s.stage.Model.Write(name); w != nil && inserts(w) && n > done[name]+doubt[name] {
			note(&a.doubled, "%s in %s took place %d times for %d acknowledgements and %d callers who do not know", name, placeName(b.place), n, done[name], doubt[name])
		}
	}
}

// order looks whether accepted writes of a partition took place in the order in which they were
// accepted, where one was submitted after the other had been accepted.
func (a *audit) order(b *book) {
	type step struct {
		at      time.Duration
		version uint64
		done    bool
	}
	var steps []step
	for _, n := range b.writes {
		op, accepted := a.operations[n]
		if accepted && !op.failed && inserts(a.s.mix.Patterns[n.Pattern].Write) {
			steps = append(steps, step{n.Sent, op.version, false}, step{n.Done, op.version, true})
		}
	}
	slices.SortFunc(steps, func(a, b step) int {
		if a.at != b.at {
			return int(a.at - b.at)
		}
		if a.done == b.done {
			return 0
		}
		if a.done {
			return 1 // what happened at the same moment was not one after the other
		}
		return -1
	})
	var latest uint64 // of those that were accepted so far
	for _, st := range steps {
		if st.done {
			latest = max(latest, st.version)
		} else if st.version < latest {
			note(&a.disordered, "in %s version %d was accepted after version %d", placeName(b.place), st.version, latest)
		}
	}
}

// acknowledgedAt gives, by version, when a caller was told of it.
func (b *book) acknowledgedAt() map[uint64]time.Duration {
	at := map[uint64]time.Duration{}
	for _, n := range b.writes {
		if n.Status >= 200 && n.Status < 300 && n.Status != 202 && n.Version > 0 {
			if old, known := at[n.Version]; !known || n.Done < old {
				at[n.Version] = n.Done
			}
		}
	}
	return at
}

// ages looks for answers that lack a change although it was acknowledged longer before than the model
// allows: `fresh`, or for an answer that says so `stale`.
func (a *audit) ages(b *book) {
	acknowledged := b.acknowledgedAt()
	type touch struct {
		version uint64
		at      time.Duration
	}
	touched := map[model.Tag][]touch{}
	var tags []model.Tag
	for _, c := range b.changes {
		at, ok := acknowledged[c.Version]
		if !ok {
			continue
		}
		for i := range c.Rows {
			tags = a.s.stage.Model.Touches(tags[:0], &c.Rows[i])
			for _, t := range tags {
				touched[t] = append(touched[t], touch{c.Version, at})
			}
		}
	}
	for _, n := range b.reads {
		read := a.s.mix.Patterns[n.Pattern].Read
		bound := read.Fresh
		if n.Stale {
			bound = read.Stale
		}
		a.checked++
		for _, t := range touched[read.Tag(a.s.world.ReadArgs(read, n.Draw))] {
			if by := n.Sent - bound - t.at; t.version > n.Version && by > 0 {
				a.oldest = max(a.oldest, by)
				note(&a.old, "%s after %.1f s: version %d, although version %d was acknowledged %s before and at most %s is allowed",
					a.s.world.Address(read, n.Draw), n.Sent.Seconds(), n.Version, t.version, (n.Sent - t.at).Round(time.Millisecond), bound)
				break
			}
		}
	}
}

// promises gives the verdicts.
func (a *audit) promises() []Promise {
	writes := kept("acknowledged writes", "each is there, in its version", len(a.lost) == 0, "%d acknowledged and %d accepted, %s missing", a.acknowledged, a.accepted, several(a.lost))
	if a.acknowledged+a.accepted == 0 {
		writes = unjudged(writes.Name, writes.Bound, "no write was acknowledged")
	}
	writes.Details = a.lost
	twice := kept("done once", "no write took place twice", len(a.doubled) == 0, "%s more often than asked", several(a.doubled))
	twice.Details = a.doubled
	ages := kept("age of answers", "fresh, and stale where an answer says so", len(a.old) == 0, "%d answers looked at, %s too old", a.checked, several(a.old))
	if a.oldest > 0 {
		ages.Figure += fmt.Sprintf(", by %s at worst", a.oldest.Round(time.Millisecond))
	}
	ages.Details = a.old
	list := []Promise{writes, twice, ages}
	if a.accepted > 0 {
		order := kept("order of accepted writes", "as they were accepted, by partition", len(a.disordered) == 0, "%d looked at, %s out of order", a.accepted, several(a.disordered))
		order.Details = a.disordered
		list = append(list, order)
	}
	return list
}

func several(cases []string) string {
	switch n := len(cases); {
	case n == 0:
		return "none"
	case n > maxCases:
		return fmt.Sprintf("more than %d", maxCases)
	default:
		return fmt.Sprint(n)
	}
}

func placeName(p store.Partition) string {
	return p.Family.Name + " " + string(model.AppendText(nil, p.Value))
}
